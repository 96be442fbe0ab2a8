"""Strings made of memory: `str`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import UINT64, Int, Pointer, String, Type, address_space, base_name

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: From this `max_strlen` on a string gives its last byte to the NUL; a shorter limit counts characters only.
_NUL_COUNTS_FROM = 1024


class Str(Function):
    """`str(p [, n])`: the string at an address, or a literal as a string."""

    names: ClassVar[tuple[str, ...]] = ("str",)
    signature: ClassVar[Signature] = Signature(1, 2, kinds={1: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        type_, limit = call.types[0], call.config.max_strlen
        if not isinstance(type_, Int | Pointer | String):
            call.error(
                f"str() expects a string, integer or a pointer type as first argument ({base_name(type_)} provided)", 0
            )
            return String(limit)
        length = call.literal(1)
        if isinstance(length, int) and length < 0:
            # Without a blank after the name, as the language's other implementation has it.
            call.error(f"strcannot use negative length ({length})", 1)
            return String(limit)
        constant = _constant(call)
        if constant is not None:
            return String(len(constant) + 1)
        if isinstance(length, int):
            if length + 1 > limit:
                call.warning(
                    f"length param ({length}) is too long and will be shortened to {limit} bytes "
                    "(see BPFTRACE_MAX_STRLEN)",
                    1,
                )
            return String(min(length + 1, limit))
        return type_ if isinstance(type_, String) and len(call.types) == 1 else String(limit)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        constant = _constant(call)
        if constant is not None:
            return emitter.string_constant(constant)
        source, type_ = call.types[0], call.type
        assert isinstance(type_, String), "type_of gives a string"
        if isinstance(source, String) and len(call.types) == 1:
            return call.value(0)
        address = call.value(0)
        limit = call.config.max_strlen
        # Below that limit a string may fill its storage; one byte more is read to see where it ends.
        capacity = type_.size + (type_.size == limit < _NUL_COUNTS_FROM)
        destination = emitter.scratch(capacity, string=True)
        size = _size(emitter, call, capacity)
        text = emitter.read_string(_space(emitter, source), destination, size, address, capacity)
        return Value(text.handle, type_, text.length)


def _constant(call: CallSite | EmitSite) -> bytes | None:
    """The text of a literal operand, which is no address; a literal length keeps that many characters of it."""
    value, length = call.literal(0, cast=False), call.literal(1)
    if isinstance(value, bool) or value is None or (len(call.types) > 1 and not isinstance(length, int)):
        return None
    text = value if isinstance(value, bytes) else str(value).encode()
    return text[:length] if isinstance(length, int) else text


def _space(emitter: Emitter, source: Type) -> str:
    """The memory to read: the pointer's own space, the program's own memory for a string, else that of the probe."""
    return "kernel" if isinstance(source, String) else address_space(source, emitter.probe_type.space)


def _size(emitter: Emitter, call: EmitSite, capacity: int) -> int | Value:
    """How many bytes to read at most, NUL included: at least 1, because a read of nothing leaves no NUL behind."""
    if len(call.types) == 1:
        return capacity
    length = call.literal(1)
    if isinstance(length, int):
        return max(1, min(length, capacity))
    given = call.value(1)
    most, least = emitter.constant(capacity, UINT64), emitter.constant(1, UINT64)
    capped = emitter.choose(emitter.compare(">", given, most), lambda: most, lambda: given)
    return emitter.choose(emitter.compare("==", capped, emitter.constant(0)), lambda: least, lambda: capped)


FUNCTIONS = (Str(),)
