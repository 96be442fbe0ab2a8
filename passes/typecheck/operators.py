"""The types that operators take and give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.diagnostics import Note
from ...core.types import (
    BOOL,
    INT64,
    Bool,
    Enum,
    Int,
    OwnedType,
    Pointer,
    Type,
    promote_integers,
    settle,
)
from .body import mismatch, warn_if_lossy
from .map_keys import check_key
from .members import warn_of_spaces
from .promotion import (
    COMPARISONS,
    INVALID,
    LOGICAL,
    arithmetic_type,
    as_number,
    comparison_error,
    is_condition,
    same_pointee,
)

if TYPE_CHECKING:
    from .body import Body


def unary_type(body: Body, node: ast.Unary) -> Type | None:
    if node.operator == "&":
        return _address_type(body, node.operand)
    operand = body.expression(node.operand)
    if operand is None or operand is INVALID:
        return operand
    if node.operator == "!":
        if is_condition(operand):
            return BOOL
    elif isinstance(operand, Int | Enum):
        return body.wide(as_number(operand))
    return body.error(f"The {node.operator} operator can not be used on expressions of type '{operand}'", node)


def _address_type(body: Body, operand: ast.Expression) -> Type | None:
    """`&$x` and `&@m` point into the program's own memory, which the kernel's readers reach."""
    if isinstance(operand, ast.Map):
        body.maps.use(operand.name, False) if operand.name not in body.maps.keyed else None
        type_ = body.maps.values.get(operand.name)
        if type_ is None:
            body.unknown = True
            if body.final:
                return body.error(f"Undefined map: {operand.name}", operand)
        else:
            body.types[operand] = type_
    else:
        type_ = body.expression(operand)
    return type_ if type_ is None or type_ is INVALID else Pointer(settle(type_), "kernel")


def binary_expression(body: Body, node: ast.Binary) -> Type | None:
    """A chain of operators that leans to the left is walked without recursion: it may be a thousand long."""
    chain = [node]
    while isinstance(chain[-1].left, ast.Binary):
        chain.append(chain[-1].left)
    left = body.expression(chain[-1].left)
    for binary in reversed(chain):
        right = body.expression(binary.right)
        if left is None or right is None:
            type_: Type | None = None
        else:
            type_ = binary_type(body, binary, binary.operator, left, right)
        if binary is not node:
            if type_ is None:
                body.unknown = True
            else:
                body.types[binary] = type_
        left = type_
    return left


def binary_type(
    body: Body, node: ast.Binary | ast.Assignment, operator: str, left: Type, right: Type
) -> Type:
    if left is INVALID or right is INVALID:
        return INVALID
    if operator in COMPARISONS:
        return _comparison_type(body, node, operator, left, right)
    if operator in LOGICAL:
        if is_condition(left) and is_condition(right):
            return BOOL
    else:
        result = arithmetic_type(operator, left, right)
        if isinstance(result, Pointer) and isinstance(left, Pointer) and isinstance(right, Pointer):
            result = None
        if result is not None:
            _warn_signed_division(body, node, operator, left, right)
            return body.wide(as_number(left), as_number(right)) if result == INT64 and operator != "-" else result
    return body.error(f"The {operator} operator can not be used on expressions of types {left}, {right}", node)


def _operands(node: ast.Binary | ast.Assignment) -> tuple[ast.Node, ast.Node]:
    return (node.left, node.right) if isinstance(node, ast.Binary) else (node.target, node.value)


def _comparison_type(
    body: Body, node: ast.Binary | ast.Assignment, operator: str, left: Type, right: Type
) -> Type:
    one, other = _operands(node)
    warn_of_spaces(body, node, left, right)
    if wrong := comparison_error(operator, left, right):
        notes = [Note(f"left ({left})", one.span), Note(f"right ({right})", other.span)]
        body.diagnostics.error(wrong, node.span, notes=notes if wrong.startswith("Type mismatch") else ())
        return INVALID
    match left, right:
        case Pointer(a), Pointer(b) if not same_pointee(a, b):
            body.diagnostics.warning(
                f"comparison of distinct pointer types: {left}, {right}",
                node.span,
                notes=[Note(f"left ({left})", one.span), Note(f"right ({right})", other.span)],
            )
        case (Int() | Enum() | Bool()), (Int() | Enum() | Bool()):
            _warn_lossy_comparison(body, (one, left), (other, right))
    return BOOL


def _warn_lossy_comparison(body: Body, *sides: tuple[ast.Node, Type]) -> None:
    a, b = (as_number(type_) for _, type_ in sides)
    assert a is not None and b is not None
    common = promote_integers(a, b)
    for (node, _), number in zip(sides, (a, b), strict=True):
        literal = body.literal(node)
        warn_if_lossy(
            body, node, number, common, literal.value if isinstance(literal, ast.IntegerLiteral) else None
        )


def _warn_signed_division(body: Body, node: ast.Node, operator: str, left: Type, right: Type) -> None:
    a, b = as_number(left), as_number(right)
    if operator not in "/%" or a is None or b is None or a.flexible or b.flexible:
        return
    if a != b and (a.signed or b.signed):
        body.diagnostics.warning(
            f"signed operands for '{operator}' can lead to undefined behavior "
            "(cast to unsigned to silence warning)",
            node.span,
        )


def increment_type(body: Body, node: ast.Increment) -> Type | None:
    """`++` makes an integer 64 bits wide, unless its type is declared; a pointer steps by what it points to."""
    target = node.target
    if isinstance(target, ast.Variable):
        known = body.expression(target)
        if known is None:
            return None
    else:
        if not check_key(body, target):
            return INVALID
        known = body.maps.values.get(target.name)
    match known:
        case OwnedType(aggregation=True):
            return body.error(mismatch("map", target.name, INT64, known), node)
        case None | Int():
            pass
        case Pointer():
            body.types[target] = known
            return known
        case _:
            return known if known is INVALID else body.error(
                f"The {node.operator} operator can not be used on expressions of type '{known}'", node
            )
    result = INT64 if node.operator == "--" else body.wide(known)
    if isinstance(target, ast.Map):
        body.types[target] = result
        body.maps.add_value(target.name, result, target.span, body.diagnostics)
        return body.maps.values.get(target.name, result)
    slot = body.bindings[target]
    if slot in body.declared:
        return known
    result_type = body.variables.join(slot, result) or result
    body.types[target] = result_type
    body.grow(slot, result_type)
    return result_type
