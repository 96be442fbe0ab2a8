"""Values of the language as plain Python data: numbers, str, tuple, list, dict, and buckets of histograms."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..core.frozen import dataclass
from ..core.output import Rendering
from ..core.records import named_members
from ..core.types import Array, Bool, Enum, Int, OwnedType, Pointer, Record, String, Struct, Tuple, Type, Void


@dataclass(frozen=True, slots=True)
class Bucket:
    """A row of a histogram: how many values were in `min`..`max`, both included; None where it is open."""

    min: int | None
    max: int | None
    count: int


def plain(type_: Type, value: Any, rendering: Rendering) -> object:
    """An integer, an enum's value and a pointer as int, a string as str, a tuple as tuple, an array as list, a struct
    or record as dict; of other types what their JSON says, with a histogram's rows as a list of `Bucket`."""
    match type_:
        case Int() | Enum() | Pointer():
            return int(value)
        case Bool():
            return bool(value)
        case String():
            return decoded(value)
        case Tuple(elements):
            return tuple(plain(element, item, rendering) for element, item in zip(elements, value, strict=True))
        case Array(element):
            return [plain(element, item, rendering) for item in value]
        case Record() | Struct():
            members = zip(named_members(type_), value, strict=True)
            return {name: plain(inner, item, rendering) for (name, inner), item in members}
        case OwnedType(aggregation=True):
            return _aggregate(json.loads(rendering.json(type_, value)))
        case OwnedType():
            return json.loads(rendering.json(type_, value))
        case Void():
            return None
    raise ValueError(f"values of type {type_} are not shown")


def decoded(text: bytes) -> str:
    """Bytes from a process as str; what is no UTF-8 becomes surrogates."""
    return text.decode("utf-8", "surrogateescape")


def hashable(value: object) -> object:
    """A value in a form that can be the key of a dict: lists as tuples, dicts as tuples of pairs."""
    match value:
        case list() | tuple():
            return tuple(map(hashable, value))
        case dict():
            return tuple((name, hashable(item)) for name, item in value.items())
    return value


def map_value(
    key_type: Type | None, value_type: Type, entries: Iterable[tuple[Any, Any]], rendering: Rendering
) -> object:
    """A whole map: its value if it is a scalar one (None if it has none), else a dict in the order of the entries."""
    if key_type is None:
        return next((plain(value_type, value, rendering) for _, value in entries), None)
    return {
        hashable(plain(key_type, key, rendering)): plain(value_type, value, rendering) for key, value in entries
    }


def _aggregate(data: Any) -> object:
    """Aggregations are numbers throughout, of which JSON has big ones as text."""
    match data:
        case str() if data.lstrip("-").isdecimal():
            return int(data)
        case list():
            return [_row(row) for row in data]
        case dict():
            return {name: _aggregate(item) for name, item in data.items()}
    return data


def _row(data: dict[str, Any]) -> object:
    """A row of a histogram, or of a time series."""
    row = {name: _aggregate(item) for name, item in data.items()}
    return Bucket(row.get("min"), row.get("max"), row["count"]) if "count" in row else row  # type: ignore[arg-type]  # numbers, as JSON has them
