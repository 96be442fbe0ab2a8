"""Addresses of kernel and user memory: `curtask`, and `kptr` and `uptr`, which say in which memory an address lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.emitter import Value
from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import UINT64, VOID, Int, Pointer, Type, base_name

if TYPE_CHECKING:
    from ...core.emitter import Emitter


class CurrentTask(Function):
    """`curtask`: the kernel's `struct task_struct` of the thread that runs."""

    names: ClassVar[tuple[str, ...]] = ("curtask",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return Pointer(call.c_types.named("struct", "task_struct") or VOID, "kernel")

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.helper("get_current_task")


class KernelPointer(Function):
    """`kptr(address)`: the same address, of kernel memory."""

    names: ClassVar[tuple[str, ...]] = ("kptr",)
    signature: ClassVar[Signature] = Signature(1, 1)
    _space: ClassVar[str] = "kernel"

    def type_of(self, call: CallSite) -> Type:
        given = call.types[0]
        if not isinstance(given, Int | Pointer):
            call.error(
                f"{call.name}() only supports integer or pointer arguments ({base_name(given)} provided)", 0
            )
        match given:
            case Pointer(pointee):
                return Pointer(pointee, self._space)
            case Int(size, signed, flexible):
                return Int(size, signed, flexible, self._space)
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return call.value(0)


class UserPointer(KernelPointer):
    """`uptr(address)`: the same address, of user memory."""

    names: ClassVar[tuple[str, ...]] = ("uptr",)
    _space: ClassVar[str] = "user"


FUNCTIONS = (CurrentTask(), KernelPointer(), UserPointer())
