"""Turns one type record into the dataclass of its kind: a table with a row for each kind of Documentation/bpf/btf.rst.

It knows what the fields of a record mean, not where records are or how they are found; that is `btf.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..frozen import dataclass
from .btf_types import (
    Array,
    BtfType,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Parameter,
    Ptr,
    Restrict,
    SectionEntry,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Var,
    Volatile,
    kind_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .btf import Btf


@dataclass(frozen=True, slots=True)
class Record:
    """The 12 bytes that every type begins with (struct btf_type), taken apart.

    `flag` is kind_flag, `count` is vlen; `size` is bytes, or a type id for the kinds that refer to another type.
    """

    type_id: int
    name: str
    flag: bool
    count: int
    size: int


def decode_int(btf: Btf, record: Record) -> Int:
    ((encoding,),) = btf.trailer(record.type_id, "I", 1)
    how = encoding >> 24
    return Int(
        record.name, record.size, bool(how & 1), bool(how & 2), bool(how & 4), encoding >> 16 & 0xFF, encoding & 0xFF
    )


def decode_array(btf: Btf, record: Record) -> Array:
    ((element, index, length),) = btf.trailer(record.type_id, "III", 1)
    return Array(element, index, length)


def decode_members(btf: Btf, record: Record) -> tuple[Member, ...]:
    """With kind_flag the offset word holds the width of a bit field in its high byte."""
    rows = btf.trailer(record.type_id, "III", record.count)
    if record.flag:
        return tuple(Member(btf.string(name), target, word & 0xFFFFFF, word >> 24) for name, target, word in rows)
    return tuple(Member(btf.string(name), target, word, 0) for name, target, word in rows)


def decode_enum(btf: Btf, record: Record) -> Enum:
    rows = btf.trailer(record.type_id, "Ii" if record.flag else "II", record.count)
    return Enum(record.name, record.size, record.flag, tuple((btf.string(name), value) for name, value in rows))


def decode_enum64(btf: Btf, record: Record) -> Enum64:
    values = []
    for name, low, high in btf.trailer(record.type_id, "III", record.count):
        value = high << 32 | low
        values.append((btf.string(name), value - (1 << 64) if record.flag and value >> 63 else value))
    return Enum64(record.name, record.size, record.flag, tuple(values))


def decode_prototype(btf: Btf, record: Record) -> FuncProto:
    rows = btf.trailer(record.type_id, "II", record.count)
    return FuncProto(record.size, tuple(Parameter(btf.string(name), target) for name, target in rows))


def decode_var(btf: Btf, record: Record) -> Var:
    ((linkage,),) = btf.trailer(record.type_id, "I", 1)
    return Var(record.name, record.size, linkage)


def decode_section(btf: Btf, record: Record) -> Datasec:
    rows = btf.trailer(record.type_id, "III", record.count)
    return Datasec(record.name, record.size, tuple(SectionEntry(*row) for row in rows))


def decode_tag(btf: Btf, record: Record) -> DeclTag:
    ((component,),) = btf.trailer(record.type_id, "i", 1)
    return DeclTag(record.name, record.size, component)


_by_kind: dict[type, Callable[[Btf, Record], BtfType]] = {
    Int: decode_int,
    Ptr: lambda btf, record: Ptr(record.name, record.size),
    Array: decode_array,
    Struct: lambda btf, record: Struct(record.name, record.size, decode_members(btf, record)),
    Union: lambda btf, record: Union(record.name, record.size, decode_members(btf, record)),
    Enum: decode_enum,
    Fwd: lambda btf, record: Fwd(record.name, record.flag),
    Typedef: lambda btf, record: Typedef(record.name, record.size),
    Volatile: lambda btf, record: Volatile(record.name, record.size),
    Const: lambda btf, record: Const(record.name, record.size),
    Restrict: lambda btf, record: Restrict(record.name, record.size),
    Func: lambda btf, record: Func(record.name, record.size, record.count),
    FuncProto: decode_prototype,
    Var: decode_var,
    Datasec: decode_section,
    Float: lambda btf, record: Float(record.name, record.size),
    DeclTag: decode_tag,
    TypeTag: lambda btf, record: TypeTag(record.name, record.size),
    Enum64: decode_enum64,
}

decoders = {kind_numbers[kind]: decoder for kind, decoder in _by_kind.items()}
