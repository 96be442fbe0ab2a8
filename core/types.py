"""The type system: what kinds of values there are, how large they are and how they are laid out.

Types are plain frozen data with no knowledge of the tree or of code generation. A type whose meaning belongs to one
function (`count_t`, `kstack_t`, ...) is an `OwnedType`: it names its owner, and only that function knows how to update,
reduce and print it. Layout rules are those of the C ABI on LP64 machines unless a docstring says otherwise.
"""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of 1, 2, 4 or 8 bytes. A `flexible` one comes from literals and takes the sign of what it meets.

    One that is known to be an address tells its memory by `space`, as a pointer does; it is of the same type otherwise.
    """

    size: int
    signed: bool
    flexible: bool = False
    space: str = field(default="none", compare=False, repr=False)

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.size * 8}"

    def fits(self, value: int) -> bool:
        bits = self.size * 8
        return -(1 << bits - 1) <= value < (1 << bits - 1) if self.signed else 0 <= value < (1 << bits)


@dataclass(frozen=True, slots=True)
class Bool:
    """True or false, one byte."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Void:
    """The type of a call that gives no value."""

    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True, slots=True)
class Nothing:
    """The type of a block or a branch that ends without a value."""

    def __str__(self) -> str:
        return "none"


@dataclass(frozen=True, slots=True)
class String:
    """Bytes up to a NUL; `size` counts the NUL and is 0 in a declaration that leaves it open."""

    size: int

    def __str__(self) -> str:
        return f"string[{self.size}]" if self.size else "string"


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes of any value: a u32 that counts them, then space for `size` - 4 of them, zeros behind those in use.

    `size` is 0 in a declaration that leaves it open.
    """

    size: int

    def __str__(self) -> str:
        return f"buffer[{self.size}]" if self.size else "buffer"


#: Bytes of a buffer in front of those that it holds.
BUFFER_HEADER = 4


@dataclass(frozen=True, slots=True)
class Enum:
    """A C enum, an integer whose values have names. `constants`: (name, value) in declaration order."""

    name: str
    size: int
    signed: bool
    constants: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return self.name

    def name_of(self, value: int) -> str | None:
        return next((name for name, constant in self.constants if constant == value), None)


@dataclass(frozen=True, slots=True)
class Pointer:
    """An address. `space` says which memory it points into: 'kernel', 'user', 'context' (the program's own) or
    'none'."""

    pointee: Type
    space: str = "none"

    def __str__(self) -> str:
        return f"{self.pointee} *"


@dataclass(frozen=True, slots=True)
class Array:
    """`count` is 0 where a declaration leaves it open, and for C's flexible array members."""

    element: Type
    count: int

    def __str__(self) -> str:
        return f"{self.element}[{self.count or ''}]"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct; `offset` in bytes.

    A `data_loc` member holds the offset of its data within the record. A bit field has a `bit_width`; `offset` is then
    that of the byte that holds its lowest bit, and `bit_shift` (0 to 7) tells which bit of it that is (little endian).
    `tag` is a BTF type tag of a pointer member that forbids following it ('percpu', ...). `size` is that of a string in
    memory where its type has room for one byte more, a NUL that C need not store; 0 otherwise.
    """

    name: str
    type: Type
    offset: int
    data_loc: bool = False
    bit_shift: int = 0
    bit_width: int = 0
    tag: str = ""
    size: int = 0

    @property
    def stored(self) -> Type:
        """The type of the bytes in memory."""
        return String(self.size) if self.size else self.type


@dataclass(frozen=True, slots=True)
class Struct:
    """A C struct or union, or the `args` of a probe. Members of anonymous structs and unions are members of this one.

    One with `by_name` has no `fields` of its own: its members are those that the program's `CTypes` knows under its
    name, because C's types refer to each other in circles. An opaque one has neither, and a `size` of 0. `home` is the
    binary whose debug information knows the struct, empty for those of the kernel and of the script: each binary may
    have a struct of the same name.
    """

    name: str
    size: int = 0
    fields: tuple[Field, ...] = ()
    by_name: bool = False
    alignment: int = 0
    home: str = ""

    def __str__(self) -> str:
        return self.name

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True)
class Tuple:
    elements: tuple[Type, ...]

    def __str__(self) -> str:
        return f"({','.join(map(str, self.elements))})"


@dataclass(frozen=True, slots=True)
class Record:
    """Named values, laid out like a tuple of them in this order. `fields`: (name, type)."""

    fields: tuple[tuple[str, Type], ...]

    @property
    def elements(self) -> tuple[Type, ...]:
        return tuple(type_ for _, type_ in self.fields)

    def __str__(self) -> str:
        return f"record {{ {', '.join(f'.{name} = {type_}' for name, type_ in self.fields)} }}"


@dataclass(frozen=True, slots=True)
class OwnedType:
    """A type that one function owns; that function alone knows its bytes.

    `size` is the size in bytes of one stored value (for an aggregation: of one CPU's part). `integer` is the integer
    type that a castable aggregation reads as. `params` are the literal settings that two uses must agree on. `formats`
    are, in order, what values may be shown by, of which each one tells its own: types that differ only there go
    together, and have the formats of both.
    """

    owner: str
    name: str
    size: int
    params: tuple[int | str, ...] = ()
    aggregation: bool = False
    integer: Int | None = None
    formats: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = (
    Int | Bool | Void | Nothing | String | Buffer | Enum | Pointer | Array | Struct | Tuple | Record | OwnedType
)

INT8, INT16, INT32, INT64 = (Int(n, True) for n in (1, 2, 4, 8))
UINT8, UINT16, UINT32, UINT64 = (Int(n, False) for n in (1, 2, 4, 8))
BOOL, VOID, NOTHING = Bool(), Void(), Nothing()


def size_of(type_: Type) -> int:
    """Size in bytes, with a tuple's padding."""
    match type_:
        case Int(size=size) | Enum(size=size) | String(size=size) | Struct(size=size) | OwnedType(size=size):
            return size
        case Buffer(size=size):
            return size
        case Bool():
            return 1
        case Pointer():
            return 8
        case Array(element, count):
            return size_of(element) * count
        case Tuple() | Record():
            return tuple_layout(type_.elements)[1]
        case Void() | Nothing():
            return 0


def align_of(type_: Type) -> int:
    """Alignment in bytes; byte strings align to 1, anything else to its own size up to 8."""
    match type_:
        case String() | Buffer() | Bool() | Void() | Nothing():
            return 1
        case Int(size=size) | Enum(size=size):
            return size
        case Array(element):
            return align_of(element)
        case Tuple() | Record():
            return max(map(align_of, type_.elements), default=1)
        case Struct(fields=fields, alignment=alignment):
            return alignment or max((align_of(f.type) for f in fields), default=1)
        case Pointer() | OwnedType():
            return 8


def round_up(value: int, to: int) -> int:
    return (value + to - 1) // to * to


def tuple_layout(elements: tuple[Type, ...]) -> tuple[tuple[int, ...], int]:
    """Byte offsets of the elements in order, each at its alignment, and the padded total size."""
    offsets, at = [], 0
    for element in elements:
        at = round_up(at, align_of(element))
        offsets.append(at)
        at += size_of(element)
    return tuple(offsets), round_up(at, max(map(align_of, elements), default=1))


def address_space(type_: Type, default: str) -> str:
    """The memory that an address of this type points into, the kernel's or a process's, else the default."""
    match type_:
        case Int(space="kernel" | "user" as space) | Pointer(space="kernel" | "user" as space):
            return space
    return default


def common_space(left: Int, right: Int) -> str:
    """The memory of an address that was made of two numbers, 'none' if they tell two different ones or nothing."""
    one, other = left.space, right.space
    return other if one == "none" else one if other in ("none", one) else "none"


def promote_integers(left: Int, right: Int) -> Int:
    """The least common integer type of two uses."""
    size = max(left.size, right.size)
    if left.signed == right.signed:
        return Int(size, left.signed, left.flexible and right.flexible, common_space(left, right))
    if left.flexible or right.flexible:
        return Int(size, right.signed if left.flexible else left.signed, False, common_space(left, right))
    signed = left if left.signed else right
    unsigned = right if left.signed else left
    if signed.size > unsigned.size:
        return signed
    return Int(size * 2, True) if size < 8 else INT64


def settle(type_: Type) -> Type:
    """A type whose integers have lost their flexibility, as it is stored."""
    match type_:
        case Int(size, signed, True, space):
            return Int(size, signed, False, space)
        case Tuple(elements):
            return Tuple(tuple(settle(e) for e in elements))
        case Record(fields):
            return Record(tuple((name, settle(t)) for name, t in fields))
        case _:
            return type_


def base_name(type_: Type) -> str:
    """The word for the kind of a type in diagnostics ('int', 'string', 'pointer', 'c_type', ...)."""
    match type_:
        case Int() | Enum():
            return "int"
        case Struct():
            return "c_type"
        case OwnedType(name=name, aggregation=True):
            return name.removeprefix("u")
        case OwnedType(owner=owner, name=name, params=params):
            return owner if params else name.partition("[")[0]
        case Void() | Nothing():
            return str(type_)
    return type(type_).__name__.lower()
