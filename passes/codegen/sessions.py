"""Programs that run at entry to and at return from a function, each time with another body.

The kernel says which of the two it is; what a body does is lowered by who calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.artifacts import ExpandedProbe
from ...core.target import Target
from ...core.target.btf_types import Func, FuncProto
from ...core.types import BOOL

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: A kernel function since Linux 6.10 (kernel/trace/bpf_trace.c).
IS_RETURN = "bpf_session_is_return"


def lower_session(
    emitter: ProgramEmitter, probe: ExpandedProbe, target: Target, lower: Callable[[ExpandedProbe], None]
) -> None:
    """Both bodies of a program, of which a run does one."""
    on_return = probe.on_return
    assert on_return is not None
    arguments = [emitter.context()] if _takes_context(target) else []
    returns = emitter.kfunc(IS_RETURN, *arguments, result=BOOL)
    emitter.branch(returns, lambda: _body(emitter, on_return, lower), lambda: _body(emitter, probe, lower))


def _body(emitter: ProgramEmitter, probe: ExpandedProbe, lower: Callable[[ExpandedProbe], None]) -> None:
    with emitter.body_of(probe):
        lower(probe)


def _takes_context(target: Target) -> bool:
    """Kernels differ in whether the function gets the context; one of which we know nothing is like the first ones."""
    btf = target.btf
    type_id = None if btf is None else btf.find(IS_RETURN, (Func,))
    if btf is None or type_id is None:
        return False
    function = btf.type(type_id)
    assert isinstance(function, Func)
    prototype = btf.type(function.type_id)
    return isinstance(prototype, FuncProto) and bool(prototype.parameters)
