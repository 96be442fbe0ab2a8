"""Calls of functions with a C prototype, those of imported files and of the kernel: arguments and results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_functions import CFunction
from ...core.types import INT8, Bool, Enum, Int, Pointer, String, Type, Void, settle
from .body import warn_if_lossy
from .promotion import IMPOSSIBLE, INVALID, as_number, conversion, same_pointee

if TYPE_CHECKING:
    from .body import Body


def c_call_type(body: Body, node: ast.Call, function: CFunction, *, takes_strings: bool = False) -> Type | None:
    """The type of the call's value; None while an argument's type is not known.

    With `takes_strings` a string may stand where C has a pointer to its characters.
    """
    name, wanted, given = function.name, len(function.parameters), len(node.arguments)
    if function.obstacle:
        return body.error(f"Function `{name}` cannot be called: {function.obstacle}", node)
    if given != wanted:
        return body.error(f"Function `{name}` requires {wanted} arguments, got only {given}", node)
    types = [body.expression(argument) for argument in node.arguments]
    if None in types:
        return None
    if INVALID in types:
        return INVALID
    fits = True
    for argument, type_, (parameter, expected) in zip(node.arguments, types, function.parameters, strict=True):
        assert type_ is not None
        is_text = takes_strings and isinstance(type_, String) and _points_to_characters(expected)
        if is_text or _takes(expected, type_, body.integer(argument)):
            if isinstance(expected, Int):
                warn_if_lossy(body, argument, type_, expected, body.integer(argument))
        else:
            body.error(f"Expected {expected} for argument `{parameter}` got {settle(type_)}", argument)
            fits = False
    if not fits:
        listed = ", ".join(str(expected) for _, expected in function.parameters)
        return body.error(f"Function `{name}` requires arguments ({listed})", node)
    return function.result


def _takes(expected: Type, given: Type, literal: int | None) -> bool:
    """Integers are converted; a pointer must point to the same, unless nothing is said of what one points to."""
    match expected, given:
        case Pointer(pointee), Pointer(other):
            return isinstance(pointee, Void) or isinstance(other, Void) or same_pointee(pointee, other)
        case Int(), _ if as_number(given) is not None:
            return conversion(given, expected, literal) is not IMPOSSIBLE
        case (Bool() | Enum()), _:
            return as_number(given) is not None
    return False


def _points_to_characters(type_: Type) -> bool:
    return isinstance(type_, Pointer) and type_.pointee == INT8


def private_hint(body: Body, name: str) -> tuple[str, ...]:
    """A hint for a name that is a function that only its own file can call."""
    homes = [module.path for module in body.compilation.c_modules if name in module.private]
    return (f"`{name}` is static in {homes[0]}; only functions without `static` can be called",) if homes else ()
