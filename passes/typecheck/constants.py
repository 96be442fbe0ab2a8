"""What types turn into literals: `sizeof`, `offsetof`, `typeinfo`, and what is said to be `comptime`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_types import member
from ...core.diagnostics import Diagnostics
from ...core.rewrite import rewrite
from ...core.types import BOOL, Pointer, Record, String, Struct, Type, base_name, size_of
from .fold import folded
from .promotion import INVALID, literal_type
from .type_names import type_of_operand

if TYPE_CHECKING:
    from .body import Body, Literal

#: The members of the record that `typeinfo` gives.
TYPE_INFO = ("btf_id", "base_type", "full_type")


def fold_types(body: Body, node: ast.SizeOf | ast.OffsetOf | ast.TypeInfo | ast.Comptime) -> Type | None:
    """The type of such an expression, with its value in `body.constants` once it is known."""
    match node:
        case ast.SizeOf(operand=operand):
            type_ = type_of_operand(body, operand)
            if type_ is None or type_ is INVALID:
                return type_
            return _integer(body, node, size_of(type_))
        case ast.OffsetOf(operand=operand, path=path):
            return _offset(body, node, operand, path)
        case ast.TypeInfo(operand=operand):
            type_ = type_of_operand(body, operand)
            if type_ is None or type_ is INVALID:
                return type_
            base, full = base_name(type_).encode(), str(type_).encode()
            body.records[node] = (0, base, full)
            types = literal_type(0), String(len(base) + 1), String(len(full) + 1)
            return Record(tuple(zip(TYPE_INFO, types, strict=True)))
        case ast.Comptime(operand=operand):
            return _comptime(body, node, operand)


def _integer(body: Body, node: ast.Expression, value: int) -> Type:
    body.constants[node] = ast.IntegerLiteral(node.span, value, str(value))
    return literal_type(value)


def _offset(
    body: Body, node: ast.OffsetOf, operand: ast.Expression | ast.TypeName, path: tuple[str, ...]
) -> Type | None:
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
    return _integer(body, node, total)


def _comptime(body: Body, node: ast.Comptime, operand: ast.Expression) -> Type | None:
    type_ = body.expression(operand)
    if type_ is None or type_ is INVALID:
        return type_
    found = constant(body, operand)
    if found is None:
        return body.error("Unable to resolve comptime expression", node)
    body.constants[node] = found
    match found:
        case ast.IntegerLiteral(value=value):
            return literal_type(value)
        case ast.BooleanLiteral():
            return BOOL
        case ast.StringLiteral(value=text):
            return String(len(text) + 1)


def constant(body: Body, node: ast.Expression) -> Literal | None:
    """The literal that an expression comes down to now that types are known, or None."""

    def leave(rebuilt: ast.Node, written: ast.Node) -> ast.Node:
        known = body.literal(written)
        if known is not None:
            return known
        if isinstance(written, ast.FieldAccess) and isinstance(written.base, ast.TypeInfo):
            return _type_text(body, rebuilt, written.base, written.name) or rebuilt
        match rebuilt:
            case ast.Comptime(operand=operand):
                return operand
            case ast.Block(statements=(), value=value) if value is not None:
                return value
        return rebuilt

    known = rewrite(node, leave)
    result = folded(known, Diagnostics())
    return result if isinstance(result, ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral) else None


def _type_text(body: Body, node: ast.Node, info: ast.TypeInfo, name: str) -> Literal | None:
    values = dict(zip(TYPE_INFO, body.records.get(info, ()), strict=False))
    match values.get(name):
        case int(number):
            return ast.IntegerLiteral(node.span, number, str(number))
        case bytes(text):
            return ast.StringLiteral(node.span, text)
    return None


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

