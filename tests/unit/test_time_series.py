"""`tseries`: what is refused, and how a series is drawn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from struct import pack

import pytest
from checking import Checked
from pybpftrace.core.types import OwnedType
from pybpftrace.plugins.stdlib.charts.time_series import Series, chart
from pybpftrace.plugins.stdlib.time_series import TimeSeries

SIGNED = (-(1 << 63), (1 << 63) - 1)
UNSIGNED = (0, (1 << 64) - 1)
MS = 1_000_000
WIDE = "_" * 51


@pytest.fixture(autouse=True)
def one_time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """UTC, on a machine whose TAI clock is the wall clock."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("pybpftrace.plugins.stdlib.charts.time_series._ahead", lambda: 0)
    yield
    monkeypatch.undo()
    time.tzset()


def drawn(values: dict[int, int], interval: int, *, count: int = 100, newest: int | None = None,
          limits: tuple[int, int] = SIGNED) -> list[str]:  # fmt: skip
    last = max(values, default=None) if newest is None else newest
    return chart(Series(values, last), interval, count, limits).split("\n")[:-1]


def test_rows_go_from_the_first_interval_with_a_value_to_the_newest() -> None:
    assert drawn({1: 18, 2: 24, 4: 57}, 100 * MS) == [
        f"{'':13}{18:<21}{57:>32}",
        f"hh:mm:ss.ms  |{WIDE}|",
        f"00:00:00.100 *{'':51}| 18",
        f"00:00:00.200 |{'':7}*{'':43}| 24",
        f"00:00:00.300 |{'':51}| -",
        f"00:00:00.400 |{'':51}* 57",
        f"{'':13}v{WIDE}v",
        f"{'':13}{18:<21}{57:>32}",
    ]


@pytest.mark.parametrize(
    ("interval", "heading", "first"),
    [
        (2_000_000_000, "hh:mm:ss |", "00:00:02 "),
        (1_000_000_000, "hh:mm:ss |", "00:00:01 "),
        (MS, "hh:mm:ss.ms  |", "00:00:00.001 "),
        (1_000, "hh:mm:ss.μs    |", "00:00:00.000001 "),
        (7, "hh:mm:ss.ns        |", "00:00:00.000000007 "),
    ],
)
def test_the_spacing_of_rows_decides_the_unit(interval: int, heading: str, first: str) -> None:
    lines = drawn({1: 1, 2: 2}, interval)
    assert lines[1].startswith(heading)
    assert lines[2].startswith(first)
    assert len(lines[1].encode()) == len(first) + 53


def test_a_single_row_shows_nanoseconds_and_its_value_in_the_middle_of_a_wider_range() -> None:
    assert drawn({3: 5}, 1_000_000_000) == [
        f"{'':19}{4:<21}{6:>32}",
        f"hh:mm:ss.ns        |{WIDE}|",
        f"00:00:03.000000000 |{'':25}*{'':25}| 5",
        f"{'':19}v{WIDE}v",
        f"{'':19}{4:<21}{6:>32}",
    ]


@pytest.mark.parametrize(
    ("value", "limits", "bounds"),
    [(0, UNSIGNED, ("0", "1")), (SIGNED[0], SIGNED, (str(SIGNED[0]), str(SIGNED[0] + 1))),
     (UNSIGNED[1], UNSIGNED, (str(UNSIGNED[1] - 1), str(UNSIGNED[1])))],
)  # fmt: skip
def test_the_range_of_one_value_stays_within_its_type(
    value: int, limits: tuple[int, int], bounds: tuple[str, str]
) -> None:
    assert drawn({1: value, 2: value}, MS, limits=limits)[0] == f"{'':13}{bounds[0]:<21}{bounds[1]:>32}"


def test_zero_is_marked_between_negative_and_positive_values() -> None:
    lines = drawn({1: -10, 2: 10}, MS)
    assert lines[2] == f"00:00:00.001 *{'':25}.{'':25}| -10"
    assert lines[3] == f"00:00:00.002 |{'':25}.{'':25}* 10"


def test_intervals_older_than_the_window_are_not_shown() -> None:
    assert [line[-2:] for line in drawn({1: 1, 8: 8, 9: 9}, MS, count=3)[2:-2]] == [" 8", " 9"]


def test_a_key_whose_values_are_all_too_old_has_one_empty_row() -> None:
    lines = drawn({1: 5}, MS, count=3, newest=100)
    assert lines[0] == f"{'':19}{'null':<21}{'null':>32}"
    assert lines[2:-2] == [f"00:00:00.100000000 |{'':51}| -"]


def test_without_values_there_is_no_chart() -> None:
    assert drawn({}, MS) == ["<no data>"]


def test_the_calendar_s_time_is_that_of_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-02:30")
    time.tzset()
    assert drawn({1: 1, 2: 2}, 1_000_000_000)[2].startswith("02:30:01 ")


def type_of(aggregation: str, *, intervals: int = 4, name: str = "tseries_t") -> OwnedType:
    return OwnedType("tseries", name, intervals * 24, (1000, intervals, aggregation), aggregation=True)


def part(*slots: tuple[int, int, int]) -> bytes:
    """(value, count or time, interval) of each slot."""
    return b"".join(pack("<qQQ", *slot) for slot in slots)


@pytest.mark.parametrize(
    ("aggregation", "values"),
    [
        ("sum", {8: 7, 9: -4}),
        ("avg", {8: 1, 9: -2}),
        ("min", {8: 3, 9: -4}),
        ("max", {8: 4, 9: -4}),
        ("", {8: 3, 9: -4}),
    ],
)
def test_the_parts_of_all_cpus_come_to_one_value_an_interval(aggregation: str, values: dict[int, int]) -> None:
    parts = [part((4, 2, 8), (-4, 2, 9), (0, 0, 0), (0, 0, 0)), part((3, 3, 8), (0, 0, 5), (0, 0, 0), (0, 0, 0))]
    assert TimeSeries().reduce(type_of(aggregation), parts).values == values


def test_of_a_slot_that_cpus_have_of_different_rounds_the_newest_counts() -> None:
    parts = [part((1, 1, 4), (0, 0, 0), (0, 0, 0), (0, 0, 0)), part((2, 1, 8), (0, 0, 0), (0, 0, 0), (0, 0, 0))]
    series = TimeSeries().reduce(type_of("sum"), parts)
    assert (series.values, series.newest) == ({8: 2}, 8)


def test_the_parts_of_all_cpus_are_one_part_of_the_same_value() -> None:
    parts = [part((4, 2, 8), (-4, 2, 9), (0, 0, 0), (7, 1, 3)), part((3, 3, 8), (0, 0, 5), (0, 0, 0), (0, 0, 0))]
    for aggregation in ("", "avg", "max", "min", "sum"):
        type_, tseries = type_of(aggregation), TimeSeries()
        assert tseries.reduce(type_, [tseries.merge(type_, parts)]) == tseries.reduce(type_, parts)


def test_the_newest_interval_is_that_of_the_whole_map() -> None:
    series = [Series({1: 1}, 1), Series({9: 1}, 9), Series({}, None)]
    noted = None
    for one in series:
        noted = TimeSeries().note(type_of(""), noted, one)
    assert [TimeSeries().among(type_of(""), one, noted).newest for one in series] == [9, 9, 9]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('tseries("a", 1, 1)', "tseries() only supports int arguments (string provided)"),
        ("tseries(1, -1, 1)", "tseries: invalid interval_ns value (must be non-negative literal)"),
        ("tseries(1, $x, 1)", "tseries: invalid interval_ns value (must be non-negative literal)"),
        ("tseries(1, 1, $x)", "tseries: invalid num_intervals value (must be non-negative literal)"),
        ("tseries(1, 0, 1)", "tseries() interval_ns must be >= 1 (0 provided)"),
        ("tseries(1, 1, 0)", "tseries() num_intervals must be >= 1 (0 provided)"),
        ("tseries(1, 1, 1000001)", "tseries() num_intervals must be < 1000000 (1000001 provided)"),
        ("tseries(1, 1, 1, 5)", "tseries() expects a string literal (int provided)"),
        (
            'tseries(1, 1, 1, "median")',
            'tseries() expects one of the following aggregation functions: avg, max, min, sum ("median" provided)',
        ),
        ("tseries(1)", "tseries() requires at least 3 arguments (1 provided)"),
        ('tseries(1, 1, 1, "avg", 5)', "tseries() takes up to 4 arguments (5 provided)"),
    ],
)
def test_a_call_that_is_refused(call: str, message: str) -> None:
    assert f"ERROR: {message}" in Checked(f"begin {{ $x = 1; @ = {call}; }}").printed


def test_two_settings_in_one_map_are_refused() -> None:
    printed = Checked("begin { @ = tseries(1, 1, 1); @ = tseries(1, 2, 1); }").printed
    assert "Different tseries bounds in a single map unsupported" in printed


def test_it_is_said_to_be_unstable_once() -> None:
    printed = Checked("begin { @ = tseries(1, 1, 1); @ = tseries(1, 1, 1); }").printed
    assert printed == (
        "WARNING: Script is using an unstable feature: tseries. To prevent this warning you must explicitly enable it "
        "in the config e.g. unstable_tseries=enable\n"
    )
