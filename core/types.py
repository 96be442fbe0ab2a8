"""The type system: what kinds of values there are, how large they are and how they are laid out.

Types are plain frozen data with no knowledge of the tree or of code generation. A type whose meaning belongs to one
function (`count_t`, `kstack_t`, ...) is an `OwnedType`: it names its owner, and only that function knows how to update,
reduce and print it. Layout rules are those of the C ABI on LP64 machines unless a docstring says otherwise.
"""

from __future__ import annotations

from typing import TypeAlias

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of 1, 2, 4 or 8 bytes. A `flexible` one comes from literals and takes the sign of what it meets."""

    size: int
    signed: bool
    flexible: bool = False

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
class String:
    """Bytes up to a NUL; `size` counts the NUL."""

    size: int

    def __str__(self) -> str:
        return f"string[{self.size}]"


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
    element: Type
    count: int

    def __str__(self) -> str:
        return f"{self.element}[{self.count}]"


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a struct; `offset` in bytes. A `data_loc` member holds the offset of its data within the record."""

    name: str
    type: Type
    offset: int
    data_loc: bool = False


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct with known members, or an opaque one (`size` 0) that is only pointed at."""

    name: str
    size: int = 0
    fields: tuple[Field, ...] = ()

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
class OwnedType:
    """A type that one function owns; that function alone knows its bytes.

    `size` is the size in bytes of one stored value (for an aggregation: of one CPU's part). `integer` is the integer
    type that a castable aggregation reads as. `params` are the literal settings that two uses must agree on.
    """

    owner: str
    name: str
    size: int
    params: tuple[int | str, ...] = ()
    aggregation: bool = False
    integer: Int | None = None

    def __str__(self) -> str:
        return self.name


Type: TypeAlias = Int | Bool | Void | String | Pointer | Array | Struct | Tuple | OwnedType

INT8, INT16, INT32, INT64 = (Int(n, True) for n in (1, 2, 4, 8))
UINT8, UINT16, UINT32, UINT64 = (Int(n, False) for n in (1, 2, 4, 8))
BOOL, VOID = Bool(), Void()


def size_of(type_: Type) -> int:
    """Size in bytes, with a tuple's padding."""
    match type_:
        case Int(size=size) | String(size=size) | Struct(size=size) | OwnedType(size=size):
            return size
        case Bool():
            return 1
        case Pointer():
            return 8
        case Array(element, count):
            return size_of(element) * count
        case Tuple():
            return tuple_layout(type_.elements)[1]
        case Void():
            return 0


def align_of(type_: Type) -> int:
    """Alignment in bytes; byte strings align to 1, anything else to its own size up to 8."""
    match type_:
        case String() | Bool() | Void():
            return 1
        case Int(size=size):
            return size
        case Array(element):
            return align_of(element)
        case Tuple(elements):
            return max(map(align_of, elements), default=1)
        case Struct(fields=fields):
            return max((align_of(f.type) for f in fields), default=1)
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


def promote_integers(left: Int, right: Int) -> Int:
    """The least common integer type of two uses."""
    size = max(left.size, right.size)
    if left.signed == right.signed:
        return Int(size, left.signed, left.flexible and right.flexible)
    if left.flexible or right.flexible:
        return Int(size, right.signed if left.flexible else left.signed)
    signed = left if left.signed else right
    unsigned = right if left.signed else left
    if signed.size > unsigned.size:
        return signed
    return Int(size * 2, True) if size < 8 else INT64


def settle(type_: Type) -> Type:
    """A type whose integers have lost their flexibility, as it is stored."""
    match type_:
        case Int(size, signed, True):
            return Int(size, signed)
        case Tuple(elements):
            return Tuple(tuple(settle(e) for e in elements))
        case _:
            return type_


def base_name(type_: Type) -> str:
    """The word for the kind of a type in diagnostics ('int', 'string', 'pointer', 'c_type', ...)."""
    match type_:
        case Int():
            return "int"
        case Bool():
            return "bool"
        case Void():
            return "void"
        case String():
            return "string"
        case Pointer():
            return "pointer"
        case Array():
            return "array"
        case Struct():
            return "c_type"
        case Tuple():
            return "tuple"
        case OwnedType(owner=owner, aggregation=aggregation, name=name):
            return name if aggregation else owner




def to_data(type_: Type) -> list[object]:
    """The type as JSON data: its kind followed by its settings. `from_data` is the inverse."""
    match type_:
        case Int(size, signed, _):
            return ["Int", size, signed]
        case Bool() | Void():
            return [type(type_).__name__]
        case String(size):
            return ["String", size]
        case Pointer(pointee, space):
            return ["Pointer", to_data(pointee), space]
        case Array(element, count):
            return ["Array", to_data(element), count]
        case Struct(name, size, fields):
            return ["Struct", name, size, [[f.name, to_data(f.type), f.offset, f.data_loc] for f in fields]]
        case Tuple(elements):
            return ["Tuple", [to_data(e) for e in elements]]
        case OwnedType():
            integer = to_data(type_.integer) if type_.integer else None
            return ["OwnedType", type_.owner, type_.name, type_.size, list(type_.params), type_.aggregation, integer]


def from_data(data: list[object]) -> Type:
    """Raises: ValueError: when the data is not what `to_data` makes."""
    match data:
        case ["Int", int(size), bool(signed)]:
            return Int(size, signed)
        case ["Bool"]:
            return BOOL
        case ["Void"]:
            return VOID
        case ["String", int(size)]:
            return String(size)
        case ["Pointer", list(pointee), str(space)]:
            return Pointer(from_data(pointee), space)
        case ["Array", list(element), int(count)]:
            return Array(from_data(element), count)
        case ["Struct", str(name), int(size), list(fields)]:
            return Struct(name, size, tuple(Field(n, from_data(t), o, d) for n, t, o, d in fields))
        case ["Tuple", list(elements)]:
            return Tuple(tuple(from_data(e) for e in elements))
        case ["OwnedType", str(owner), str(name), int(size), list(params), bool(aggregation), integer]:
            as_integer = from_data(integer) if isinstance(integer, list) else None
            if as_integer is not None and not isinstance(as_integer, Int):
                raise ValueError(f"not an integer type: {integer!r}")
            return OwnedType(owner, name, size, tuple(params), aggregation, as_integer)
    raise ValueError(f"not a type: {data!r}")
