"""Stack traces of the kernel and of the user's program: how they are taken, and how their frames are shown.

A kernel stack's bytes are an s64 count of frames, then the addresses (u64 each); a user stack has before it the
process's id (u32) and a number kept for the probe (u32, 0 now), because its addresses mean something only in there.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.json_text import json_string
from ...core.output import Rendering
from ...core.types import INT64, UINT32, OwnedType, Type
from .checked import checked
from .process import process_id

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_MODES = ("bpftrace", "perf", "raw")
_DEFAULT_LIMIT, _MAX_LIMIT = 127, 1024
#: bpf_get_stack of bpf-helpers(7): take the user's stack.
_USER_STACK = 1 << 8
#: What an unwinder puts where it had to give up.
_UNWIND_FAILURE = 0xFFFF_FFFF_FFFF_FFFF

#: The process's id (0 for the kernel) and the addresses, innermost first.
Stack = tuple[int, tuple[int, ...]]
#: (symbol, offset in bytes, module path) of an address; None where there is none.
Resolver = Callable[[int], tuple[str | None, int, str | None]]


class KernelStack(Function):
    """`kstack([mode,] [limit])`: the kernel's frames."""

    names: ClassVar[tuple[str, ...]] = ("kstack",)
    bare: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(maximum=2, words=frozenset({0}))
    _flags: ClassVar[int] = 0
    _header: ClassVar[int] = 0

    def type_of(self, call: CallSite) -> Type:
        mode, limit = self._mode(call), self._limit(call)
        name = f"{self.names[0]}_{mode}_{limit}"
        return OwnedType(self.names[0], name, self._header + 8 + 8 * limit, (mode, limit))

    def _mode(self, call: CallSite) -> str:
        word = call.word(0)
        if word is None:
            if len(call.types) == 2:
                call.error("Expected stack mode as first argument", 0)
            return call.config.stack_mode
        if word == "build_id" and not self._flags & _USER_STACK:
            call.error("'build_id' stack mode can only be used for ustack", 0)
        elif word not in _MODES:
            call.error(
                f"Error parsing stack mode: {call.name}: Invalid value for stack_mode: "
                f"valid values are {', '.join(_MODES[:-1])} and {_MODES[-1]}.",
                0,
            )
        else:
            return word
        return call.config.stack_mode

    def _limit(self, call: CallSite) -> int:
        index = len(call.types) - 1
        if index < 0 or (index == 0 and call.word(0) is not None):
            return _DEFAULT_LIMIT
        limit = call.literal(index)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            call.error(f"{call.name}: invalid limit value", index)
        elif limit > _MAX_LIMIT:
            call.error(f"{call.name}([int limit]): limit shouldn't exceed {_MAX_LIMIT}, {limit} given", index)
        else:
            return limit
        return _DEFAULT_LIMIT

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        type_ = call.type
        assert isinstance(type_, OwnedType), "type_of gives a stack"
        stack = emitter.scratch(type_.size)
        self._emit_header(emitter, stack)
        count_at = self._header
        # The helper fills what it has no frames for with zeros, and everything when it fails (kernel/bpf/stackmap.c).
        size = checked(
            emitter,
            "get_stack",
            emitter.context(),
            emitter.offset(stack, count_at + 8),
            emitter.constant(type_.size - count_at - 8),
            emitter.constant(self._flags),
            message=f"Error reading {self.names[0]}.",
        )
        failed = emitter.compare("<", size, emitter.constant(0), signed=True)
        count = emitter.choose(
            failed,
            lambda: emitter.constant(0, INT64),
            lambda: emitter.cast(emitter.binary(">>", size, emitter.constant(3)), INT64),
        )
        emitter.store(stack, count, count_at)
        return Value(stack.handle, type_)

    def _emit_header(self, emitter: Emitter, stack: Value) -> None:
        """A kernel stack has none."""

    def decode(self, type_: OwnedType, data: bytes) -> Stack:
        count = int.from_bytes(data[:8], "little", signed=True)
        return 0, _addresses(data, 8, count)

    def text(self, type_: OwnedType, value: Stack, rendering: Rendering) -> bytes:
        resolve = self._resolver(value[0], rendering)
        mode = type_.params[0]
        text = "\n"
        for address in value[1]:
            if address == _UNWIND_FAILURE:
                text += "        <unwind failure>\n"
                break
            text += self._frame(str(mode), address, resolve) + "\n"
        return text.encode("utf-8", "surrogateescape")

    def json(self, type_: OwnedType, value: Stack, rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))

    def _resolver(self, pid: int, rendering: Rendering) -> Resolver:
        def resolve(address: int) -> tuple[str | None, int, str | None]:
            found = rendering.symbols.kernel(address)
            return (None, 0, None) if found is None else (*found, None)

        return resolve

    def _frame(self, mode: str, address: int, resolve: Resolver) -> str:
        if mode == "raw":
            return f"{address:x}"
        symbol, offset, module = resolve(address)
        unresolved = f"0x{address:x}" if address else "0"
        name = f"{symbol}+{offset}" if symbol is not None else unresolved
        if mode == "perf":
            return f"\t{address:x} {name}{self._module(module if symbol is not None else None)}"
        return f"        {name}"

    def _module(self, path: str | None) -> str:
        return ""


class UserStack(KernelStack):
    """`ustack([mode,] [limit])`: the frames of the user's program."""

    names: ClassVar[tuple[str, ...]] = ("ustack",)
    _flags: ClassVar[int] = _USER_STACK
    _header: ClassVar[int] = 8

    def _emit_header(self, emitter: Emitter, stack: Value) -> None:
        emitter.store(stack, process_id(emitter), 0)
        emitter.store(stack, emitter.constant(0, UINT32), 4)

    def decode(self, type_: OwnedType, data: bytes) -> Stack:
        pid, count = Struct("<I4xq").unpack_from(data)
        return pid, _addresses(data, 16, count)

    def _resolver(self, pid: int, rendering: Rendering) -> Resolver:
        user = rendering.symbols.user
        return lambda address: user(pid, address)

    def _module(self, path: str | None) -> str:
        return f" ({path or '[unknown]'})"


def _addresses(data: bytes, start: int, count: int) -> tuple[int, ...]:
    available = (len(data) - start) // 8
    return Struct(f"<{max(0, min(count, available))}Q").unpack_from(data, start)


FUNCTIONS = (KernelStack(), UserStack())
