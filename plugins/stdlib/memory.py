"""Memory as it is: `memcmp`, `write_user`, `bswap`, and where the bytes of an argument are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.emitter import Value
from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import (
    BOOL,
    INT32,
    UINT32,
    UINT64,
    Bool,
    Enum,
    Int,
    Pointer,
    String,
    Type,
    address_space,
    base_name,
    size_of,
)

if TYPE_CHECKING:
    from ...core.emitter import Emitter


def memory_of(emitter: Emitter, call: EmitSite, index: int) -> tuple[str, Value]:
    """Where the bytes are that an argument points to, or of which it is made: a kind of memory, and an address there.

    An integer is an address in the memory of the probe, unless it tells another.
    """
    type_, value = call.types[index], argument(emitter, call, index)
    match type_:
        case Int() | Enum() | Pointer():
            return address_space(type_, emitter.probe_type.space), value
    return "kernel", stored(emitter, value, type_)


def argument(emitter: Emitter, call: EmitSite, index: int) -> Value:
    """An argument's value; of a literal string all bytes, also those behind a NUL."""
    literal = call.literal(index)
    return emitter.string_constant(literal) if isinstance(literal, bytes) else call.value(index)


def stored(emitter: Emitter, value: Value, type_: Type) -> Value:
    """The address of a value in the program's own memory, all of its storage filled."""
    is_number = isinstance(type_, Int | Enum | Bool | Pointer)
    # Behind the NUL of a string whose length is known lies anything.
    if not is_number and (value.length is None or not isinstance(type_, String)):
        return value
    place = emitter.scratch(max(1, size_of(type_)))
    emitter.store(place, Value(value.handle, type_, value.length))
    return place


class MemoryCompare(Function):
    """`memcmp(left, right, n)`: 0, or the difference of the first bytes that differ among the first `n` of two values.

    Bytes are signed.
    """

    names: ClassVar[tuple[str, ...]] = ("memcmp",)
    signature: ClassVar[Signature] = Signature(3, 3, kinds={2: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        return INT32

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        left, right = (stored(emitter, argument(emitter, call, index), call.types[index]) for index in (0, 1))
        capacity = min(size_of(call.types[0]), size_of(call.types[1]))
        return emitter.compare_bytes(left, right, call.value(2), capacity)


class WriteUser(Function):
    """`write_user(to, from, n)`: writes `n` bytes into the memory of the process that runs; true when that was done."""

    names: ClassVar[tuple[str, ...]] = ("write_user",)
    signature: ClassVar[Signature] = Signature(3, 3, kinds={2: ("int",)})
    warns_when_discarded: ClassVar[bool] = False
    has_effect: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        if not call.allows_unsafe:
            call.error("write_user() is unsafe. To use you need the --unsafe flag")
        if not isinstance(call.types[0], Int | Pointer):
            call.error(f"write_user() only supports int|pointer arguments ({base_name(call.types[0])} provided)", 0)
        length = call.literal(2)
        if isinstance(length, int) and length < 0:
            call.error("write_user() cannot use negative length", 2)
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        source, length = call.types[1], call.literal(2)
        destination = call.value(0)
        space, address = memory_of(emitter, call, 1)
        is_value = not isinstance(source, Int | Enum | Pointer)
        capacity = size_of(source) if is_value else length if isinstance(length, int) else call.config.max_strlen
        # What is written has to lie in memory of which the verifier knows that it is there.
        data = emitter.scratch(max(1, capacity))
        size, one = emitter.cast(call.value(2), UINT32), emitter.constant(1)
        is_something = emitter.compare("!=", size, emitter.constant(0))
        if capacity == 0:
            return emitter.compare("==", size, emitter.constant(0))
        fits = emitter.compare("<=", size, emitter.constant(capacity))

        def write() -> Value:
            # The helper takes no size of which the verifier believes that it may be 0.
            amount = emitter.binary("+", emitter.at_most(capacity - 1, emitter.binary("-", size, one)), one)
            failed = emitter.helper("probe_write_user", destination, data, amount)
            return emitter.compare("==", failed, emitter.constant(0))

        def read_and_write() -> Value:
            read = emitter.read_memory(space, data, size, address, capacity)
            return emitter.choose(emitter.compare("==", read, emitter.constant(0)), write, false)

        def false() -> Value:
            return emitter.constant(0, BOOL)

        return emitter.choose(
            is_something, lambda: emitter.choose(fits, read_and_write, false), lambda: emitter.constant(1, BOOL)
        )


class ByteSwap(Function):
    """`bswap(n)`: the integer with its bytes in the other order, unsigned and of the same width."""

    names: ClassVar[tuple[str, ...]] = ("bswap",)
    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        given = call.types[0]
        if not isinstance(given, Int | Enum):
            call.error(f"bswap() only supports integer arguments ({base_name(given)} provided)", 0)
            return UINT64
        return Int(given.size, False)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        type_, value = call.type, call.value(0)
        assert isinstance(type_, Int), "type_of gives an integer"
        result, byte = emitter.constant(0, UINT64), emitter.constant(0xFF, UINT64)
        for at in range(0, 8 * type_.size, 8):
            low = emitter.binary("&", emitter.binary(">>", value, emitter.constant(at)), byte)
            there = emitter.constant(8 * type_.size - 8 - at)
            result = emitter.binary("|", result, emitter.binary("<<", low, there))
        return emitter.cast(result, type_)


FUNCTIONS = (MemoryCompare(), WriteUser(), ByteSwap())
