"""Script maps as they are printed: read through the session, decoded, reduced over CPUs, put in order.

It knows what a map's bytes mean; in which order entries are shown is told by `map_order`, how a million of them fit
into little memory by `map_runs`, and the text is the format's.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from struct import Struct
from typing import Any

from ...core.artifacts import MapSpec
from ...core.function import Aggregation
from ...core.integers import convert
from ...core.map_batches import MapBatch
from ...core.records import Owner, decoder, field_code
from ...core.session import Session
from ...core.types import Bool, Enum, Int, OwnedType, Pointer, Type, round_up, size_of
from .map_order import divider, entry_order
from .map_runs import Decode, Entry, EntryLayout, Run, in_order
from .rendering import ValueRendering


class MapReader:
    """Reads the script maps of one session."""

    def __init__(self, session: Session, rendering: ValueRendering) -> None:
        self._session = session
        self._rendering = rendering

    def entries(self, spec: MapSpec, *, explicit: bool, top: int = 0, divisor: int = 1) -> Iterator[Entry]:
        """What to print of a map, in order; a scalar map's key is None. All is read when this returns.

        A scalar map that was never assigned has no entry, or, when the script itself prints it (`explicit`), its zero
        value, unless it is one that prints as rows. `top` keeps that many last entries of a keyed map; 0 keeps all.

        Raises: KernelError: from the session.
        """
        type_ = spec.value_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = self._rendering.aggregation(type_)
        entries = (
            self._scalar(spec, type_, aggregation, explicit)
            if spec.key_type is None
            else self._keyed(spec, spec.key_type, type_, aggregation, top)
        )
        if divisor > 1:
            divide = divider(type_, aggregation)
            return ((key, divide(value, divisor)) for key, value in entries)
        return entries

    def _scalar(
        self, spec: MapSpec, type_: Type, aggregation: Aggregation | None, explicit: bool
    ) -> Iterator[Entry]:
        stored = list(chain.from_iterable(batch.entries(spec) for batch in self._session.read_map(spec)))
        (_, value) = stored[0] if stored else (b"", bytes(spec.value_size))
        parts = value if isinstance(value, list) else [value]
        size, mark = size_of(type_), round_up(size_of(type_), 8)
        if not any(any(part[mark : mark + 8]) for part in parts):
            prints_rows = aggregation is not None and aggregation.json_kind in ("hist", "tseries")
            if prints_rows or not explicit:
                return iter(())
            parts = [bytes(size)]
        if aggregation is None or not isinstance(type_, OwnedType):
            return iter([(None, decoder(type_, self._rendering.decode_owned)(parts[0]))])
        reduced = aggregation.reduce(type_, [part[:size] for part in parts])
        return iter([(None, aggregation.among(type_, reduced, aggregation.note(type_, None, reduced)))])

    def _keyed(
        self, spec: MapSpec, key_type: Type, type_: Type, aggregation: Aggregation | None, top: int
    ) -> Iterator[Entry]:
        owned = self._rendering.decode_owned
        decode_keys = _column_decoder(key_type, spec.key_size, owned)
        if aggregation is None or not isinstance(type_, OwnedType):
            decode_values = _column_decoder(type_, spec.value_size, owned)
            layout = EntryLayout(
                spec.key_size, spec.value_size, decode_keys, decode_values, entry_order(key_type, type_, None)
            )
            return self._ordered(spec, layout, lambda batch: batch.values, top)
        held = _Held(spec, type_, aggregation)
        if not aggregation.keeps_key_order:
            order = entry_order(key_type, type_, aggregation)
            layout = EntryLayout(spec.key_size, held.size, decode_keys, held.decode, order)
            return self._ordered(spec, layout, held.values, top)
        # Keys are bytes as long as they are put in order.
        cut = partial(_cut, spec.key_size)
        layout = EntryLayout(spec.key_size, held.size, cut, held.decode, lambda keys, values: keys)
        entries = self._ordered(spec, layout, held.values, 0)
        read_key = decoder(key_type, owned)
        return ((read_key(key), aggregation.among(type_, value, held.noted)) for key, value in entries)

    def _ordered(
        self, spec: MapSpec, layout: EntryLayout, values_of: Callable[[MapBatch], bytes], top: int
    ) -> Iterator[Entry]:
        """Reads the map, and gives its entries in order, the last `top` of them."""
        runs = [Run(layout, keys, values, top) for keys, values in self._long_batches(spec, layout, values_of)]
        skipped = sum(run.length for run in runs) - top if top > 0 else 0
        return islice(in_order(layout, runs), max(0, skipped), None)

    def _long_batches(
        self, spec: MapSpec, layout: EntryLayout, values_of: Callable[[MapBatch], bytes]
    ) -> Iterator[tuple[bytes, bytes]]:
        """What the kernel gives at a time, put together as long as it is less than a run."""
        keys, values = bytearray(), bytearray()
        for batch in self._session.read_map(spec):
            if not batch.count:
                continue
            keys += batch.keys
            values += values_of(batch)
            if len(keys) >= layout.run_length * layout.key_size:
                yield bytes(keys), bytes(values)
                keys.clear()
                values.clear()
        if keys:
            yield bytes(keys), bytes(values)


class _Held:
    """What is kept of an aggregation's parts while a map is put in order, `size` bytes a value: the number that they
    come to, or one part for all CPUs. `noted` is what the aggregation wants to know of the whole map."""

    def __init__(self, spec: MapSpec, type_: OwnedType, aggregation: Aggregation) -> None:
        self._type = type_
        self._aggregation = aggregation
        self._step = round_up(spec.value_size, 8)
        self._integer = type_.integer
        self.size = 8 if type_.integer is not None else type_.size
        self.noted: Any = None

    def values(self, batch: MapBatch) -> bytes:
        if self._integer is not None:
            return self._numbers(batch, self._integer).tobytes()
        merged = [self._aggregation.merge(self._type, parts) for parts in self._parts(batch)]
        if self._aggregation.keeps_key_order:
            for part in merged:
                value = self._aggregation.reduce(self._type, [part])
                self.noted = self._aggregation.note(self._type, self.noted, value)
        return b"".join(merged)

    def _numbers(self, batch: MapBatch, integer: Int) -> array[int]:
        code = "q" if integer.signed else "Q"
        if not self._aggregation.is_sum:
            return array(code, map(partial(self._aggregation.reduce, self._type), self._parts(batch)))
        # Nothing is done in Python for each CPU, nor, as long as no sum wraps around, for each key.
        parts = Struct(f"={len(batch.values) // (8 * batch.count)}{code}").iter_unpack
        try:
            return array(code, map(sum, parts(batch.values)))
        except OverflowError:
            return array(code, map(partial(convert, integer), map(sum, parts(batch.values))))

    def _parts(self, batch: MapBatch) -> Iterator[list[bytes]]:
        """The parts of each value, cut to their size."""
        data, step, size = batch.values, self._step, self._type.size
        length = len(data) // batch.count
        for start in range(0, len(data), length):
            yield [data[at : at + size] for at in range(start, start + length, step)]

    def decode(self, data: bytes) -> list[Any]:
        if self._integer is not None:
            numbers = array("q" if self._integer.signed else "Q")
            numbers.frombytes(data)
            return numbers.tolist()
        reduce, type_ = self._aggregation.reduce, self._type
        return [reduce(type_, [part]) for part in _cut(type_.size, data)]


def _column_decoder(type_: Type, step: int, owned: Owner) -> Decode:
    """Reads values that lie `step` bytes apart."""
    if isinstance(type_, Int | Enum | Bool | Pointer):
        numbers = Struct(f"<{field_code(type_)}{step - size_of(type_)}x")
        return lambda data: [number for (number,) in numbers.iter_unpack(data)]
    read = decoder(type_, owned)
    return lambda data: [read(value) for value in _cut(step, data)]


def _cut(size: int, data: bytes) -> list[Any]:
    return [data[at : at + size] for at in range(0, len(data), size)]
