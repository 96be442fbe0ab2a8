"""`len`: how many entries a map has, or how many frames a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import INT64, OwnedType, Type
from .stacks import KernelStack, UserStack

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_STACKS: dict[str, KernelStack] = {"kstack": KernelStack(), "ustack": UserStack()}
#: The kernel's features that count the keys of a map.
_COUNT_KEYS = ("map_sum_elem_count", "for_each_map_elem")


class Length(Function):
    """`len(@map)` and `len(stack)`."""

    names: ClassVar[tuple[str, ...]] = ("len",)
    signature: ClassVar[Signature] = Signature(1, 1, maps=frozenset({0}))

    def type_of(self, call: CallSite) -> Type:
        if call.map_name(0) is not None:
            if not call.is_keyed(0):
                call.error("call to len() expects a map with explicit keys (non-scalar map)", 0)
            elif call.target.features.isdisjoint(_COUNT_KEYS):
                call.error(f"Missing required kernel feature: {_COUNT_KEYS[-1]}", 0)
        elif _stack(call.types[0]) is None:
            call.error("call to len() expects a map, ustack, or kstack", 0)
        return INT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name = call.map_name(0)
        if name is not None:
            return emitter.count_keys(name)
        stack = _stack(call.types[0])
        assert stack is not None, "type_of takes nothing else"
        return stack.emit_length(emitter, call.value(0))


def _stack(type_: Type) -> KernelStack | None:
    return _STACKS.get(type_.owner) if isinstance(type_, OwnedType) else None


FUNCTIONS = (Length(),)
