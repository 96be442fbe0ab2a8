"""Stack traces of the kernel and of the user's program: how they are taken, and how their frames are shown.

A kernel stack's bytes are an s64 count of frames, then the frames; a user stack has before it the process's id (u32)
and four zero bytes, because its addresses mean something only in there. A frame is an address (u64), in the mode
`build_id` the kernel's struct bpf_stack_build_id: s32 status, the id in 20 bytes, and the u64 offset in the file or,
where the status says so, the address.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.json_text import json_string
from ...core.types import INT64, UINT32, OwnedType, Type
from .checked import checked
from .process import process_id

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import CodePlace, Rendering, Symbols

_MODES = ("bpftrace", "raw", "perf", "build_id")
_DEFAULT_LIMIT, _MAX_LIMIT = 127, 1024
#: bpf_get_stack of bpf-helpers(7): take the user's stack; give build ids and offsets in place of addresses.
_USER_STACK, _USER_BUILD_ID = 1 << 8, 1 << 11
#: What an unwinder puts where it had to give up.
_UNWIND_FAILURE = 0xFFFF_FFFF_FFFF_FFFF
#: struct bpf_stack_build_id of include/uapi/linux/bpf.h, and its status for a frame that has its id.
_BUILD_ID_FRAME, _HAS_BUILD_ID = Struct("<i20sQ"), 1
_FRAME_SIZES = {"build_id": _BUILD_ID_FRAME.size}

#: An address, or in the mode `build_id` (build id, offset in bytes of the file).
Frame = int | tuple[bytes, int]
#: The process's id (0 for the kernel) and the frames, innermost first.
Stack = tuple[int, tuple[Frame, ...]]
#: (symbol, offset in bytes, module path) of an address; None where there is none.
Resolved = tuple[str | None, int, str | None]


class KernelStack(Function):
    """`kstack([mode,] [limit])`: the kernel's frames."""

    names: ClassVar[tuple[str, ...]] = ("kstack",)
    bare: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(maximum=2, words=frozenset({0, 1}))
    #: What its values are: the name of the function that shows them.
    kind: ClassVar[str] = "kstack"
    gives_build_ids: ClassVar[bool] = False
    _flags: ClassVar[int] = 0
    #: Bytes in front of the count.
    header: ClassVar[int] = 0

    def type_of(self, call: CallSite) -> Type:
        mode, limit = self._mode(call), self._limit(call)
        size = self.header + 8 + _FRAME_SIZES.get(mode, 8) * limit
        return OwnedType(self.kind, f"{self.kind}_{mode}_{limit}", size, (mode, limit))

    def _mode(self, call: CallSite) -> str:
        word = call.word(0)
        if word is None:
            if len(call.types) == 2:
                call.error("Expected stack mode as first argument", 0)
            return self._default_mode(call)
        if word not in _MODES:
            call.error(
                f"Error parsing stack mode: {call.name}: Invalid value for stack_mode: "
                f"valid values are {', '.join(_MODES[:-1])}, and {_MODES[-1]}.",
                0,
            )
        elif word == "build_id" and not self.gives_build_ids:
            call.error(_ONLY_USTACK, 0)
        else:
            return word
        return "raw"

    def _default_mode(self, call: CallSite) -> str:
        if call.config.stack_mode == "build_id" and not self.gives_build_ids:
            call.warning(f"{_ONLY_USTACK}: {call.name} uses 'raw'")
            return "raw"
        return call.config.stack_mode

    def _limit(self, call: CallSite) -> int:
        index = len(call.types) - 1
        if index < 0 or (index == 0 and call.word(0) is not None):
            return _DEFAULT_LIMIT
        limit = call.literal(index)
        if index == 1 and call.word(0) is None:
            return _DEFAULT_LIMIT  # the order is wrong, which has been said
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
        mode = type_.params[0]
        stack = emitter.scratch(type_.size)
        self.emit_header(emitter, stack)
        # The helper fills what it has no frames for with zeros, and everything when it fails (kernel/bpf/stackmap.c).
        size = checked(
            emitter,
            "get_stack",
            emitter.context(),
            emitter.offset(stack, self.header + 8),
            emitter.constant(type_.size - self.header - 8),
            emitter.constant(self._flags | (_USER_BUILD_ID if mode == "build_id" else 0)),
            message=f"Error reading {self.names[0]}.",
        )
        failed = emitter.compare("<", size, emitter.constant(0), signed=True)
        shift = 5 if mode == "build_id" else 3
        count = emitter.choose(
            failed,
            lambda: emitter.constant(0, INT64),
            lambda: emitter.cast(emitter.binary(">>", size, emitter.constant(shift)), INT64),
        )
        emitter.store(stack, count, self.header)
        return Value(stack.handle, type_)

    def emit_header(self, emitter: Emitter, stack: Value) -> None:
        """Writes what stands in front of the count: nothing for the kernel."""

    def emit_length(self, emitter: Emitter, stack: Value) -> Value:
        """The number of frames, an int64, of a stack in the program's memory."""
        return emitter.load(stack, INT64, self.header)

    def decode(self, type_: OwnedType, data: bytes) -> Stack:
        count = int.from_bytes(data[:8], "little", signed=True)
        return 0, _frames(type_, data, 8, count)

    def text(self, type_: OwnedType, value: Stack, rendering: Rendering) -> bytes:
        pid, frames = value
        mode, end = type_.params[0], b""
        if _UNWIND_FAILURE in frames:
            frames, end = frames[: frames.index(_UNWIND_FAILURE)], b"        <unwind failure>\n"
        match mode:
            case "raw":
                shown = b"".join([b"%x\n" % frame for frame in _addresses(frames)])
            case "build_id":
                shown = b"".join(map(_build_id_line, frames))
            case _:
                shown = self._lines(str(mode), pid, _addresses(frames), rendering)
        return b"\n" + shown + end

    def json(self, type_: OwnedType, value: Stack, rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))

    def _lines(self, mode: str, pid: int, addresses: Sequence[int], rendering: Rendering) -> bytes:
        """The frames of a stack as lines; each is found out once, since the same frames are in very many stacks."""
        symbols = rendering.symbols
        if not self._flags & _USER_STACK:

            def kernel_line(address: int) -> bytes:
                found = symbols.kernel(address)
                return _line(mode, address, (None, 0, None) if found is None else (*found, None), has_module=False)

            return b"".join(map(symbols.remembered(0, mode, kernel_line).__getitem__, addresses))

        innermost = symbols.remembered(pid, mode, _user_line(mode, pid, symbols, 0))
        if not rendering.config.show_debug_info:
            return b"".join(map(innermost.__getitem__, addresses))
        # What calls is shown by the address behind the call, which can be that of the next line already.
        callers = symbols.remembered(pid, f"{mode} caller", _user_line(mode, pid, symbols, 1))
        return b"".join([(callers if index else innermost)[address] for index, address in enumerate(addresses)])


class UserStack(KernelStack):
    """`ustack([mode,] [limit])`: the frames of the user's program."""

    names: ClassVar[tuple[str, ...]] = ("ustack",)
    kind: ClassVar[str] = "ustack"
    gives_build_ids: ClassVar[bool] = True
    _flags: ClassVar[int] = _USER_STACK
    header: ClassVar[int] = 8

    def emit_header(self, emitter: Emitter, stack: Value) -> None:
        """Writes the process's id."""
        emitter.store(stack, process_id(emitter), 0)
        emitter.store(stack, emitter.constant(0, UINT32), 4)

    def decode(self, type_: OwnedType, data: bytes) -> Stack:
        pid, count = Struct("<I4xq").unpack_from(data)
        return pid, _frames(type_, data, 16, count)


_ONLY_USTACK = "'build_id' stack mode can only be used for ustack"


def _frames(type_: OwnedType, data: bytes, start: int, count: int) -> tuple[Frame, ...]:
    """The frames behind the count, as many as the bytes bear out."""
    has_ids = type_.params[0] == "build_id"
    size = _BUILD_ID_FRAME.size if has_ids else 8
    count = max(0, min(count, (len(data) - start) // size))
    if not has_ids:
        return Struct(f"<{count}Q").unpack_from(data, start)
    frames = _BUILD_ID_FRAME.iter_unpack(data[start : start + count * size])
    return tuple([(build_id, place) if status == _HAS_BUILD_ID else place for status, build_id, place in frames])


def _addresses(frames: Sequence[Frame]) -> Sequence[int]:
    return frames  # type: ignore[return-value]  # only the mode `build_id` has others


def _build_id_line(frame: Frame) -> bytes:
    if isinstance(frame, int):
        return b"%x\n" % frame
    build_id, offset = frame
    return b"%b 0x%02x\n" % (build_id.hex().encode(), offset)


def _user_line(mode: str, pid: int, symbols: Symbols, back: int) -> Callable[[int], bytes]:
    """What makes the line of an address; its place in the source is that of the instruction `back` bytes before."""

    def line(address: int) -> bytes:
        places = symbols.source(pid, max(0, address - back))
        return _line(mode, address, symbols.user(pid, address), places)

    return line


def _line(
    mode: str, address: int, resolved: Resolved, places: Sequence[CodePlace] = (), *, has_module: bool = True
) -> bytes:
    """The line of a frame, and before it those of the functions that are inlined there."""
    symbol, offset, module = resolved
    name = f"{symbol}+{offset}" if symbol is not None else f"0x{address:x}" if address else "0"
    inlined, own = places[:-1], places[-1:]
    if mode == "perf":
        lines = [f"\t{address:x} {place.function} (inlined)\n" for place in inlined]
        shown = f" ({module or '[unknown]'})" if symbol is not None else " ([unknown])"
        lines.append(f"\t{address:x} {name}{shown if has_module else ''}\n")
    else:
        lines = [f"        [inlined] {place.function}{_source(place)}\n" for place in inlined]
        lines.append(f"        {name}{''.join(map(_source, own))}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _source(place: CodePlace) -> str:
    return f"@{place.file}:{place.line}" if place.file and place.line else ""


FUNCTIONS = (KernelStack(), UserStack())
