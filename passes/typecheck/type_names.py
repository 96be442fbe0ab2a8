"""Types as a script writes them: `uint8`, `struct sock *`, `string[64]`, `typeof($x)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.diagnostics import did_you_mean
from ...core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
    Array,
    Buffer,
    OwnedType,
    Pointer,
    String,
    Struct,
    Type,
    Void,
    settle,
)
from ...core.user_c_types import named_in
from .promotion import INVALID, placed

if TYPE_CHECKING:
    from .body import Body

BUILTIN_TYPES: dict[str, Type] = {
    "bool": BOOL,
    "void": VOID,
    "string": String(0),
    "buffer": Buffer(0),
    "int8": INT8,
    "int16": INT16,
    "int32": INT32,
    "int64": INT64,
    "uint8": UINT8,
    "uint16": UINT16,
    "uint32": UINT32,
    "uint64": UINT64,
}


def named_type(body: Body, node: ast.TypeName) -> Type | None:
    """The type that is written; None when it depends on one that is not known yet, INVALID after an error."""
    match node:
        case ast.NamedType(tag=tag, name=name):
            return _by_name(body, node, tag, name)
        case ast.PointerType(pointee=pointee):
            inner = named_type(body, pointee)
            return inner if inner is None or inner is INVALID else Pointer(inner)
        case ast.ArrayType(element=element, count=count):
            inner = named_type(body, element)
            match inner:
                case None:
                    return None
                case String(0) if count:
                    return String(count)
                case Buffer(0) if count:
                    return Buffer(count)
                case OwnedType() if inner is not INVALID:
                    return inner
            return inner if inner is INVALID else Array(inner, count or 0)
        case ast.TypeOf(operand=operand):
            return type_of_operand(body, operand)


def _by_name(body: Body, node: ast.Node, tag: str, name: str) -> Type:
    found = None if tag else BUILTIN_TYPES.get(name) or _owned(body, name)
    found = found or named_in(body.c_types, _binary(body), tag, name)
    if found is not None:
        return found
    written = f"{tag} {name}" if tag else name
    known = [*BUILTIN_TYPES, *_owned_names(body), *body.c_types.names()] if not tag else body.c_types.names()
    return body.error(f'Cannot resolve unknown type "{written}"', node, did_you_mean(name, known))


def is_missing(body: Body, node: ast.NamedType) -> bool:
    """True for a struct, union or enum that nobody has declared."""
    return bool(node.tag) and named_in(body.c_types, _binary(body), node.tag, node.name) is None


def _binary(body: Body) -> str:
    """The one file that all points of the body are in, or ''."""
    binaries = {body.layout.probe_type.binary(point) for point in body.layout.points}
    return binaries.pop() if len(binaries) == 1 else ""


def _owned(body: Body, name: str) -> Type | None:
    return next((f.named_types[name] for f in body.compilation.functions.items() if name in f.named_types), None)


def _owned_names(body: Body) -> list[str]:
    return [name for function in body.compilation.functions.items() for name in function.named_types]


def type_of_operand(body: Body, operand: ast.Expression | ast.TypeName) -> Type | None:
    """What `typeof`, `sizeof` and their like look at: a type, or an expression of which only the type counts."""
    match operand:
        case ast.NamedType() | ast.PointerType() | ast.ArrayType() | ast.TypeOf():
            return named_type(body, operand)
        case ast.Identifier(name=name):
            if (found := _type_or_none(body, name)) is not None:
                return found
            if _is_macro_like(body, name):
                hint = f"a bare name is a type here; {name}() is the value"
                return body.error(f"Unknown identifier: '{name}'", operand, (hint,))
        case ast.Map(name=name, keys=()) if body.maps.keyed.get(name):
            key = body.maps.keys.get(name)
            if key is None:
                body.unknown = True
                return body.error(f"Undefined map: {name}", operand) if body.final else None
            return settle(key)
        case ast.Map(name=name):
            body.expression(operand)
            value = body.maps.values.get(name)
            return None if value is None else settle(value)
    type_ = body.expression(operand)
    return None if type_ is None else settle(type_)


def _type_or_none(body: Body, name: str) -> Type | None:
    """A bare word that is a type. Builtins that the language itself knows come first: the kernel has a struct pid."""
    function = body.compilation.functions.get(name)
    if function is not None and function.bare and name in LANGUAGE_WORDS:
        return None
    return BUILTIN_TYPES.get(name) or _owned(body, name) or named_in(body.c_types, _binary(body), "", name)


def _is_macro_like(body: Body, name: str) -> bool:
    """True for a builtin that needs its parentheses where a bare name would be a type."""
    function = body.compilation.functions.get(name)
    return function is not None and function.bare and function.callable and name not in LANGUAGE_WORDS


#: Words that are expressions wherever they stand.
LANGUAGE_WORDS = frozenset({"args", "ctx", "kstack", "ustack", "nsecs", "pid", "tid"})


def declared_type(body: Body, node: ast.TypeName) -> Type | None:
    """The type in `let $x : type`."""
    type_ = named_type(body, node)
    is_aggregation = isinstance(type_, OwnedType) and type_ is not INVALID and type_.aggregation
    if isinstance(type_, Void) or is_aggregation:
        return body.error(f"Invalid variable declaration type: {type_}", node)
    if isinstance(type_, Struct):
        return body.error(f"Invalid variable declaration type: {type_}", node)
    if isinstance(type_, Pointer) and type_.space == "none":
        return placed(type_, body.layout.probe_type.space)
    return type_
