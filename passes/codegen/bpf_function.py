"""One LLVM function of a BPF program while it is built: its blocks, its stack and its debug scope.

A program is a main function and, for each loop, a callback. All of them share one `Frame`, which lies on the main
function's stack. This knows neither values nor the script.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .llvm import I8, I64, PTR, SECTION, ProgramAttributes


class Frame:
    """The words that a program's functions share, 8 bytes each, by name; a callback gets their address as its context.

    Only words that somebody asked for take space. The memory is the main function's.
    """

    def __init__(self) -> None:
        self._offsets: dict[str, int] = {}
        self._memory: Any = None

    def offset(self, name: str) -> int:
        return self._offsets.setdefault(name, 8 * len(self._offsets))

    def has(self, name: str) -> bool:
        return name in self._offsets

    def make(self, builder: ir.IRBuilder) -> Any:
        """The memory, in the main function's entry; it grows until `finish`."""
        self._memory = stack_slot(builder, ir.ArrayType(I8, 8), "frame")
        return self._memory

    def finish(self) -> None:
        self._memory.allocated_type = ir.ArrayType(I8, 8 * len(self._offsets))


class BpfFunction:
    """`entry` holds stack slots and what has to be there before `start`; `exit` is where the probe ends.

    `leaves` becomes true when the body has a way to `exit` other than its end. `stop` and `next` are a callback's
    ways to end its loop and to go on with the next round.
    """

    def __init__(
        self, module: ir.Module, name: str, arguments: Sequence[tuple[str, Any]], frame: Frame, *, callback: bool
    ) -> None:
        self.function = ir.Function(module, ir.FunctionType(I64, [type_ for _, type_ in arguments]), name)
        self.function.section = SECTION
        self.function.attributes = ProgramAttributes('"no-builtins"')
        if callback:
            # The verifier wants a callback to be static; as its address is taken, LLVM leaves it alone.
            self.function.linkage = "internal"
        for argument, (argument_name, _) in zip(self.function.args, arguments, strict=True):
            argument.name = argument_name
        self.is_callback = callback
        self.entry = self.block("entry")
        self.start = self.block("start")
        self.exit = self.block("exit")
        self.builder = ir.IRBuilder(self.start)
        self.scope: ir.DIValue | None = None
        self.stack_used = 0
        self.leaves = False
        self.stop = self.block("stop") if callback else None
        self.next = self.block("next") if callback else None
        self._frame = frame
        self._words: dict[str, Any] = {}
        with self.builder.goto_block(self.entry):
            self._frame_address = self.function.args[-1] if callback else frame.make(self.builder)

    @property
    def address(self) -> Any:
        """The function as the argument of a helper."""
        return FunctionAddress(self.function)

    def block(self, name: str) -> Any:
        return self.function.append_basic_block(name)

    @property
    def frame_address(self) -> Any:
        return self._frame_address

    def word(self, name: str) -> Any:
        """The address of a word of the frame."""
        if name not in self._words:
            at = self._frame.offset(name)
            with self.builder.goto_block(self.entry):
                place = self._frame_address
                if at:
                    place = self.builder.gep(place, [I64(at)], source_etype=I8, name=name)
            self._words[name] = place
        return self._words[name]

    def stack(self, size: int) -> Any:
        """The address of `size` bytes of this function's stack, aligned to 8."""
        self.stack_used += size
        with self.builder.goto_block(self.entry):
            return stack_slot(self.builder, ir.ArrayType(I8, size))


class FunctionAddress:
    """A function's address as an operand of type ptr, which llvmlite's own functions do not have."""

    def __init__(self, function: ir.Function) -> None:
        self._function = function
        self.type = PTR

    def get_reference(self) -> str:
        reference: str = self._function.get_reference()
        return reference


def stack_slot(builder: ir.IRBuilder, type_: Any, name: str = "") -> Any:
    place = builder.alloca(type_, name=name)
    place.align = 8
    # llvmlite still tracks what a stack slot's pointer points to; everywhere else we use opaque pointers.
    place.type = PTR
    return place
