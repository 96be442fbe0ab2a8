"""Calls of functions of the kernel that BPF programs may call: their arguments by the kernel's own types.

Which functions the kernel has, and who may call them, is asked of the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_functions import CFunction
from ...core.kernel_calls import may_call
from ...core.linux.errors import KernelError
from ...core.probe import NoMatch
from ...core.target.kfuncs import NotCaptured
from ...core.types import Type
from .c_functions import c_call_type

if TYPE_CHECKING:
    from .body import Body

_HINT = '`if comptime (kfunc_allowed("{}"))` tells beforehand'


def kernel_call_type(body: Body, node: ast.Call, function: CFunction) -> Type | None:
    """The type of the call's value; None while an argument's type is not known."""
    name, target = function.name, body.compilation.target
    marked = target.is_kfunc(name)
    if marked is False:
        return body.error(f"Unsupported function linkage: '{name}'", node)
    type_ = c_call_type(body, node, function, takes_strings=True)
    if body.function is not None:
        return type_  # a function of the script is part of whatever calls it
    try:
        allowed = may_call(target, name, body.layout.probe_type, body.layout.points[0])
    except (NotCaptured, KernelError, NoMatch):
        return type_  # then the verifier is the first to say it
    if allowed:
        return type_
    if marked is None:
        # This kernel does not say which functions are meant to be called.
        return body.error(f"Unsupported function linkage: '{name}'", node)
    word = body.layout.probe_type.program_type
    message = f"Function `{name}` cannot be called here: the kernel does not allow it in programs of the type {word}"
    return body.error(message, node, (_HINT.format(name),))
