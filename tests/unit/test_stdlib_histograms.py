"""Histograms: the bucket of a number, the rows of the text, the entries of the JSON."""

from __future__ import annotations

import pytest
from output_fakes import FUNCTIONS, Call, Machine, aggregated, rendering
from pybpftrace.core.emitter import Value
from pybpftrace.core.types import INT8, INT64, OwnedType, String

HIST, LHIST = FUNCTIONS["hist"], FUNCTIONS["lhist"]


def hist_type(bits: int = 0) -> OwnedType:
    type_ = HIST.type_of(Call("hist", INT64, INT8, literals={1: bits}))
    assert isinstance(type_, OwnedType)
    return type_


def lhist_type(*bounds: int) -> OwnedType:
    type_ = LHIST.type_of(Call("lhist", INT64, INT8, INT8, INT8, literals=dict(enumerate(bounds, 1))))
    assert isinstance(type_, OwnedType)
    return type_


def bucket(function: object, type_: OwnedType, number: int, literals: dict[int, int | bytes | bool]) -> int:
    call = Call(type_.owner, INT64, literals=literals)
    call.type = type_
    call.value = lambda index: Value(number, INT64)  # type: ignore[method-assign,assignment,return-value]
    return int(function.emit_bucket(Machine(), call).handle)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("bits", "number", "expected"),
    [
        (0, -3, 0), (0, 0, 1), (0, 1, 2), (0, 2, 3), (0, 3, 3), (0, 4, 4), (0, 7, 4), (0, 512, 11), (0, 1023, 11),
        (0, 1024, 12), (0, 2**20, 22), (0, 2**63 - 1, 64), (0, 2**63, 0),
        (2, 0, 1), (2, 7, 8), (2, 8, 9), (2, 9, 9), (2, 14, 12), (2, 16, 13), (2, 19, 13), (2, 896, 36), (2, 1024, 37),
        (5, 992, 191), (5, 1024, 193), (5, 32768, 353),
    ],
)  # fmt: skip
def test_hist_puts_a_number_into_the_bucket_of_the_formula(bits: int, number: int, expected: int) -> None:
    assert bucket(HIST, hist_type(bits), number, {1: bits}) == expected


@pytest.mark.parametrize("bits", range(6))
def test_no_number_falls_outside_of_the_hist(bits: int) -> None:
    type_ = hist_type(bits)
    for number in [0, 1, 2**63 - 1, -1, -(2**63), *[2**n - 1 for n in range(64)], *[2**n for n in range(63)]]:
        assert bucket(HIST, type_, number, {1: bits}) < type_.size // 8


@pytest.mark.parametrize(
    ("number", "expected"), [(-5, 0), (0, 1), (3, 1), (49, 1), (50, 2), (99, 2), (100, 3), (900, 3), (2**62, 3)]
)
def test_lhist_puts_a_number_into_its_step(number: int, expected: int) -> None:
    assert bucket(LHIST, lhist_type(0, 100, 50), number, {1: 0, 2: 100, 3: 50}) == expected


def counts(type_: OwnedType, filled: dict[int, int]) -> list[int]:
    return [filled.get(index, 0) for index in range(type_.size // 8)]


def test_a_hist_prints_its_rows() -> None:
    type_ = hist_type()
    value = counts(type_, {0: 2, 1: 1, 2: 1, 3: 2})
    assert HIST.map_text(type_, b"@h", value, rendering()).decode() == (
        "@h:\n"
        "(..., 0)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
        "[0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "[1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "[2, 4)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
        "\n"
    )


def test_a_hist_of_more_bits_has_finer_buckets_and_suffixes_of_the_bucket_width() -> None:
    type_ = hist_type(2)
    parts = [aggregated(type_, [2000], literals={1: 2}), aggregated(type_, [3000], literals={1: 2})]
    assert HIST.map_text(type_, b"@h", HIST.reduce(type_, parts), rendering()).decode() == (
        "@h:\n"
        "[1792, 2048)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
        "[2048, 2560)           0 |                                                    |\n"
        "[2560, 3072)           1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("bits", "index", "label"),
    [
        (0, 11, "[512, 1K)"), (0, 12, "[1K, 2K)"), (0, 22, "[1M, 2M)"), (0, 64, "[4E, 8E)"),
        (2, 8, "[7]"), (2, 9, "[8, 10)"), (2, 12, "[14, 16)"), (2, 13, "[16, 20)"), (2, 36, "[896, 1024)"),
        (2, 37, "[1024, 1280)"), (5, 191, "[992, 1008)"), (5, 193, "[1024, 1056)"), (5, 353, "[32K, 33K)"),
    ],
)  # fmt: skip
def test_hist_labels(bits: int, index: int, label: str) -> None:
    type_ = hist_type(bits)
    row = HIST.text(type_, counts(type_, {index: 1}), rendering()).decode()
    assert row.startswith(f"{label:<16}       1 |")


def test_an_lhist_prints_its_rows() -> None:
    type_ = lhist_type(0, 100, 50)
    parts = [aggregated(type_, [-5, 3, 100, 900], literals={1: 0, 2: 100, 3: 50})]
    assert LHIST.map_text(type_, b"@", LHIST.reduce(type_, parts), rendering()).decode() == (
        "@:\n"
        "(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "[0, 50)                1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |\n"
        "[50, 100)              0 |                                                    |\n"
        "[100, ...)             2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
        "\n"
    )


@pytest.mark.parametrize(
    ("bounds", "index", "label"),
    [
        ((0, 10, 3), 4, "[9, ...)"),
        ((0, 10, 1), 3, "[2]"),
        ((0, 1 << 20, 2048), 1, "[0, 2K)"),
        ((0, 1 << 21, 1 << 20), 2, "[1M, 2M)"),
        ((0, 3000, 1000), 2, "[1000, 2000)"),
    ],
)
def test_lhist_labels(bounds: tuple[int, int, int], index: int, label: str) -> None:
    type_ = lhist_type(*bounds)
    assert LHIST.text(type_, counts(type_, {index: 1}), rendering()).startswith(f"{label:<16}".encode())


def test_bars_are_computed_in_single_precision() -> None:
    type_ = hist_type()
    text = HIST.text(type_, counts(type_, {1: 15, 2: 26}), rendering()).decode()
    assert [row.count("@") for row in text.splitlines()] == [30, 52]


def test_a_hist_without_counts_is_its_name_and_a_blank_line() -> None:
    type_ = hist_type()
    assert HIST.map_text(type_, b"@h", counts(type_, {}), rendering()) == b"@h:\n\n"
    assert HIST.json(type_, counts(type_, {}), rendering()) == "[]"


def test_json_rows_give_bounds_as_numbers() -> None:
    type_ = hist_type()
    both = HIST.json(type_, counts(type_, {0: 1, 1: 2}), rendering())
    assert both == '[{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 2}]'
    assert HIST.json(type_, counts(type_, {12: 1}), rendering()) == '[{"min": 1024, "max": 2047, "count": 1}]'
    linear = lhist_type(0, 100, 50)
    assert LHIST.json(linear, counts(linear, {3: 2}), rendering()) == '[{"min": 100, "count": 2}]'


def test_counts_are_divided_one_by_one_and_order_is_by_their_total() -> None:
    type_ = hist_type()
    value = counts(type_, {1: 7, 2: 4})
    assert HIST.divide(type_, value, 4) == counts(type_, {1: 1, 2: 1})
    assert HIST.sort_key(type_, value) == 11


def test_a_count_that_is_divided_to_nothing_keeps_its_row_with_an_empty_bar() -> None:
    type_ = hist_type()
    value = counts(type_, {1: 7, 3: 1})
    assert HIST.text(type_, HIST.divide(type_, value, 4), rendering()).decode() == (
        f"[0]                    1 |{'@' * 52}|\n"
        f"[1]                    0 |{' ' * 52}|\n"
        f"[2, 4)                 0 |{' ' * 52}|\n"
    )
    assert HIST.text(type_, HIST.divide(type_, value, 100), rendering()).decode() == (
        f"[0]                    0 |{' ' * 52}|\n"
        f"[1]                    0 |{' ' * 52}|\n"
        f"[2, 4)                 0 |{' ' * 52}|\n"
    )
    assert HIST.json(type_, HIST.divide(type_, counts(type_, {1: 7}), 100), rendering()) == (
        '[{"min": 0, "max": 0, "count": 0}]'
    )


def test_counts_of_an_lhist_are_not_divided() -> None:
    type_ = lhist_type(0, 100, 50)
    assert LHIST.divide(type_, counts(type_, {1: 7, 2: 4}), 4) == counts(type_, {1: 7, 2: 4})


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((0, 100, 0), "lhist() step must be >= 1 (0 provided)"),
        ((0, 5000, 1), "lhist() too many buckets, must be <= 1000 (would need 5000)"),
        ((10, 10, 1), "lhist() min must be less than max (provided min 10 and max 10)"),
        ((0, 10, 20), "lhist() step is too large for the given range (provided step 20 for range 10)"),
        ((-1, 10, 2), "lhist: invalid min value (must be non-negative literal)"),
    ],
)
def test_wrong_lhist_bounds_are_refused(bounds: tuple[int, int, int], message: str) -> None:
    call = Call("lhist", INT64, INT8, INT8, INT8, literals=dict(enumerate(bounds, 1)))
    LHIST.type_of(call)
    assert call.errors == [message]


def test_hist_takes_up_to_five_bits() -> None:
    call = Call("hist", INT64, INT8, literals={1: 6})
    HIST.type_of(call)
    assert call.errors == ["hist: bits 6 must be 0..5"]


def test_histograms_take_integers() -> None:
    assert HIST.signature.kinds[0] == ("int",) and LHIST.signature.kinds[0] == ("int",)
    assert String(4) not in HIST.signature.kinds
