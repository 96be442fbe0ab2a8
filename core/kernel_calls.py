"""Functions of the kernel as a script can call them: their prototypes, and whether a probe's program may call one.

The type checker and functions of the standard library ask here; what the kernel is, the target knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .artifacts import ProgramSpec
from .c_functions import CFunction
from .types import Bool, Enum, Int, Pointer, Type, Void

if TYPE_CHECKING:
    from .probe import ConcretePoint, LoadSettings, ProbeType
    from .target import Target


def kernel_function(target: Target, name: str) -> CFunction | None:
    """The function's prototype by the kernel's own BTF; None when there is no such function. Raises: BtfError."""
    from .target.btf_types import Func, FuncProto

    btf = target.btf
    type_id = None if btf is None else btf.find(name, (Func,))
    if btf is None or type_id is None:
        return None
    function = btf.type(type_id)
    prototype = btf.type(function.type_id) if isinstance(function, Func) else None
    if not isinstance(prototype, FuncProto):
        return None
    parameters = tuple((p.name, target.c_types.with_id(p.type_id)) for p in prototype.parameters)
    result = target.c_types.with_id(prototype.return_id)
    return CFunction(name, parameters, result, _obstacle(parameters, result))


def _obstacle(parameters: tuple[tuple[str, Type], ...], result: Type) -> str:
    for name, type_ in parameters:
        # C's `...` is a last parameter without a type.
        if not isinstance(type_, Int | Bool | Enum | Pointer):
            return f"its argument `{name}` is of type {type_}" if name else "it takes any number of arguments"
    if not isinstance(result, Int | Bool | Enum | Pointer | Void):
        return f"its result is of type {result}"
    return ""


def may_call(target: Target, name: str, probe_type: ProbeType, point: ConcretePoint) -> bool:
    """Whether the kernel lets the program of a probe call its function.

    Raises: NotCaptured: the target is a captured one that was never asked. KernelError, NoMatch: no trial program can
    be made.
    """

    def settings() -> LoadSettings:
        return probe_type.load_settings(ProgramSpec("trial", point, probe_type.program_type, b"", (), (), ()))

    return target.kfunc_allowed(name, probe_type.program_type, settings)
