"""What each statement asks of the types in it, and what it adds to what is known of variables and maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.function import Aggregation
from ...core.types import (
    INT64,
    Array,
    Bool,
    Enum,
    Int,
    Nothing,
    OwnedType,
    Pointer,
    String,
    Tuple,
    Type,
    Void,
    base_name,
    settle,
)
from .body import mismatch, warn_if_lossy
from .map_keys import check_key
from .map_table import LOCKED, ZERO
from .members import warn_of_spaces
from .operators import binary_type
from .promotion import IMPOSSIBLE, INVALID, as_number, conversion, is_condition, out_of_context, promote
from .type_names import declared_type

if TYPE_CHECKING:
    from .body import Body

def check_statement(body: Body, statement: ast.Statement) -> None:
    match statement:
        case ast.Block(statements=statements, value=value):
            for inner in statements:
                check_statement(body, inner)
            if value is not None:
                _check_discarded(body, value)
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            for block in branches(body, condition, then, otherwise):
                check_statement(body, block)
        case ast.ExpressionStatement(expression=expression):
            _check_discarded(body, expression)
        case ast.Assignment():
            _check_assignment(body, statement)
        case ast.Let():
            _check_let(body, statement)
        case ast.Discard(value=value):
            _is_read(body, value)
        case ast.For():
            _check_for(body, statement)
        case ast.While(condition=condition, body=inner):
            body.requires("loop", condition)
            check_condition(body, condition)
            _check_rounds(body, inner)
        case ast.Return(value=value):
            _check_return(body, value)
        case ast.Unroll() | ast.Break() | ast.Continue() | ast.Import():
            pass  # control-flow and imports have dealt with them


def branches(
    body: Body, condition: ast.Expression, then: ast.Block, otherwise: ast.Block | None
) -> list[ast.Block]:
    """The blocks that an `if` keeps, its condition checked: `if comptime` keeps one, and none while undecided."""
    both = [then] if otherwise is None else [then, otherwise]
    if not isinstance(condition, ast.Comptime):
        check_condition(body, condition)
        return both
    holds = body.decided.get(condition)
    if holds is None:
        body.expression(condition.operand)
        body.undecided.append(condition)
        body.unknown = True
        return []
    return both[:1] if holds else both[1:]


def check_condition(body: Body, node: ast.Expression) -> None:
    type_ = body.expression(node)
    if type_ is not None and type_ is not INVALID and not is_condition(type_):
        body.error(f"Invalid condition: {base_name(type_)}", node)


def _check_discarded(body: Body, expression: ast.Expression) -> None:
    """An expression as a statement. An `if` or a block looks into itself for what is thrown away."""
    if isinstance(expression, ast.If | ast.Block):
        check_statement(body, expression)
        return
    if not _is_read(body, expression) or isinstance(expression, ast.Increment):
        return
    function = body.compilation.functions.get(expression.name) if isinstance(expression, ast.Call) else None
    if function is None or function.warns_when_discarded:
        body.diagnostics.warning("Return value discarded.", expression.span)


def _is_read(body: Body, expression: ast.Expression) -> bool:
    """True for an expression that gives a value. Some aggregations cannot even be read to be thrown away."""
    type_ = body.expression(expression)
    if type_ is None or type_ is INVALID or isinstance(type_, Void | Nothing):
        return False
    if not is_storable(type_):
        body.error(f"Value '{type_}' cannot be assigned to a scratch variable.", expression)
        return False
    return True


def _check_return(body: Body, value: ast.Expression | None) -> None:
    if body.function is not None:
        _check_function_result(body, value, body.function, body.result)
        return
    type_ = body.expression(value) if value is not None else None
    if value is None or type_ is None or type_ is INVALID:
        return
    if not isinstance(type_, Int | Enum | Bool):
        body.error(f"Probe return values can only be integers. Found {base_name(type_)}", value)
        return
    provider = body.layout.probe_type
    if provider.returns_verdict and not body.compilation.options.allows_unsafe:
        message = f"return with a value is unsafe in {provider.names[0]} probes: it decides what becomes of the packet"
        body.error(message, value, ("use --unsafe if that is what you want",))
    warn_if_lossy(body, value, type_, INT64, body.integer(value))


def _check_function_result(
    body: Body, value: ast.Expression | None, function: ast.Function, result: Type | None
) -> None:
    type_ = body.expression(value) if value is not None else None
    if value is None or type_ is None or type_ is INVALID or result is None:
        return  # control-flow has said what is missing
    literal = body.integer(value)
    if promote(type_, result) is None or conversion(type_, result, literal) is IMPOSSIBLE:
        body.error(f"Function {function.name} is of type {result}, cannot return {settle(type_)}", value)
    else:
        warn_if_lossy(body, value, type_, result, literal)


def _check_let(body: Body, statement: ast.Let) -> None:
    slot = body.bindings[statement.variable]
    if statement.type is not None:
        declared = declared_type(body, statement.type)
        if declared is INVALID:
            body.grow(slot, INVALID)
        elif declared is not None and is_sized(declared):
            body.declared[slot] = declared
            body.grow(slot, declared)
        elif declared is not None:
            body.open[slot] = declared
    if statement.value is not None:
        type_ = body.expression(statement.value)
        if type_ is not None:
            _assign_variable(body, statement.variable, statement.value, type_, statement)
    elif (known := body.variables.get(slot)) is not None:
        body.types[statement.variable] = known


def is_sized(type_: Type) -> bool:
    """False for `string` and `T[]`, which take their size from what is assigned."""
    return type_ != String(0) and not (isinstance(type_, Array) and type_.count == 0)


def _check_assignment(body: Body, statement: ast.Assignment) -> None:
    target, operator, value = statement.target, statement.operator, statement.value
    if isinstance(target, ast.Map) and operator is None and (call := aggregation_call(body, value)):
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


def aggregation_call(body: Body, value: ast.Expression) -> ast.Call | None:
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
        as_number = f"`{_written(target)} = (int64){_written(value)}`" if isinstance(value, ast.Map) else ""
        body.error(
            f"Map value '{copied}' cannot be assigned from one map to another. The function that returns this "
            f"type must be called directly e.g. `{_written(target)} = {copied.owner}()`",
            value,
            [f"to assign the number instead, add a cast: {as_number}"] if isinstance(type_, Int) else (),
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
        merged = body.declared.get(slot, merged)
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


def _check_for(body: Body, statement: ast.For) -> None:
    match statement.iterable:
        case ast.Range(start=start, end=end):
            body.requires("loop", statement.iterable)
            element = _range_type(body, start, end)
        case ast.Map():
            body.requires("for_each_map_elem", statement.iterable)
            element = _entry_type(body, statement.iterable)
    slot = body.bindings[statement.variable]
    if element is not None:
        body.grow(slot, body.variables.join(slot, element) or element)
        body.types[statement.variable] = body.variables[slot]
    _check_rounds(body, statement.body)


def _check_rounds(body: Body, inner: ast.Block) -> None:
    body.loops += 1
    check_statement(body, inner)
    body.loops -= 1


def _range_type(body: Body, start: ast.Expression, end: ast.Expression) -> Type | None:
    found: list[Type] = []
    for bound, which in ((start, "start"), (end, "end")):
        type_ = body.expression(bound)
        if type_ is None:
            continue
        if isinstance(type_, Enum):
            type_ = as_number(type_) or type_
        elif type_ is not INVALID and not isinstance(type_, Int):
            type_ = body.error(f"Loop range requires an integer for the {which} value", bound)
        found.append(type_)
    if INVALID in found:
        return INVALID
    common = promote(*found) if len(found) == 2 else None
    if common is not None:
        for bound, type_ in zip((start, end), found, strict=True):
            warn_if_lossy(body, bound, type_, common, body.integer(bound))
    return common


def _entry_type(body: Body, node: ast.Map) -> Type | None:
    """The type of what a loop over a map sees: the tuple of key and value."""
    if body.maps.keyed.setdefault(node.name, True) is False:
        return body.error(
            f"{node.name} has no explicit keys (scalar map), and cannot be used for iteration", node
        )
    key, value = body.maps.keys.get(node.name), body.maps.values.get(node.name)
    if key is None or value is None:
        body.unknown = True
        return body.error(f"Undefined map: {node.name}", node) if body.final else None
    if isinstance(value, OwnedType) and value.aggregation:
        if value.integer is None:
            return body.error(f"Loop expression does not support type: {value}", node)
        body.requires("map_lookup_percpu_elem", node)
        value = value.integer
    return Tuple((key, value))
