"""The type of each kind of expression: literals, names, calls, blocks and choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.diagnostics import did_you_mean
from ...core.function import Function
from ...core.kernel_calls import kernel_function
from ...core.types import (
    BOOL,
    NOTHING,
    VOID,
    Enum,
    Nothing,
    OwnedType,
    Record,
    String,
    Tuple,
    Type,
    Void,
    settle,
)
from .body import warn_if_lossy
from .c_functions import c_call_type, private_hint
from .call_site import TypedCall
from .casts import cast_type
from .constants import fold_types, keep_constant
from .kernel_functions import kernel_call_type
from .map_keys import check_key
from .members import dereference, field_type, index_type
from .operators import binary_expression, increment_type, unary_type
from .promotion import INVALID, literal_type, out_of_context, promote
from .statements import branches, check_condition, check_statement
from .type_names import type_of_operand

if TYPE_CHECKING:
    from .body import Body


def type_of(body: Body, node: ast.Expression) -> Type | None:
    match node:
        case ast.IntegerLiteral(value=value):
            return literal_type(value)
        case ast.StringLiteral():
            return _string_literal(body, node)
        case ast.BooleanLiteral():
            return BOOL
        case ast.Variable():
            return _variable(body, node)
        case ast.Map():
            return _map(body, node)
        case ast.Identifier(name=name):
            return _identifier(body, node, name)
        case ast.Call(name=name, arguments=arguments):
            return _call(body, node, name, arguments)
        case ast.FieldAccess():
            return field_type(body, node)
        case ast.Index():
            return index_type(body, node)
        case ast.Unary(operator="*", operand=operand):
            return dereference(body, node, operand)
        case ast.Unary():
            return unary_type(body, node)
        case ast.Binary():
            return binary_expression(body, node)
        case ast.Ternary():
            return _ternary(body, node)
        case ast.Increment():
            return increment_type(body, node)
        case ast.Tuple() | ast.Record():
            return _aggregate(body, node)
        case ast.Cast():
            return cast_type(body, node)
        case ast.SizeOf() | ast.OffsetOf() | ast.TypeInfo() | ast.Comptime():
            return fold_types(body, node)
        case ast.If():
            return _if(body, node)
        case ast.Block():
            return _block(body, node)
        case ast.TypeOf(operand=operand):
            return type_of_operand(body, operand)
        case ast.PositionalParameter() | ast.PositionalCount():
            raise AssertionError("script arguments are literals by now")


def _string_literal(body: Body, node: ast.StringLiteral) -> Type:
    limit = body.compilation.config.max_strlen
    if len(node.value) >= limit:
        text = node.value.decode("latin-1")
        body.error(f"String is too long (over {limit} bytes): {text}", node)
    return String(len(node.value) + 1)


def _variable(body: Body, node: ast.Variable) -> Type | None:
    type_ = body.variables.get(body.bindings[node])
    if type_ is None and body.final:
        return body.error("Could not resolve the type of this variable", node)
    return type_


def _map(body: Body, node: ast.Map) -> Type | None:
    """A map's value. A castable aggregation reads as its integer, any other one only as itself."""
    if not check_key(body, node):
        return INVALID
    if not node.keys:
        body.maps.scalars_read.add(node.name)
    type_ = body.maps.values.get(node.name)
    if type_ is None and body.final:
        return body.error(f"Undefined map: {node.name}", node, body.maps.hints(node.name))
    if isinstance(type_, OwnedType) and type_.aggregation and type_.integer is not None:
        body.requires("map_lookup_percpu_elem", node)
        return type_.integer
    return type_


def _identifier(body: Body, node: ast.Identifier, name: str) -> Type | None:
    function = body.compilation.functions.get(name)
    if function is not None and function.bare:
        return _call(body, node, name, ())
    found = body.c_types.constant(name)
    if found is None:
        return body.error(f"Unknown identifier: '{name}'", node, did_you_mean(name, _known_names(body, bare=True)))
    value, enum = found
    body.constants[node] = ast.IntegerLiteral(node.span, value, str(value))
    return Enum(enum.name, 8, enum.signed, enum.constants)


def _call(
    body: Body, node: ast.Call | ast.Identifier, name: str, arguments: tuple[ast.Expression, ...]
) -> Type | None:
    functions = body.compilation.functions
    function = functions.get(name)
    if function is None or not (function.callable or isinstance(node, ast.Identifier)):
        imported = body.compilation.c_functions
        if isinstance(node, ast.Call) and name in imported:
            return c_call_type(body, node, imported[name])
        kernel = kernel_function(body.compilation.target, name) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and kernel is not None:
            return kernel_call_type(body, node, kernel)
        known = [*_known_names(body, bare=False), *imported, *body.compilation.library.names()]
        hints = private_hint(body, name) or did_you_mean(name, known)
        return body.error(f"Unknown function: '{name}'", node, hints)
    types: list[Type] = []
    missing = False
    for index, argument in enumerate(arguments):
        type_ = _argument(body, function, index, argument)
        if type_ is None:
            missing = True
        else:
            types.append(type_)
    if missing:
        return None
    if INVALID in types:
        return INVALID
    site = TypedCall(body, node, name, arguments, types, function)
    if not site.fits_signature():
        return INVALID
    type_ = function.type_of(site)
    if site.failed:
        return INVALID if isinstance(type_, Void) else type_
    value = function.constant(site)
    return type_ if value is None else keep_constant(body, node, value)


def _known_names(body: Body, *, bare: bool) -> list[str]:
    """What an unknown word or function may have been meant to be. Of names that are numbered there are too many."""
    functions = body.compilation.functions
    fitting = [n for n in functions.names() if (f := functions.get(n)) is not None and (f.bare if bare else f.callable)]
    return [name for name in fitting if not name[-1].isdigit()]


def _argument(body: Body, function: Function, index: int, argument: ast.Expression) -> Type | None:
    """The type of one argument; bare words have none, a whole map counts with its value's type."""
    signature = function.signature
    if index in signature.words and isinstance(argument, ast.Identifier):
        return VOID
    if index in signature.maps and isinstance(argument, ast.Map):
        if argument.keys:
            check_key(body, argument)
            if not signature.maps_only:
                return body.expression(argument)
        type_ = body.maps.values.get(argument.name)
        if type_ is None:
            body.unknown = True
            if body.final:
                return body.error(
                    f"{signature.undefined_map}: {argument.name}",
                    argument,
                    body.maps.hints(argument.name),
                )
        else:
            body.types[argument] = type_
        return type_
    if isinstance(argument, ast.StringLiteral) and index in signature.formats:
        body.types[argument] = String(len(argument.value) + 1)
        return body.types[argument]
    return body.expression(argument)


def _ternary(body: Body, node: ast.Ternary) -> Type | None:
    check_condition(body, node.condition)
    return _merge_branches(body, node, node.then, node.otherwise)


def _merge_branches(body: Body, node: ast.Node, *branches: ast.Expression) -> Type | None:
    then, otherwise = map(body.expression, branches)
    if then is None or otherwise is None:
        return None
    if then is INVALID or otherwise is INVALID:
        return INVALID
    if isinstance(then, Void | Nothing) or isinstance(otherwise, Void | Nothing):
        return then if isinstance(then, Void | Nothing) else otherwise
    merged = promote(then, otherwise)
    if merged is None:
        return body.error(
            "Branches must return the same type or compatible types: "
            f"have '{settle(then)}' and '{settle(otherwise)}'",
            node,
        )
    for branch, type_ in zip(branches, (then, otherwise), strict=True):
        warn_if_lossy(body, branch, type_, merged, body.integer(branch))
    return merged


def _if(body: Body, node: ast.If) -> Type | None:
    kept = branches(body, node.condition, node.then, node.otherwise)
    if isinstance(node.condition, ast.Comptime):
        if node.condition not in body.decided:
            return None
        return body.expression(kept[0]) if kept else NOTHING
    if node.otherwise is not None:
        return _merge_branches(body, node, node.then, node.otherwise)
    then = body.expression(node.then)
    return then if then is None or then is INVALID else NOTHING


def _block(body: Body, node: ast.Block) -> Type | None:
    for statement in node.statements:
        check_statement(body, statement)
    return NOTHING if node.value is None else body.expression(node.value)


def _aggregate(body: Body, node: ast.Tuple | ast.Record) -> Type | None:
    """A tuple's or a record's type is made of those of its elements."""
    is_record = isinstance(node, ast.Record)
    values = [field.value for field in node.fields] if isinstance(node, ast.Record) else list(node.elements)
    types = [body.expression(value) for value in values]
    known = tuple(type_ for type_ in types if type_ is not None)
    if len(known) < len(types):
        return None
    if INVALID in known:
        return INVALID
    for value, type_ in zip(values, known, strict=True):
        if isinstance(type_, OwnedType) and type_.aggregation:
            what = "record" if is_record else "tuple"
            return body.error(f"Map type {type_} cannot exist inside a {what}.", value)
        if isinstance(type_, Void | Nothing):
            what = "record" if is_record else "tuple"
            return body.error(f"Value '{type_}' cannot exist inside a {what}.", value)
    if isinstance(node, ast.Record):
        return Record(tuple((f.name, out_of_context(t)) for f, t in zip(node.fields, known, strict=True)))
    return Tuple(tuple(map(out_of_context, known)))
