"""Declarations and assignments: what they ask of the types in them, and what variables and maps become by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.function import Aggregation
from ...core.types import Array, Buffer, Int, Nothing, OwnedType, Pointer, String, Type, Void, settle
from .body import mismatch, warn_if_lossy
from .map_keys import check_key
from .map_table import LOCKED, ZERO
from .members import warn_of_spaces
from .operators import binary_type
from .promotion import IMPOSSIBLE, INVALID, conversion, out_of_context, promote
from .type_names import declared_type

if TYPE_CHECKING:
    from .body import Body


def check_let(body: Body, statement: ast.Let) -> None:
    slot = body.bindings[statement.variable]
    if statement.type is not None:
        declared = declared_type(body, statement.type)
        if declared is INVALID:
            body.grow(slot, INVALID)
        elif declared is not None and _is_sized(declared):
            body.declared[slot] = declared
            # What is assigned adds to a function's own type how its values are shown.
            body.grow(slot, body.variables.get(slot, declared) if isinstance(declared, OwnedType) else declared)
        elif declared is not None:
            body.open[slot] = declared
    if statement.value is not None:
        type_ = body.expression(statement.value)
        if type_ is not None:
            _assign_variable(body, statement.variable, statement.value, type_, statement)
    elif (known := body.variables.get(slot)) is not None:
        body.types[statement.variable] = known


def _is_sized(type_: Type) -> bool:
    """False for `string`, `buffer` and `T[]`, which take their size from what is assigned."""
    return type_ not in (String(0), Buffer(0)) and not (isinstance(type_, Array) and type_.count == 0)


def check_assignment(body: Body, statement: ast.Assignment) -> None:
    target, operator, value = statement.target, statement.operator, statement.value
    if isinstance(target, ast.Map) and operator is None and (call := _aggregation_call(body, value)):
        _check_aggregation(body, target, value, call)
        return
    type_ = body.expression(value)
    if operator is not None:
        current = _target_type(body, target, type_)
        if type_ is None or current is None:
            return
        type_ = binary_type(body, statement, operator, current, type_)
        body.types[statement] = type_
    if isinstance(target, ast.Map):
        if check_key(body, target) and type_ is not None:
            _assign_map(body, target, value, type_, compound=operator is not None)
    elif type_ is not None:
        _assign_variable(body, target, value, type_, statement, compound=operator is not None)


def _target_type(body: Body, target: ast.Variable | ast.Map, added: Type | None) -> Type | None:
    """The type of what `target OP= value` reads. A map that nothing else gives a value starts as an int8."""
    if isinstance(target, ast.Map) and target.name not in body.maps.values:
        check_key(body, target)
        if added is not None:
            body.maps.add_value(target.name, ZERO, target.span, body.diagnostics)
        return None
    return body.expression(target)


def _aggregation_call(body: Body, value: ast.Expression) -> ast.Call | None:
    """The call of an aggregation that an assigned value is, or that is the value of the block assigned."""
    while isinstance(value, ast.Block) and value.value is not None:
        value = value.value
    if isinstance(value, ast.Call) and isinstance(body.compilation.functions.get(value.name), Aggregation):
        return value
    return None


def _check_aggregation(body: Body, target: ast.Map, value: ast.Expression, call: ast.Call) -> None:
    check_key(body, target)
    type_ = body.expression(value)
    if type_ is None or not isinstance(type_, OwnedType) or not type_.aggregation:
        return
    function = body.compilation.functions.get(call.name)
    assert isinstance(function, Aggregation)
    body.types[target] = type_
    body.maps.add_value(target.name, type_, target.span, body.diagnostics, function.params_conflict)


def _assign_map(body: Body, target: ast.Map, value: ast.Expression, type_: Type, *, compound: bool) -> None:
    if type_ is INVALID:
        return
    copied = body.maps.values.get(value.name) if isinstance(value, ast.Map) else None
    known = body.maps.values.get(target.name)
    if isinstance(copied, OwnedType) and copied.aggregation and not isinstance(known, Int):
        number = f"`{_written(target)} = (int64){_written(value)};`" if isinstance(value, ast.Map) else ""
        body.error(
            f"Map value '{copied}' cannot be assigned from one map to another. The function that returns this "
            f"type must be called directly e.g. `{_written(target)} = {copied.owner}()`",
            value,
            [f"Add a cast to integer if you want the value of the aggregate, e.g. {number}"]
            if isinstance(type_, Int)
            else (),
        )
        return
    if not is_storable(type_) or (isinstance(type_, Pointer) and type_.space == "context"):
        body.error(f"Value '{type_}' cannot be assigned to a map.", value)
        return
    body.types[target] = type_
    if isinstance(known, OwnedType) and known.aggregation:
        body.error(mismatch("map", target.name, type_, known), target)
        return
    if known is not None and body.is_outdated(value, known):
        body.maps.replace_value(target.name, type_)
    body.given[value] = type_
    if not body.maps.add_value(target.name, type_, target.span, body.diagnostics):
        return
    merged = body.maps.values[target.name]
    literal = None if compound else body.integer(value)
    if literal is not None and conversion(type_, merged, literal) is IMPOSSIBLE and isinstance(merged, Int):
        body.error(mismatch("map", target.name, type_, merged), target)
        return
    warn_if_lossy(body, value, type_, merged, literal)


def _written(map_: ast.Map) -> str:
    return f"{map_.name}[...]" if map_.keys else map_.name


def _assign_variable(
    body: Body,
    target: ast.Variable,
    value: ast.Expression,
    type_: Type,
    statement: ast.Node,
    *,
    compound: bool = False,
) -> None:
    slot = body.bindings[target]
    if type_ is INVALID:
        if slot not in body.variables:
            body.grow(slot, INVALID)
        return
    if not is_storable(type_):
        body.error(f"Value '{type_}' cannot be assigned to a scratch variable.", value)
        if slot not in body.variables:
            body.grow(slot, INVALID)
        return
    type_ = out_of_context(type_)
    known = body.variables.get(slot, body.open.get(slot))
    literal = None if compound else body.integer(value)
    if known is INVALID:
        return
    if known is not None and body.is_outdated(value, known):
        body.grow(slot, type_)
        known = type_
    body.given[value] = type_
    is_open = slot not in body.variables and known is not None
    merged = promote(known, type_) if is_open and known is not None else body.variables.join(slot, type_)
    if merged is not None:
        declared = body.declared.get(slot, merged)
        # Types that functions own have gathered in `merged` how their values are to be shown.
        merged = merged if isinstance(declared, OwnedType) else declared
        if conversion(type_, merged, literal) is IMPOSSIBLE:
            merged = None
    if merged is None:
        body.diagnostics.error(mismatch("variable", target.name, type_, known or type_), statement.span)
        return
    body.types[target] = merged
    if known is not None:
        warn_of_spaces(body, statement, known, type_)
    if known is not None and settle(merged) != settle(known) and slot in body.locked:
        body.error(LOCKED, target)
        return
    body.grow(slot, merged)
    warn_if_lossy(body, statement if compound else value, type_, merged, literal)


def is_storable(type_: Type) -> bool:
    """True for what a variable can hold."""
    match type_:
        case Void() | Nothing():
            return False
        case OwnedType():
            return not type_.aggregation
    return True
