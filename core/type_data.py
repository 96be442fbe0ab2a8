"""Types as JSON data and back, as artifacts and captured targets keep them.

Settings that most types leave alone are left out at the end. It checks the kinds of values, not what they say.
"""

from __future__ import annotations

from .types import (
    BOOL,
    NOTHING,
    VOID,
    Array,
    Bool,
    Buffer,
    Enum,
    Field,
    Int,
    Nothing,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    Void,
)


def to_data(type_: Type) -> list[object]:
    """The type as JSON data: its kind followed by its settings. `from_data` is the inverse."""
    match type_:
        case Int(size, signed):
            return ["Int", size, signed]
        case Bool() | Void() | Nothing():
            return [type(type_).__name__]
        case String(size) | Buffer(size):
            return [type(type_).__name__, size]
        case Enum(name, size, signed, constants):
            return ["Enum", name, size, signed, [list(constant) for constant in constants]]
        case Pointer(pointee, space):
            return ["Pointer", to_data(pointee), space]
        case Array(element, count):
            return ["Array", to_data(element), count]
        case Struct(name, size, fields, by_name, alignment, home):
            own_home = [home] if home else []
            return ["Struct", name, size, [_field_to_data(f) for f in fields], by_name, alignment, *own_home]
        case Tuple(elements):
            return ["Tuple", [to_data(e) for e in elements]]
        case Record(fields):
            return ["Record", [[name, to_data(t)] for name, t in fields]]
        case OwnedType():
            integer = to_data(type_.integer) if type_.integer else None
            settings = [list(type_.params), type_.aggregation, integer, *type_.formats]
            return ["OwnedType", type_.owner, type_.name, type_.size, *settings]


def _field_to_data(field: Field) -> list[object]:
    bits = field.bit_shift, field.bit_width
    size = [field.size] if field.size else []
    return [field.name, to_data(field.type), field.offset, field.data_loc, *bits, field.tag, *size]


def _field_from_data(data: object) -> Field:
    match data:
        case [str(name), list(type_), int(offset), bool(data_loc), int(bit_shift), int(bit_width), str(tag), *size]:
            match size:
                case []:
                    return Field(name, from_data(type_), offset, data_loc, bit_shift, bit_width, tag)
                case [int(stored)]:
                    return Field(name, from_data(type_), offset, data_loc, bit_shift, bit_width, tag, stored)
    raise ValueError(f"not a member: {data!r}")


def from_data(data: list[object]) -> Type:
    """Raises: ValueError: when the data is not what `to_data` makes."""
    match data:
        case ["Int", int(size), bool(signed)]:
            return Int(size, signed)
        case ["Bool"]:
            return BOOL
        case ["Void"]:
            return VOID
        case ["Nothing"]:
            return NOTHING
        case ["String", int(size)]:
            return String(size)
        case ["Buffer", int(size)]:
            return Buffer(size)
        case ["Enum", str(name), int(size), bool(signed), list(constants)]:
            return Enum(name, size, signed, tuple((n, v) for n, v in constants))
        case ["Pointer", list(pointee), str(space)]:
            return Pointer(from_data(pointee), space)
        case ["Array", list(element), int(count)]:
            return Array(from_data(element), count)
        case ["Struct", str(name), int(size), list(fields), bool(by_name), int(alignment), *home]:
            return Struct(name, size, tuple(map(_field_from_data, fields)), by_name, alignment, *map(str, home[:1]))
        case ["Tuple", list(elements)]:
            return Tuple(tuple(from_data(e) for e in elements))
        case ["Record", list(fields)]:
            return Record(tuple((name, from_data(t)) for name, t in fields))
        case ["OwnedType", str(owner), str(name), int(size), list(params), bool(aggregation), integer, *formats]:
            as_integer = from_data(integer) if isinstance(integer, list) else None
            if as_integer is not None and not isinstance(as_integer, Int):
                raise ValueError(f"not an integer type: {integer!r}")
            return OwnedType(owner, name, size, tuple(params), aggregation, as_integer, tuple(map(str, formats)))
    raise ValueError(f"not a type: {data!r}")
