"""Script maps as they are printed: read through the session, decoded, reduced over CPUs, put in order.

It knows what a map's bytes mean and in which order its entries are shown; the text is the format's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...core.artifacts import MapSpec, Session
from ...core.function import Aggregation
from ...core.integers import convert, truncated_quotient
from ...core.records import decoder
from ...core.types import Enum, Int, OwnedType, Record, String, Tuple, Type, round_up, size_of
from .rendering import ValueRendering

Entry = tuple[Any, Any]


class MapReader:
    """Reads the script maps of one session."""

    def __init__(self, session: Session, rendering: ValueRendering) -> None:
        self._session = session
        self._rendering = rendering

    def entries(self, spec: MapSpec, *, explicit: bool, top: int = 0, divisor: int = 1) -> list[Entry]:
        """What to print of a map, in order; a scalar map's key is None.

        A scalar map that was never assigned has no entry, or, when the script itself prints it (`explicit`), its zero
        value, unless it is one that prints as rows. `top` keeps that many last entries of a keyed map; 0 keeps all.

        Raises: KernelError: from the session.
        """
        type_ = spec.value_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = self._rendering.aggregation(type_)
        stored = [(key, data if isinstance(data, list) else [data]) for key, data in self._session.read_map(spec)]
        value_of = self._value_reader(type_, aggregation)
        if spec.key_type is None:
            entries = self._scalar(type_, aggregation, stored, value_of, explicit)
        else:
            read_key = decoder(spec.key_type, self._rendering.decode_owned)
            entries = [(read_key(key), value_of(parts)) for key, parts in stored]
            _sort(entries, spec.key_type, type_, aggregation)
            entries = entries[-top:] if top > 0 else entries
        if divisor > 1:
            divide = _divider(type_, aggregation)
            entries = [(key, divide(value, divisor)) for key, value in entries]
        return entries

    def _value_reader(self, type_: Type, aggregation: Aggregation | None) -> Callable[[list[bytes]], Any]:
        if aggregation is not None and isinstance(type_, OwnedType):
            reduce, size = partial(aggregation.reduce, type_), type_.size
            return lambda parts: reduce([part[:size] for part in parts])
        read = decoder(type_, self._rendering.decode_owned)
        return lambda parts: read(parts[0])

    def _scalar(
        self,
        type_: Type,
        aggregation: Aggregation | None,
        stored: Sequence[tuple[bytes, list[bytes]]],
        value_of: Callable[[list[bytes]], Any],
        explicit: bool,
    ) -> list[Entry]:
        mark = round_up(size_of(type_), 8)
        if any(any(part[mark : mark + 8]) for _, parts in stored for part in parts):
            return [(None, value_of(stored[0][1]))]
        prints_rows = aggregation is not None and aggregation.json_kind == "hist"
        return [(None, value_of([bytes(size_of(type_))]))] if explicit and not prints_rows else []


def _sort(entries: list[Entry], key_type: Type, type_: Type, aggregation: Aggregation | None) -> None:
    """By key, and numbers then by value, so that equal numbers stand in the order of their keys."""
    key_order = _key_order(key_type)
    if key_order is not None:
        entries.sort(key=lambda entry: key_order(entry[0]))
    if aggregation is not None and isinstance(type_, OwnedType):
        value_order = partial(aggregation.sort_key, type_)
        entries.sort(key=lambda entry: value_order(entry[1]))
    elif isinstance(type_, Int | Enum):
        entries.sort(key=lambda entry: entry[1])


def _key_order(type_: Type) -> Callable[[Any], Any] | None:
    """What keys compare by: integers as signed numbers of their size, strings as bytes, tuples by such fields."""
    match type_:
        case Int(size=size) | Enum(size=size):
            return partial(convert, Int(size, True))
        case String():
            return lambda key: key
        case Tuple() | Record():
            elements = enumerate(type_.elements)
            orders = [(index, _key_order(e)) for index, e in elements if isinstance(e, Int | Enum | String)]
            return lambda key: [order(key[index]) for index, order in orders if order is not None]
    return None


def _divider(type_: Type, aggregation: Aggregation | None) -> Callable[[Any, int], Any]:
    if aggregation is not None and isinstance(type_, OwnedType):
        return partial(aggregation.divide, type_)
    if isinstance(type_, Int):
        return truncated_quotient
    return lambda value, divisor: value
