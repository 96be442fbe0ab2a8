"""What each statement asks of the types in it; what assignments add to variables and maps is in `assignments.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.types import INT64, Bool, Enum, Int, Nothing, OwnedType, Tuple, Type, Void, base_name, settle
from .assignments import check_assignment, check_let, is_storable
from .body import warn_if_lossy
from .promotion import IMPOSSIBLE, INVALID, as_number, conversion, is_condition, promote

if TYPE_CHECKING:
    from .body import Body


def check_statement(body: Body, statement: ast.Statement, outer: ast.Node | None = None) -> None:
    match statement:
        case ast.Block(statements=statements, value=value):
            for inner in statements:
                check_statement(body, inner)
            if value is not None:
                _check_discarded(body, value, outer or statement)
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            for block in branches(body, condition, then, otherwise):
                check_statement(body, block, outer or statement)
        case ast.ExpressionStatement(expression=expression):
            _check_discarded(body, expression, statement)
        case ast.Assignment():
            check_assignment(body, statement)
        case ast.Let():
            check_let(body, statement)
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


def _check_discarded(body: Body, expression: ast.Expression, statement: ast.Node) -> None:
    """An expression that a statement throws away. An `if` or a block looks into itself for what that is."""
    if isinstance(expression, ast.If | ast.Block):
        check_statement(body, expression, statement)
        return
    if not _is_read(body, expression) or isinstance(expression, ast.Increment):
        return
    function = body.compilation.functions.get(expression.name) if isinstance(expression, ast.Call) else None
    if (function is None or function.warns_when_discarded) and not body.in_library(statement):
        body.diagnostics.warning("Return value discarded.", body.outside_library(expression))


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
        return body.error(f"Undefined map: {node.name}", node, body.maps.hints(node.name)) if body.final else None
    if isinstance(value, OwnedType) and value.aggregation:
        if value.integer is None:
            return body.error(f"Loop expression does not support type: {value}", node)
        body.requires("map_lookup_percpu_elem", node)
        value = value.integer
    return Tuple((key, value))
