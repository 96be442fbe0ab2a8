"""What types turn into literals: `sizeof`, `offsetof`, `typeinfo`, calls with a constant value, and what is said to be
`comptime`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_types import member
from ...core.diagnostics import Diagnostics
from ...core.function import Constant
from ...core.rewrite import rewrite
from ...core.types import BOOL, Pointer, Record, String, Struct, Type, base_name, size_of
from .fold import folded
from .promotion import INVALID, literal_type
from .type_names import is_missing, type_of_operand

if TYPE_CHECKING:
    from .body import Body, Literal

def fold_types(body: Body, node: ast.SizeOf | ast.OffsetOf | ast.TypeInfo | ast.Comptime) -> Type | None:
    """The type of such an expression, with its value in `body.constants` once it is known."""
    match node:
        case ast.SizeOf(operand=operand):
            type_ = type_of_operand(body, operand)
            if type_ is None or type_ is INVALID:
                return type_
            return keep_constant(body, node, size_of(type_))
        case ast.OffsetOf(operand=operand, path=path):
            return _offset(body, node, operand, path)
        case ast.TypeInfo(operand=operand):
            type_ = type_of_operand(body, operand)
            if type_ is None or type_ is INVALID:
                return type_
            base, full = base_name(type_).encode(), str(type_).encode()
            return keep_constant(body, node, {"btf_id": 0, "base_type": base, "full_type": full})
        case ast.Comptime(operand=operand):
            return _comptime(body, node, operand)


def keep_constant(body: Body, node: ast.Expression, value: Constant) -> Type:
    """Makes a literal of an expression, or a record of literals; gives its type."""
    if isinstance(value, Mapping):
        body.records[node] = tuple(value.values())
        return Record(tuple((name, _literal(node, part)[1]) for name, part in value.items()))
    body.constants[node], type_ = _literal(node, value)
    return type_


def _literal(node: ast.Node, value: int | bool | bytes) -> tuple[Literal, Type]:
    match value:
        case bool():
            return ast.BooleanLiteral(node.span, value), BOOL
        case int():
            return ast.IntegerLiteral(node.span, value, str(value)), literal_type(value)
        case bytes():
            return ast.StringLiteral(node.span, value), String(len(value) + 1)


def _offset(
    body: Body, node: ast.OffsetOf, operand: ast.Expression | ast.TypeName, path: tuple[str, ...]
) -> Type | None:
    if isinstance(operand, ast.NamedType) and is_missing(body, operand):
        return body.error(f"'{operand.tag} {operand.name}' does not exist.", node)
    type_ = type_of_operand(body, operand)
    if type_ is None or type_ is INVALID:
        return type_
    total = 0
    for name in path:
        if isinstance(type_, Pointer) or not isinstance(type_, Struct):
            return body.error(f"'{type_}' is not a C type.", node)
        if type_.by_name and body.c_types.members(type_) is None:
            return body.error(f"'{type_}' does not exist.", node)
        found = member(body.c_types, type_, name)
        if found is None:
            return body.error(f"'{type_}' has no field named '{name}'", node)
        total += found.offset
        type_ = found.type
    return keep_constant(body, node, total)


def _comptime(body: Body, node: ast.Comptime, operand: ast.Expression) -> Type | None:
    type_ = body.expression(operand)
    if type_ is None or type_ is INVALID:
        return type_
    found = constant(body, operand)
    if found is None:
        return body.error("Unable to resolve comptime expression", node)
    return keep_constant(body, node, found.value)


def constant(body: Body, node: ast.Expression) -> Literal | None:
    """The literal that an expression comes down to now that types are known, or None."""

    def leave(rebuilt: ast.Node, written: ast.Node) -> ast.Node:
        known = body.literal(written)
        if known is not None:
            return known
        match rebuilt:
            case ast.Comptime(operand=operand):
                return operand
            case ast.Block(statements=(), value=value) if value is not None:
                return value
        return rebuilt

    known = rewrite(node, leave)
    result = folded(known, Diagnostics())
    return result if isinstance(result, ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral) else None


def is_constant(body: Body, node: ast.Expression) -> bool:
    """True for what comes down to a literal, or to a tuple or record of literals."""
    match node:
        case ast.Tuple(elements=elements):
            return all(is_constant(body, element) for element in elements)
        case ast.Record(fields=fields):
            return all(is_constant(body, field.value) for field in fields)
        case ast.Block(statements=(), value=value) if value is not None:
            return is_constant(body, value)
    return node in body.records or constant(body, node) is not None


def decide(body: Body) -> bool:
    """Decides the `if comptime` conditions that can be decided; True when there was one.

    The types that a decision was based on cannot change any more.
    """
    decided = False
    for condition in body.undecided:
        assert isinstance(condition, ast.Comptime)
        found = constant(body, condition.operand)
        if found is None or isinstance(found, ast.StringLiteral):
            continue
        body.decided[condition] = bool(found.value)
        decided = True
        for part in ast.walk(condition):
            match part:
                case ast.Variable():
                    body.locked.add(body.bindings[part])
                case ast.Map(name=name):
                    body.maps.locked.add(name)
    return decided

