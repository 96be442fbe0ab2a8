"""Which type can be cast to which, and what the result points to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.types import (
    Array,
    Bool,
    Enum,
    Int,
    Nothing,
    OwnedType,
    Pointer,
    String,
    Struct,
    Type,
    Void,
    address_space,
    settle,
    size_of,
)
from .promotion import INVALID, placed
from .type_names import named_type

if TYPE_CHECKING:
    from .body import Body

UNKNOWN_SIZE = "Could not determine size of the array"
UNEVEN_SIZE = "Cannot determine array size: the element size is incompatible with the cast integer size"


def cast_type(body: Body, node: ast.Cast) -> Type | None:
    wanted = named_type(body, node.type)
    given = body.expression(node.operand)
    if wanted is None or given is None:
        return None
    if wanted is INVALID or given is INVALID:
        return INVALID
    if isinstance(wanted, Pointer):
        wanted = placed(wanted, _space(body, given))
    if isinstance(wanted, Enum):
        wanted = Enum(wanted.name, 8, wanted.signed, wanted.constants)
    if isinstance(wanted, Array) and not wanted.count:
        sized = _with_count(wanted, given)
        if isinstance(sized, str):
            return body.error(sized, node)
        wanted = sized
    if wanted == String(0) and isinstance(given, String):
        wanted = given
    if isinstance(given, Void | Nothing):
        return body.error('Cannot cast from "none" type', node)
    aggregation = _aggregation(body, node.operand)
    if settle(given) == wanted and aggregation is None and not _says_more(node, given):
        if not body.in_library(node):
            body.diagnostics.warning(f"Unnecessary cast: expression is already of type {wanted}", node.span)
        return wanted
    if wrong := _refusal(body, node, wanted, given, aggregation):
        return body.error(wrong, node)
    return wanted


def _aggregation(body: Body, operand: ast.Expression) -> OwnedType | None:
    """The type of an aggregation that is read as the number that it comes to."""
    value = body.maps.values.get(operand.name) if isinstance(operand, ast.Map) else None
    return value if isinstance(value, OwnedType) and value.aggregation else None


def _says_more(node: ast.Cast, given: Type) -> bool:
    """True for a cast to the same type that has a meaning: it gives a literal a sign, or it was not written for this
    very type."""
    return isinstance(node.type, ast.TypeOf) or (isinstance(given, Int) and given.flexible)


def _space(body: Body, given: Type) -> str:
    """A pointer keeps its memory; a number points into the probe's."""
    match given:
        case Pointer(space="context") | String() | Array():
            return "kernel"
    return address_space(given, body.layout.probe_type.space)


def _with_count(wanted: Array, given: Type) -> Array | str:
    """`T[]` takes its count from what is cast."""
    element = size_of(wanted.element)
    given_size = size_of(given) if isinstance(given, Int | Bool | Array | String | Enum) else 0
    if not element or not given_size:
        return UNKNOWN_SIZE
    if given_size % element:
        return UNEVEN_SIZE
    return Array(wanted.element, given_size // element)


def _refusal(body: Body, node: ast.Cast, wanted: Type, given: Type, aggregation: OwnedType | None) -> str | None:
    """Why the cast is not possible, or None. The table of casts, row by row."""
    refused = f'Cannot cast from "{aggregation or settle(given)}" to "{wanted}"'
    number = isinstance(given, Int | Bool | Enum)
    if aggregation is not None and not isinstance(wanted, Int | Bool | Pointer):
        return refused
    match wanted:
        case _ if isinstance(given, Struct):
            return f'Cannot cast from C type "{given}"' if not isinstance(wanted, Struct) else refused
        case Enum():
            literal = body.integer(node.operand)
            if literal is not None and wanted.name_of(literal) is None:
                return f"Enum: {wanted.name.removeprefix('enum ')} doesn't contain a variant value of {literal}"
            return None if number else refused
        case Int():
            if isinstance(given, Array):
                return None if size_of(given) == wanted.size else refused
            return None if number or isinstance(given, Pointer) else refused
        case Bool():
            return None if number or isinstance(given, Pointer | String) else refused
        case Pointer():
            return None if number or isinstance(given, Pointer | String) else refused
        case String(size):
            return None if isinstance(given, String) and (not size or size >= given.size) else refused
        case Array(element, _):
            if not isinstance(element, Int | Bool):
                return refused
            if number:
                fits = size_of(given) == size_of(wanted) or size_of(given) < size_of(wanted) <= 8
                return None if fits else refused
            return None if isinstance(given, Array | String) and size_of(given) == size_of(wanted) else refused
        case OwnedType():
            return None if number and _takes_integer(body, wanted) else refused
    return refused


def _takes_integer(body: Body, wanted: OwnedType) -> bool:
    owner = body.compilation.functions.get(wanted.owner)
    return owner is not None and owner.cast_from_integer
