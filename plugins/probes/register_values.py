"""What entry and return of a function show of it where the context is struct pt_regs, in the kernel as in programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.probe import ConcretePoint, ProbeType
from ...core.types import UINT64, Type
from .registers import argument_offset, registers

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.target import Target


class RegisterArguments(ProbeType):
    """`argN` is what the register of the argument holds."""

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        argument_offset(architecture, index)
        return UINT64

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        return emitter.load(emitter.context(), UINT64, argument_offset(emitter.architecture, index))


class RegisterReturn(ProbeType):
    """`retval` is what the register of the return value holds."""

    def return_value(self, point: ConcretePoint, target: Target) -> Type | None:
        return UINT64

    def emit_return_value(self, emitter: Emitter, type_: Type) -> Value:
        return emitter.load(emitter.context(), UINT64, registers(emitter.architecture).return_value)
