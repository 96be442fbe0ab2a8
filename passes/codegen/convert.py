"""Values in the form of another type: casts, and storing what a wider type was inferred for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.emitter import Value
from ...core.types import (
    BOOL,
    INT8,
    Array,
    Bool,
    Enum,
    Int,
    OwnedType,
    Pointer,
    Record,
    String,
    Tuple,
    Type,
    size_of,
    tuple_layout,
)

if TYPE_CHECKING:
    from .lower import BodyLowering


def is_scalar(type_: Type) -> bool:
    """True for a value that travels as a number; any other travels as the address of its bytes."""
    return isinstance(type_, Int | Enum | Bool | Pointer)


def typed(value: Value, type_: Type) -> Value:
    return Value(value.handle, type_, value.length)


def store(lowering: BodyLowering, type_: Type, place: Value, value: Value) -> None:
    """Writes a value in the form of the type that was inferred for the place: tuples and records member by member."""
    emitter = lowering.emitter
    given = value.type
    if given == type_ or not isinstance(type_, Tuple | Record) or not isinstance(given, Tuple | Record):
        emitter.store_as(type_, place, value)
        return
    home = Value(emitter.handle(value), given)
    offsets, size = tuple_layout(type_.elements)
    if size != sum(size_of(element) for element in type_.elements):
        emitter.zero(place, size)
    sources = list(zip(given.elements, tuple_layout(given.elements)[0], strict=True))
    if isinstance(type_, Record) and isinstance(given, Record):
        by_name = dict(zip((name for name, _ in given.fields), sources, strict=True))
        sources = [by_name[name] for name, _ in type_.fields]
    for element, at, (source, source_at) in zip(type_.elements, offsets, sources, strict=True):
        member = emitter.load(home, source, source_at)
        store(lowering, element, emitter.offset(place, at), member)


def cast_value(lowering: BodyLowering, value: Value, type_: Type) -> Value:
    """An explicit cast. Which ones there are, the type checker has said."""
    emitter = lowering.emitter
    if value.type == type_:
        return value
    match value.type, type_:
        case String(), Bool():
            first = emitter.load(Value(emitter.handle(value), value.type), INT8)
            return emitter.compare("!=", first, emitter.constant(0))
        case (Int() | Enum() | Bool() | Pointer()), (Int() | Enum() | Bool()):
            target = Int(type_.size, type_.signed) if isinstance(type_, Enum) else type_
            return typed(emitter.cast(value, target), type_)
        case (Int() | Enum() | Bool()), Array():
            return _array_of(lowering, value, type_)
        case (Int() | Enum() | Bool()), OwnedType():
            home = emitter.memory(type_)
            emitter.store(home, emitter.cast(value, Int(type_.size, False)))
            return Value(home.handle, type_)
        case Array(), Int():
            return emitter.load(value, type_)
        case String(a), String(b) if b > a:
            home = emitter.memory(type_)
            emitter.store_as(type_, home, value)
            return Value(home.handle, type_)
        case (String() | Array()), Pointer():
            return typed(emitter.detached(value), type_)
        case (String() | Array()), Array():
            return Value(emitter.handle(value), type_)
    return typed(value, type_)


def _array_of(lowering: BodyLowering, value: Value, type_: Array) -> Value:
    """The bytes of an integer as an array; a larger array gets zeros behind them. Any byte but 0 makes a true bool."""
    emitter = lowering.emitter
    home = emitter.memory(type_)
    size = size_of(type_)
    number = Int(min(8, 1 << (size - 1).bit_length()), False)
    emitter.zero(home, size)
    emitter.store_as(number, home, emitter.cast(value, Int(size_of(value.type), False)))
    if type_.element == BOOL:
        for at in range(size):
            flag = emitter.compare("!=", emitter.load(home, INT8, at), emitter.constant(0))
            emitter.store(home, flag, at)
    return Value(home.handle, type_)
