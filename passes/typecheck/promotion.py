"""Which type two uses of one thing have in common, and which type an operator gives.

Tables and pure functions over types; nothing here knows the tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...core.function import integer_of
from ...core.types import (
    BOOL,
    UINT64,
    Array,
    Bool,
    Buffer,
    Enum,
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
    base_name,
    common_space,
    promote_integers,
)

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
LOGICAL = frozenset({"&&", "||"})

#: The type of an expression that was refused: whoever meets it says no more.
INVALID = OwnedType("", "invalid", 0)


def literal_type(value: int) -> Int:
    """The smallest signed type that holds a literal; above that uint64. Non-negative ones adopt the sign they meet."""
    for size in (1, 2, 4, 8):
        if Int(size, True).fits(value):
            return Int(size, True, flexible=value >= 0)
    return UINT64


def promote(left: Type, right: Type) -> Type | None:
    """The type that holds values of both types, or None when they do not go together."""
    match left, right:
        case Int(), Int():
            return promote_integers(left, right)
        case Enum(name=name), Enum(name=other) if name == other:
            return left if left.size >= right.size else right
        case (Enum(), Int()) | (Int(), Enum()) | (Enum(), Enum()):
            a, b = as_number(left), as_number(right)
            return promote_integers(a, b) if a is not None and b is not None else None
        case (String(a), String(b)) | (Buffer(a), Buffer(b)):
            return left if a >= b else right
        case Pointer(a, space), Pointer(b, other):
            return out_of_context(Pointer(a, other if space == "none" else space)) if same_pointee(a, b) else None
        case Array(a, n), Array(b, m):
            return (left if n else right) if a == b and (n == m or not n or not m) else None
        case Tuple(a), Tuple(b) if len(a) == len(b):
            elements = _promote_all(a, b)
            return None if elements is None else Tuple(elements)
        case Record(a), Record(b) if dict(a).keys() == dict(b).keys():
            others = dict(b)
            elements = _promote_all(left.elements, tuple(others[name] for name, _ in a))
            return None if elements is None else Record(tuple(zip((n for n, _ in a), elements, strict=True)))
        case OwnedType(), OwnedType() if left.owner == right.owner and left.params == right.params:
            if left.integer is not None and right.integer is not None:
                return left if left.integer.signed else right
            if left.formats != right.formats:
                return replace(left, formats=tuple(sorted({*left.formats, *right.formats})))
            return right if left.name == f"u{right.name}" else left
        case Struct(), Struct() if left.name == right.name:
            return left
    return left if left == right else None


def out_of_context(type_: Type) -> Type:
    """The type of a value once it has been stored or merged: the verifier then no longer knows an address inside the
    context for what it is, so that what is there has to be read like all kernel memory."""
    match type_:
        case Pointer(pointee, "context"):
            return Pointer(pointee, "kernel")
    return type_


def placed(type_: Pointer, space: str) -> Pointer:
    """The pointer in one kind of memory, and the pointers that it points to as well."""
    inner = type_.pointee
    return Pointer(placed(inner, space) if isinstance(inner, Pointer) else inner, space)


def _promote_all(left: tuple[Type, ...], right: tuple[Type, ...]) -> tuple[Type, ...] | None:
    merged = [promote(a, b) for a, b in zip(left, right, strict=True)]
    known = tuple(type_ for type_ in merged if type_ is not None)
    return known if len(known) == len(merged) else None


def same_pointee(left: Type, right: Type) -> bool:
    if isinstance(left, Pointer) and isinstance(right, Pointer):
        return same_pointee(left.pointee, right.pointee)
    return left == right or (isinstance(left, Struct) and isinstance(right, Struct) and left.name == right.name)


def as_number(type_: Type) -> Int | None:
    """The integer type of an operand of arithmetic: integers, enums, bools and castable aggregations."""
    match type_:
        case Bool():
            return Int(1, False, flexible=True)
        case Enum(size=size):
            return Int(size, False)
    return integer_of(type_)


def arithmetic_type(operator: str, left: Type, right: Type) -> Type | None:
    """The result of `left OP right` for an arithmetic or bitwise operator, or None when the types do not allow it."""
    match left, right:
        case Bool(), Bool():
            return BOOL
        case Pointer(), (Int() | Bool()) if operator in "+-":
            return out_of_context(left)
        case (Int() | Bool()), Pointer() if operator == "+":
            return out_of_context(right)
    a, b = as_number(left), as_number(right)
    if a is None or b is None:
        return None
    is_signed = operator == "-" or promote_integers(a, b).signed
    return Int(8, is_signed, False, common_space(a, b))


def comparison_error(operator: str, left: Type, right: Type) -> str | None:
    """Why `left OP right` cannot be compared, or None when it can."""
    if as_number(left) is not None and as_number(right) is not None:
        return None
    equality = operator in ("==", "!=")
    match left, right:
        case (Pointer(), Pointer()) | (Pointer(), Int() | Bool()) | (Int() | Bool(), Pointer()):
            return None
        case (String(), String()) | (Buffer(), Buffer()) if equality:
            return None
        case Array(a, n), Array(b, m):
            if n != m:
                return "Only arrays of same size support comparison operators."
            if not isinstance(a, Int) or not isinstance(b, Int) or a.size != b.size:
                return "Only arrays of same sized integer support comparison operators."
            return None if equality else f"The {operator} operator cannot be used on arrays."
        case (Tuple(), Tuple()) | (Record(), Record()) if equality:
            return None if promote(left, right) is not None else _mismatch(operator, left, right)
        case OwnedType(), OwnedType() if equality and promote(left, right) is not None and not left.aggregation:
            return None
    same_kind = base_name(left) == base_name(right)
    if same_kind and not (equality and _can_be_compared(left)):
        return f"The {operator} operator can not be used on expressions of types {left}, {right}"
    return _mismatch(operator, left, right)


def _can_be_compared(type_: Type) -> bool:
    """True for types of which two values may at least be equal, if the types are compatible."""
    match type_:
        case OwnedType():
            return not type_.aggregation
    return isinstance(type_, Tuple | Record)


def _mismatch(operator: str, left: Type, right: Type) -> str:
    return f"Type mismatch for '{operator}': comparing {left} with {right}"


def is_condition(type_: Type) -> bool:
    return isinstance(type_, Int | Enum | Bool | Pointer) or integer_of(type_) is not None


def has_value(type_: Type) -> bool:
    return not isinstance(type_, Void | Nothing)


#: What an implicit conversion does to a value.
SILENT, LOSSY, IMPOSSIBLE = "silent", "lossy", "impossible"


def conversion(source: Type, destination: Type, literal: int | None = None) -> str:
    """SILENT when every value survives, LOSSY when one may change and a warning is due, IMPOSSIBLE otherwise.

    `literal` is the value of an expression that is an integer literal.
    """
    match source, destination:
        case _ if source == destination:
            return SILENT
        case (Int() | Enum()), Int() if literal is not None:
            return SILENT if destination.fits(literal) else IMPOSSIBLE
        case (Int() | Enum() | Bool() | OwnedType()), Int() if (number := as_number(source)) is not None:
            same_sign = number.signed == destination.signed or number.flexible
            if number.size <= destination.size and same_sign:
                return SILENT
            return SILENT if number.size < destination.size and not number.signed else LOSSY
        case (String(a), String(b)) | (Buffer(a), Buffer(b)):
            return SILENT if a <= b else IMPOSSIBLE
        case (Tuple(), Tuple()) | (Record(), Record()) if promote(source, destination) is not None:
            return _worst(conversion(a, b) for a, b in zip(*_pairs(source, destination), strict=True))
    return SILENT if promote(source, destination) is not None else IMPOSSIBLE


def _pairs(source: Type, destination: Type) -> tuple[tuple[Type, ...], tuple[Type, ...]]:
    match source, destination:
        case Record(), Record(fields):
            by_name = dict(source.fields)
            return tuple(by_name[name] for name, _ in fields), destination.elements
        case Tuple(a), Tuple(b):
            return a, b
    raise AssertionError("promote takes pairs of tuples and pairs of records only")


def _worst(found: Iterable[str]) -> str:
    results = set(found)
    return IMPOSSIBLE if IMPOSSIBLE in results else LOSSY if LOSSY in results else SILENT
