"""Which type two uses of one thing have in common, and which type an operator gives.

Tables and pure functions over types; nothing here knows the tree.
"""

from __future__ import annotations

from ...core.function import integer_of
from ...core.types import (
    BOOL,
    INT64,
    UINT64,
    Array,
    Bool,
    Int,
    OwnedType,
    Pointer,
    String,
    Struct,
    Tuple,
    Type,
    Void,
    promote_integers,
)

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
LOGICAL = frozenset({"&&", "||"})


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
        case String(a), String(b):
            return left if a >= b else right
        case Pointer(a), Pointer(b):
            return left if _same_pointee(a, b) else None
        case Array(a, n), Array(b, m):
            return left if a == b and n == m else None
        case Tuple(a), Tuple(b) if len(a) == len(b):
            elements = [promote(x, y) for x, y in zip(a, b, strict=True)]
            known = tuple(e for e in elements if e is not None)
            return Tuple(known) if len(known) == len(elements) else None
        case OwnedType(), OwnedType() if left.owner == right.owner and left.params == right.params:
            if left.integer is not None and right.integer is not None:
                return left if left.integer.signed else right
            return left
    return left if left == right else None


def _same_pointee(left: Type, right: Type) -> bool:
    return left == right or (isinstance(left, Struct) and isinstance(right, Struct) and left.name == right.name)


def compatible(left: Type, right: Type) -> bool:
    return promote(left, right) is not None


def as_number(type_: Type) -> Int | None:
    """The integer type of an operand of arithmetic: integers, bools and castable aggregations."""
    return Int(1, False, flexible=True) if isinstance(type_, Bool) else integer_of(type_)


def arithmetic_type(operator: str, left: Type, right: Type) -> Type | None:
    """The result of `left OP right` for an arithmetic or bitwise operator, or None when the types do not allow it."""
    match left, right:
        case Bool(), Bool():
            return BOOL
        case Pointer(), (Int() | Bool()) if operator in "+-":
            return left
        case (Int() | Bool()), Pointer() if operator == "+":
            return right
    a, b = as_number(left), as_number(right)
    if a is None or b is None:
        return None
    return INT64 if operator == "-" or promote_integers(a, b).signed else UINT64


def comparison_error(operator: str, left: Type, right: Type) -> str | None:
    """Why `left OP right` cannot be compared, or None when it can."""
    if as_number(left) is not None and as_number(right) is not None:
        return None
    match left, right:
        case (Pointer(), Pointer()) | (Pointer(), Int() | Bool()) | (Int() | Bool(), Pointer()):
            return None
        case String(), String():
            if operator in ("==", "!="):
                return None
            return f"The {operator} operator can not be used on expressions of types {left}, {right}"
    if type(left) is type(right) and isinstance(left, Tuple | OwnedType | Array | Struct | Void):
        return f"The {operator} operator can not be used on expressions of types {left}, {right}"
    return f"Type mismatch for '{operator}': comparing {left} with {right}"


def is_condition(type_: Type) -> bool:
    return isinstance(type_, Int | Bool | Pointer) or integer_of(type_) is not None
