"""The kinds of BTF types as frozen dataclasses, one a kind, field for field what Documentation/bpf/btf.rst lists.

They exist apart from the reader so that a rule about types can match on them; they know nothing of files, offsets or
caches. A type id of 0 is void everywhere.
"""

from __future__ import annotations

from ..frozen import dataclass


class BtfError(ValueError):
    """The bytes are not well-formed BTF, or a type was asked for what its kind does not have."""


@dataclass(frozen=True, slots=True)
class Void:
    """Type id 0."""

    name = ""


@dataclass(frozen=True, slots=True)
class Int:
    """`size` in bytes; `bits` is smaller than size*8 only in old-style bit fields, which then start at `bit_offset`."""

    name: str
    size: int
    signed: bool
    is_char: bool
    is_bool: bool
    bit_offset: int
    bits: int


@dataclass(frozen=True, slots=True)
class Float:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A type that is another type under one more word; only its subclasses occur."""

    name: str
    type_id: int


class Ptr(Reference):
    __slots__ = ()


class Typedef(Reference):
    __slots__ = ()


class Volatile(Reference):
    __slots__ = ()


class Const(Reference):
    __slots__ = ()


class Restrict(Reference):
    __slots__ = ()


class TypeTag(Reference):
    """`name` is the tag: 'user', 'rcu', 'percpu', ..."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class DeclTag:
    """`component` is the member or parameter that the tag belongs to, -1 for the whole of `type_id`."""

    name: str
    type_id: int
    component: int


@dataclass(frozen=True, slots=True)
class Array:
    element_id: int
    index_id: int
    length: int
    name = ""


@dataclass(frozen=True, slots=True)
class Member:
    """`bit_offset` counts from the start of the struct; `bitfield_size` is in bits, 0 for an ordinary member."""

    name: str
    type_id: int
    bit_offset: int
    bitfield_size: int


@dataclass(frozen=True, slots=True)
class Composite:
    """A struct or a union, `size` in bytes; only the subclasses occur. An anonymous one has the name ''."""

    name: str
    size: int
    members: tuple[Member, ...]


class Struct(Composite):
    __slots__ = ()


class Union(Composite):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Enumeration:
    """`values` in declaration order: (constant's name, value); `size` in bytes. Only the subclasses occur."""

    name: str
    size: int
    signed: bool
    values: tuple[tuple[str, int], ...]


class Enum(Enumeration):
    __slots__ = ()


class Enum64(Enumeration):
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Fwd:
    """A struct or union of which only the name is known."""

    name: str
    is_union: bool


@dataclass(frozen=True, slots=True)
class Func:
    """`type_id` is its FuncProto; `linkage` 0 static, 1 global, 2 extern."""

    name: str
    type_id: int
    linkage: int


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type_id: int


@dataclass(frozen=True, slots=True)
class FuncProto:
    """A variadic function ends with a parameter without name and of type void."""

    return_id: int
    parameters: tuple[Parameter, ...]
    name = ""


@dataclass(frozen=True, slots=True)
class Var:
    name: str
    type_id: int
    linkage: int


@dataclass(frozen=True, slots=True)
class SectionEntry:
    """One variable of a section: the id of its Var, `offset` and `size` in bytes."""

    type_id: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Datasec:
    name: str
    size: int
    entries: tuple[SectionEntry, ...]


type_kinds: dict[int, type] = {
    0: Void,
    1: Int,
    2: Ptr,
    3: Array,
    4: Struct,
    5: Union,
    6: Enum,
    7: Fwd,
    8: Typedef,
    9: Volatile,
    10: Const,
    11: Restrict,
    12: Func,
    13: FuncProto,
    14: Var,
    15: Datasec,
    16: Float,
    17: DeclTag,
    18: TypeTag,
    19: Enum64,
}
"""BTF_KIND_* numbers (include/uapi/linux/btf.h) to the dataclass of that kind."""

kind_numbers: dict[type, int] = {kind: number for number, kind in type_kinds.items()}

BtfType = (
    Void
    | Int
    | Float
    | Ptr
    | Typedef
    | Volatile
    | Const
    | Restrict
    | TypeTag
    | DeclTag
    | Array
    | Struct
    | Union
    | Enum
    | Enum64
    | Fwd
    | Func
    | FuncProto
    | Var
    | Datasec
)
