"""In which order a map's entries are printed, and what dividing its values means: by the types of keys and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from ...core.function import Aggregation
from ...core.integers import convert, truncated_quotient
from ...core.types import Enum, Int, OwnedType, Record, String, Tuple, Type

#: What the entries of some keys and values, which are decoded, are put in order by; one item an entry.
Order = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]


def entry_order(key_type: Type, type_: Type, aggregation: Aggregation | None) -> Order | None:
    """By key, and numbers first by value, so that equal numbers stand in the order of their keys.

    None where the kernel's order is as good as any.
    """
    by_key, by_value = _key_order(key_type), _value_order(type_, aggregation)
    if by_key is None and by_value is None:
        return None

    def order(keys: Sequence[Any], values: Sequence[Any]) -> Sequence[Any]:
        from_keys = repeat(None) if by_key is None else map(by_key, keys)
        if by_value is None:
            return list(from_keys)
        return list(zip(map(by_value, values), from_keys))  # noqa: B905 - what repeats has no end

    return order


def _value_order(type_: Type, aggregation: Aggregation | None) -> Callable[[Any], int] | None:
    if aggregation is not None and isinstance(type_, OwnedType):
        return partial(aggregation.sort_key, type_)
    return _same if isinstance(type_, Int | Enum) else None


def _key_order(type_: Type) -> Callable[[Any], Any] | None:
    """What keys compare by: integers as signed numbers of their size, strings as bytes, tuples by such fields."""
    match type_:
        case Int(signed=True):
            return _same
        case Int(size=size) | Enum(size=size):
            return partial(convert, Int(size, True))
        case String():
            return _same
        case Tuple() | Record():
            elements = enumerate(type_.elements)
            orders = [(index, _key_order(e)) for index, e in elements if isinstance(e, Int | Enum | String)]
            return lambda key: [order(key[index]) for index, order in orders if order is not None]
    return None


def _same(value: Any) -> Any:
    return value


def divider(type_: Type, aggregation: Aggregation | None) -> Callable[[Any, int], Any]:
    """Divides a value by a number other than 1; what is no number stays as it is."""
    if aggregation is not None and isinstance(type_, OwnedType):
        return partial(aggregation.divide, type_)
    if isinstance(type_, Int):
        return truncated_quotient
    return lambda value, divisor: value
