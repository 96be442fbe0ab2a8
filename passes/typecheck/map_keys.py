"""The keys of maps: what can be one, and how the uses of one map agree on its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.types import Int, Nothing, OwnedType, Pointer, Record, Tuple, Type, Void
from .body import warn_if_lossy
from .map_table import key_mismatch
from .promotion import IMPOSSIBLE, INVALID, conversion

if TYPE_CHECKING:
    from .body import Body


def check_key(body: Body, node: ast.Map) -> bool:
    """Types the key expressions of a map and notes what kind of map it is. False after an error."""
    types = [body.expression(key) for key in node.keys]
    wrong = body.maps.use(node.name, bool(node.keys))
    if wrong:
        body.error(wrong, node)
        return False
    known = tuple(t for t in types if t is not None)
    if INVALID in known:
        return False
    if not types or len(known) < len(types):
        return True
    for key, type_ in zip(node.keys, known, strict=True):
        if wrong := key_error(type_, alone=len(known) == 1):
            body.error(wrong, key)
            return False
    whole = known[0] if len(known) == 1 else Tuple(known)
    if not body.maps.add_key(node.name, whole, node.span, body.diagnostics):
        return False
    return _survives(body, node, known)


def _survives(body: Body, node: ast.Map, types: tuple[Type, ...]) -> bool:
    """Says which parts of a key may change on their way to the type that all uses agree on. False for a literal that
    does not fit it."""
    whole = body.maps.keys[node.name]
    wanted = whole.elements if isinstance(whole, Tuple) and len(types) > 1 else (whole,)
    for key, given, type_ in zip(node.keys, types, wanted, strict=True):
        literal = body.integer(key)
        if isinstance(given, Int) and conversion(given, type_, literal) is IMPOSSIBLE:
            body.error(key_mismatch(node.name, given, type_), node)
            return False
        warn_if_lossy(body, key, given, type_, literal)
    return True


def add_key(body: Body, name: str, type_: Type, node: ast.Expression) -> None:
    """A call's argument is a key of a map that another argument names."""
    if type_ is INVALID:
        return
    wrong = body.maps.use(name, True) or key_error(type_)
    if wrong:
        body.error(wrong, node)
    elif body.maps.add_key(name, type_, node.span, body.diagnostics):
        warn_if_lossy(body, node, type_, body.maps.keys[name], body.integer(node))


def key_error(type_: Type, *, alone: bool = True) -> str | None:
    """Why a value cannot be a map's key, or None. `alone`: it is the whole key, not a part of one."""
    match type_:
        case Pointer(space="context"):
            return "context cannot be part of a map key"
        case OwnedType(aggregation=True):
            return f"Value '{type_}' cannot be used as a map key." if alone else f"{type_} cannot be part of a map key"
        case Void() | Nothing():
            return f"Invalid map key type: {type_}"
        case Tuple() | Record():
            found = (key_error(element, alone=False) for element in type_.elements)
            return next((wrong for wrong in found if wrong), None)
    return None
