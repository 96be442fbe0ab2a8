"""Maps of many keys: they are printed as if all were sorted at once, and few of their entries exist at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_fakes import FakeSession, aggregated, pack, rendering
from pybpftrace.core.artifacts import MapSpec
from pybpftrace.core.map_batches import MapBatch
from pybpftrace.core.types import INT64, UINT64, OwnedType, Pointer, String, Tuple, Type, round_up, size_of
from pybpftrace.passes.output import map_runs
from pybpftrace.passes.output.maps import MapReader

COUNT = OwnedType("count", "count_t", 8, (), True, UINT64)
AVG = OwnedType("avg", "avg_t", 16, (), True, INT64)
STATS = OwnedType("stats", "stats_t", 16, (), True)
NUMBERS = st.integers(-5, 5)


def spec_of(key: Type, value: Type) -> MapSpec:
    kind = "percpu_hash" if isinstance(value, OwnedType) else "hash"
    return MapSpec("@m", kind, size_of(key), round_up(size_of(value), 8), 10, key, value)


def shown(key: Type, value: Type, entries: dict[Any, Any], batch: int = 7, **order: int) -> list[tuple[Any, Any]]:
    def stored(item: Any) -> Any:
        return [aggregated(value, cpu) for cpu in item] if isinstance(value, OwnedType) else pack(value, item)

    session = FakeSession(contents={"@m": [(pack(key, k), stored(v)) for k, v in entries.items()]})
    session.batch_size = batch
    return list(MapReader(session, rendering()).entries(spec_of(key, value), explicit=True, **order))


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_runs, "RUN_ENTRIES", 8)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(-1000, 1000), NUMBERS, max_size=60), st.integers(1, 20))
def test_numbers_come_in_order_of_values_then_keys_however_many_runs_they_take(
    entries: dict[int, int], batch: int
) -> None:
    assert shown(INT64, INT64, entries, batch) == sorted(entries.items(), key=lambda entry: (entry[1], entry[0]))


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(-1000, 1000), NUMBERS, max_size=60), st.integers(1, 70))
def test_the_top_entries_are_the_last_of_the_whole_order(entries: dict[int, int], top: int) -> None:
    whole = sorted(entries.items(), key=lambda entry: (entry[1], entry[0]))
    assert shown(INT64, INT64, entries, top=top) == whole[-top:]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 1000), st.lists(st.lists(NUMBERS, max_size=3), min_size=2, max_size=2), max_size=40
    )
)
def test_aggregations_come_in_order_of_what_all_cpus_come_to(entries: dict[int, list[list[int]]]) -> None:
    counts = {key: sum(map(len, cpus)) for key, cpus in entries.items()}
    found = shown(INT64, COUNT, entries)
    assert found == sorted(counts.items(), key=lambda entry: (entry[1], entry[0]))
    averages = [average for _, average in shown(INT64, AVG, entries)]
    assert averages == sorted(averages)
    stats = dict(shown(INT64, STATS, entries))
    assert {key: value[0] for key, value in stats.items()} == counts


def test_keys_without_an_order_stay_as_the_kernel_has_them() -> None:
    entries = dict.fromkeys((9, 3, 7, 1, 8, 2, 6, 4, 5, 0, 11, 10, 15, 13, 14, 12, 17, 16), "same")
    pointers = {key: value.encode() for key, value in entries.items()}
    assert [key for key, _ in shown(Pointer(INT64), String(8), pointers)] == list(entries)
    assert [key for key, _ in shown(Pointer(INT64), String(8), pointers, top=3)] == list(entries)[-3:]


def test_equal_numbers_of_keys_without_an_order_stay_as_the_kernel_has_them() -> None:
    keys = [9, 3, 7, 1, 8, 2, 6, 4, 5, 0, 11, 10, 15, 13, 14, 12, 17, 16]
    assert [key for key, _ in shown(Pointer(INT64), INT64, dict.fromkeys(keys, 5))] == keys


def test_long_strings_are_whole_again() -> None:
    key = Tuple((String(200), INT64))
    entries = {(b"k" * (number % 200), number): b"v" * number for number in range(60)}
    found = dict(shown(key, String(100), entries))
    assert found == entries


class Numbers:
    """A session with a map of very many numbers, which are made as they are read."""

    batch = 10_000

    def __init__(self, count: int) -> None:
        self._count = count

    def read_map(self, spec: MapSpec) -> Iterator[MapBatch]:
        for start in range(0, self._count, self.batch):
            numbers = range(start, start + self.batch)
            keys = b"".join([number.to_bytes(8, "little") for number in numbers])
            values = b"".join([(number * 7919 % 100_003).to_bytes(8, "little") for number in numbers])
            yield MapBatch(self.batch, keys, values)


@pytest.mark.parametrize("top", [0, 10])
def test_memory_grows_by_little_more_than_the_entries_bytes(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_runs, "RUN_ENTRIES", 1 << 12)

    def peak(count: int) -> int:
        reader = MapReader(Numbers(count), rendering())  # type: ignore[arg-type]  # nothing else of a session is needed
        tracemalloc.start()
        previous, found = -1, 0
        for _, value in reader.entries(spec_of(INT64, INT64), explicit=False, top=top):
            assert value >= previous
            previous, found = value, found + 1
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found == (top or count)
        return most

    few, many = peak(20_000), peak(120_000)
    kept_bytes = 0 if top else 16 * 100_000
    assert many - few < 1.5 * kept_bytes + 1_000_000
