"""How values are laid out in event records and map values, and how Python reads them back.

An event record is 8-byte aligned: the event's id (u64), then every field at its natural alignment in a fixed part. A
string or buffer of at most `INLINE_STRING` bytes sits whole in the fixed part, padded with NULs. A longer one is a u32
there, its length without NUL; the bytes of all long ones follow the fixed part in order, unpadded. Both the code
generator (which writes records) and the output stage (which reads them) take the layout from here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from .frozen import dataclass
from .types import (
    BUFFER_HEADER,
    Array,
    Bool,
    Buffer,
    Enum,
    Field,
    Int,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    Void,
    align_of,
    round_up,
    size_of,
    tuple_layout,
)

EVENT_ID_SIZE = 8
#: A record without longer strings has a fixed size and is written in place; copying this many bytes costs less.
INLINE_STRING = 64


def is_long_string(type_: Type) -> bool:
    """True for a field whose bytes follow the fixed part."""
    return isinstance(type_, String | Buffer) and type_.size > INLINE_STRING


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """`offsets[i]` is field i's place in the record; `fixed_size` includes the id and is where long strings begin.

    `string_capacity` is the sum of the long strings' sizes; 0 means that every record has just `fixed_size` bytes.
    """

    fields: tuple[Type, ...]
    offsets: tuple[int, ...]
    fixed_size: int
    string_capacity: int


def record_layout(fields: Sequence[Type]) -> RecordLayout:
    offsets, at = [], EVENT_ID_SIZE
    for type_ in fields:
        is_long = is_long_string(type_)
        # Short strings start on 8 bytes, which lets the program write them in words.
        at = round_up(at, 4 if is_long else 8 if isinstance(type_, String | Buffer) else align_of(type_))
        offsets.append(at)
        at += 4 if is_long else size_of(type_)
    capacity = sum(size_of(f) for f in fields if is_long_string(f))
    return RecordLayout(tuple(fields), tuple(offsets), at if capacity else round_up(at, 8), capacity)


_INTEGER_CODES = {(1, True): "b", (1, False): "B", (2, True): "h", (2, False): "H", (4, True): "i", (4, False): "I",
                  (8, True): "q", (8, False): "Q"}  # fmt: skip

Owner = Callable[[OwnedType, bytes], Any]


def field_code(type_: Type) -> str:
    """The `struct` code that reads a field of a record's fixed part."""
    if is_long_string(type_):
        return "I"
    match type_:
        case Int(size=size, signed=signed) | Enum(size=size, signed=signed):
            return _INTEGER_CODES[size, signed]
        case Bool():
            return "?"
        case Pointer():
            return "Q"
        case _:
            return f"{size_of(type_)}s"


def decoder(type_: Type, owned: Owner) -> Callable[[bytes], Any]:
    """A function from a stored value's bytes (`size_of(type_)` of them, or more) to a Python value.

    Integers, enums, pointers: int. Bool: bool. String: bytes up to the first NUL, or all of them when there is none,
    which is how a truncated string is told. Buffer: the bytes in use. Tuple, Record: tuple. Array: list. Struct: a
    tuple of what `named_members` says. OwnedType: whatever `owned(type_, data)` makes. Void, a C type that means
    nothing: None.

    Raises: ValueError: for a type of which no value is stored.
    """
    match type_:
        case Int() | Enum() | Bool() | Pointer():
            unpack = struct.Struct("<" + field_code(type_)).unpack_from
            return lambda data: unpack(data)[0]
        case String(size=size):
            return lambda data: bytes(data[:size]).partition(b"\0")[0]
        case Buffer():
            return _held_bytes
        case Tuple() | Record():
            offsets, _ = tuple_layout(type_.elements)
            parts = [(at, at + size_of(e), decoder(e, owned)) for at, e in zip(offsets, type_.elements, strict=True)]
            return lambda data: tuple([read(data[start:end]) for start, end, read in parts])
        case Struct(fields=fields, by_name=False):
            members = [_member_decoder(field, owned) for field in fields]
            return lambda data: tuple([read(data) for read in members])
        case Array(element, count):
            read, step = decoder(element, owned), size_of(element)
            return lambda data: [read(data[i * step : (i + 1) * step]) for i in range(count)]
        case OwnedType(size=size):
            return lambda data: owned(type_, bytes(data[:size]))
        case Void():
            return lambda data: None
        case _:
            raise ValueError(f"values of type {type_} are not stored")


def _held_bytes(data: bytes) -> bytes:
    end = BUFFER_HEADER + int.from_bytes(data[:BUFFER_HEADER], "little")
    return bytes(data[BUFFER_HEADER:end])


def _member_decoder(field: Field, owned: Owner) -> Callable[[bytes], Any]:
    """Reads a struct's member from the struct's bytes; a bit field is never negative."""
    if field.bit_width:
        end = field.offset + (field.bit_shift + field.bit_width + 7) // 8
        start, shift, mask = field.offset, field.bit_shift, (1 << field.bit_width) - 1
        return lambda data: int.from_bytes(data[start:end], "little") >> shift & mask
    type_ = _as_text(field.type)
    read, start, end = decoder(type_, owned), field.offset, field.offset + size_of(type_)
    return lambda data: read(data[start:end])


def named_members(type_: Record | Struct) -> list[tuple[str, Type]]:
    """The names and types of what the decoded value of a record or struct holds, in its order."""
    if isinstance(type_, Record):
        return list(type_.fields)
    return [(field.name, _as_text(field.type)) for field in type_.fields]


def _as_text(type_: Type) -> Type:
    """A C member's type as it is shown: C keeps text in arrays of any kind of one-byte integer."""
    match type_:
        case Array(Int(size=1), count) if count:
            return String(count)
        case Array(element, count):
            return Array(_as_text(element), count)
    return type_
