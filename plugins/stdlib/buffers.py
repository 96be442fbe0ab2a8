"""Bytes of memory, whatever they are: `buf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.emitter import Value
from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import BUFFER_HEADER, UINT32, Array, Buffer, Int, Pointer, String, Type, base_name, size_of
from .memory import memory_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter


class Buf(Function):
    """`buf(data [, n])`: `n` bytes at an address, or of an array or a string, or a whole array."""

    names: ClassVar[tuple[str, ...]] = ("buf",)
    signature: ClassVar[Signature] = Signature(1, 2, kinds={1: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        type_, length = call.types[0], call.literal(1)
        if not isinstance(type_, Int | Pointer | String | Array):
            call.error(f"buf() expects an integer, string, or array argument but saw {base_name(type_)}", 0)
        elif len(call.types) == 1 and not isinstance(type_, Array):
            call.error(f"buf() expects a length argument for non-array type {base_name(type_)}")
        elif isinstance(length, int) and length < 0:
            # Without a blank after the name, as the language's other implementation has it.
            call.error(f"bufcannot use negative length ({length})", 1)
        capacity = max(0, call.config.max_strlen - BUFFER_HEADER)
        if isinstance(type_, String | Array):
            capacity = min(capacity, size_of(type_))
        if isinstance(length, int):
            capacity = min(capacity, max(0, length))
        return Buffer(BUFFER_HEADER + capacity)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        type_ = call.type
        assert isinstance(type_, Buffer), "type_of gives a buffer"
        capacity = type_.size - BUFFER_HEADER
        space, address = memory_of(emitter, call, 0)
        result = emitter.scratch(type_.size)
        payload = emitter.offset(result, BUFFER_HEADER)
        if len(call.types) == 1 or isinstance(call.literal(1), int):
            emitter.store(result, emitter.constant(capacity, UINT32))
            if capacity:
                emitter.read_memory(space, payload, capacity, address)
            return Value(result.handle, type_)
        given = call.value(1)
        most = emitter.constant(capacity)
        length = emitter.choose(emitter.compare(">", given, most), lambda: most, lambda: given)
        emitter.zero(result, type_.size)
        emitter.store(result, emitter.cast(length, UINT32))
        emitter.read_memory(space, payload, length, address, capacity)
        return Value(result.handle, type_)


FUNCTIONS = (Buf(),)
