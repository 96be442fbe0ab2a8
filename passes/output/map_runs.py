"""A map's entries put in order with little memory, however many there are.

Entries are kept as bytes in runs, each of which is in order. To be printed they are taken in pieces that together are
in order: pieces are cut out of all runs at the same places of the order, and only the entries of one piece are Python
objects at a time. What the bytes mean and what comes before what is told by an `EntryLayout`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from ...core.frozen import dataclass
from .map_order import Order

Entry = tuple[Any, Any]
#: The values of so many bytes, which hold one after the other.
Decode = Callable[[bytes], list[Any]]

#: A run has at most so many entries and bytes; a piece has about as many.
RUN_ENTRIES, RUN_BYTES = 1 << 16, 1 << 23
#: Longer byte strings are kept without the NULs at their end.
_SHORT = 64
#: So many entries of each run say where the pieces end.
_SAMPLES = 64


@dataclass(frozen=True, slots=True)
class EntryLayout:
    """How entries are kept: a key and a value are `key_size` and `value_size` bytes. Without an `order` they stay as
    they come."""

    key_size: int
    value_size: int
    decode_keys: Decode
    decode_values: Decode
    order: Order | None

    @property
    def run_length(self) -> int:
        """Entries of a whole run."""
        return max(1, min(RUN_ENTRIES, RUN_BYTES // (self.key_size + self.value_size)))


class _Column:
    """Byte strings of one size, those that are long without the NULs at their end."""

    def __init__(self, strings: Sequence[bytes], size: int) -> None:
        self._size = size
        self._ends: array[int] | None = None
        if size > _SHORT:
            strings = [string.rstrip(b"\0") for string in strings]
            self._ends = array("Q", accumulate(map(len, strings), initial=0))
        self._data = b"".join(strings)

    def joined(self, start: int, end: int) -> bytes:
        """Some of the strings at their full size, one after the other."""
        ends, data, size = self._ends, self._data, self._size
        if ends is None:
            return data[start * size : end * size]
        return b"".join([data[ends[at] : ends[at + 1]].ljust(size, b"\0") for at in range(start, end)])


class Run:
    """Some entries in order; only the last `most` of them when that is not 0."""

    def __init__(self, layout: EntryLayout, keys: bytes, values: bytes, most: int) -> None:
        self._layout = layout
        key_size, value_size = layout.key_size, layout.value_size
        key_strings = [keys[at : at + key_size] for at in range(0, len(keys), key_size)]
        value_strings = [values[at : at + value_size] for at in range(0, len(values), value_size)]
        if layout.order is not None:
            by = layout.order(layout.decode_keys(keys), layout.decode_values(values))
            indexes = sorted(range(len(by)), key=by.__getitem__)[-most:]
            key_strings = [key_strings[index] for index in indexes]
            value_strings = [value_strings[index] for index in indexes]
        elif most:
            key_strings, value_strings = key_strings[-most:], value_strings[-most:]
        self.length = len(key_strings)
        self._keys, self._values = _Column(key_strings, key_size), _Column(value_strings, value_size)

    def entries(self, start: int, end: int) -> tuple[list[Any], list[Any]]:
        """The decoded keys and values of some entries."""
        layout = self._layout
        return (
            layout.decode_keys(self._keys.joined(start, end)),
            layout.decode_values(self._values.joined(start, end)),
        )

    def place(self, index: int) -> Any:
        """What the entry at an index is put in order by."""
        order = self._layout.order
        return None if order is None else order(*self.entries(index, index + 1))[0]


def in_order(layout: EntryLayout, runs: Sequence[Run]) -> Iterator[Entry]:
    """The entries of all runs in order; of equal ones those of an earlier run first."""
    if layout.order is None or len(runs) == 1:
        for run in runs:
            for start in range(0, run.length, layout.run_length):
                yield from zip(*run.entries(start, min(run.length, start + layout.run_length)), strict=True)
        return
    starts = [0] * len(runs)
    for ends in [*_cuts(layout, runs), [run.length for run in runs]]:
        keys: list[Any] = []
        values: list[Any] = []
        for run, start, end in zip(runs, starts, ends, strict=True):
            some_keys, some_values = run.entries(start, end)
            keys += some_keys
            values += some_values
        starts = ends
        by = layout.order(keys, values)
        # Runs that are in order are merged by the sort, not sorted again.
        for index in sorted(range(len(by)), key=by.__getitem__):
            yield keys[index], values[index]


def _cuts(layout: EntryLayout, runs: Sequence[Run]) -> Iterator[list[int]]:
    """Where to cut the runs so that the entries before a cut come before those behind it: an index for each run.

    An entry's place includes its run and index, so that equal ones are cut, too.
    """
    total = sum(run.length for run in runs)
    pieces = -(-total // layout.run_length)
    samples = sorted(
        (run.place(index), number, index)
        for number, run in enumerate(runs)
        for index in range(0, run.length, max(1, run.length // _SAMPLES))
    )
    for piece in range(1, pieces):
        place, number, index = samples[piece * len(samples) // pieces]
        yield [_cut(run, at, place, number, index) for at, run in enumerate(runs)]


def _cut(run: Run, at: int, place: Any, number: int, index: int) -> int:
    """The first entry of a run that does not come before the entry at `index` of run `number`."""
    if at == number:
        return index
    bisect = bisect_left if at > number else bisect_right
    return bisect(range(run.length), place, key=run.place)
