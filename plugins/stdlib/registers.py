"""What the saved registers tell: one by its name, and whether user code ran.

A probe whose program is given no registers has none to ask for. Where they are is a table of the probe types'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import UINT8, UINT64, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: The privilege level in the code segment's selector, and that of user code.
_LEVEL, _USER_LEVEL = 3, 3
#: What runs when there is a probe without registers: the tracer itself, which is a user's program, or else the kernel.
_RUN_BY_TRACER = ("begin", "end", "signal")


class Register(Function):
    """`reg("name")`: a register as it was when the probe was hit."""

    names: ClassVar[tuple[str, ...]] = ("reg",)
    needs_probe: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(1, 1, literals={0: "string"})

    def type_of(self, call: CallSite) -> Type:
        from ...core.diagnostics import did_you_mean
        from ..probes.registers import register_names

        name, known = _name(call), register_names(call.target.architecture)
        if not call.probe_type.has_registers:
            call.error(f'reg can not be used with "{call.probe_type.names[0]}" probes')
        elif name not in known:
            architecture = call.target.architecture
            message = f"'{name}' is not a valid register on this architecture ({architecture})"
            call.error(message, 0, hints=did_you_mean(name, known))
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ..probes.registers import register_offset

        offset = register_offset(emitter.architecture, _name(call))
        assert offset is not None, "type_of takes names of the table only"
        return emitter.load(emitter.context(), UINT64, offset)


def _name(call: CallSite | EmitSite) -> str:
    literal = call.literal(0)
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return literal.decode("latin-1")


class UserMode(Function):
    """`usermode`: 1 when the probe has stopped user code, 0 when it has stopped the kernel."""

    names: ClassVar[tuple[str, ...]] = ("usermode",)
    bare: ClassVar[bool] = True
    callable: ClassVar[bool] = False
    needs_probe: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        if call.probe_type.has_registers and call.target.architecture != "x86_64":
            call.error("'usermode' builtin is only supported on x86_64")
        return UINT8

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ..probes.registers import OFFSETS

        if not emitter.probe_type.has_registers:
            return emitter.constant(int(emitter.probe_type.lifecycle in _RUN_BY_TRACER), UINT8)
        selector = emitter.load(emitter.context(), UINT64, OFFSETS["x86_64"]["cs"])
        level = emitter.binary("&", selector, emitter.constant(_LEVEL))
        return emitter.cast(emitter.compare("==", level, emitter.constant(_USER_LEVEL)), UINT8)


FUNCTIONS = (Register(), UserMode())
