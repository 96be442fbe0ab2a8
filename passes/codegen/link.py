"""Puts the functions of one program together: the main function first, behind it all that it refers to.

The kernel takes a program as one run of instructions and finds its functions by the instructions that refer to them
(Documentation/bpf/clang-notes.rst, include/uapi/linux/bpf.h: BPF_PSEUDO_FUNC, BPF_PSEUDO_CALL). This knows object code
only, neither LLVM nor the script.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ...core import bytecode as b
from ...core.bytecode import INSTRUCTION_SIZE, LOAD_CONSTANT
from ...core.frozen import dataclass
from .object_file import ObjectFunction

#: check_max_stack_depth of kernel/bpf/verifier.c rounds each function's stack up to this where there is a JIT. Kernels
#: before 6.8 round to 32; what is too much for them only, they say themselves.
_STACK_UNIT = 16
_FRAME_POINTER = 10


@dataclass(frozen=True, slots=True)
class LinkedProgram:
    """A whole program; all indexes count from its first instruction.

    `functions` are (index, BTF type id, name) of each function in the order of the code; `stack` is the number of bytes
    of stack that the deepest chain of functions takes, as the kernel counts them.
    """

    instructions: bytes
    relocations: tuple[tuple[int, str], ...]
    lines: tuple[tuple[int, int, int], ...]
    functions: tuple[tuple[int, int, str], ...]
    stack: int


def link(main: str, functions: Mapping[str, ObjectFunction]) -> LinkedProgram:
    order = _reachable(main, functions)
    starts: dict[str, int] = {}
    at = 0
    for function in order:
        starts[function.name] = at
        at += len(function.instructions) // INSTRUCTION_SIZE
    code = bytearray(b"".join(function.instructions for function in order))
    for function in order:
        for index, target in function.references:
            here = starts[function.name] + index
            _refer(code, here, starts[target] - here - 1)
    return LinkedProgram(
        bytes(code),
        tuple((starts[f.name] + index, symbol) for f in order for index, symbol in f.relocations),
        tuple((starts[f.name] + index, line, column) for f in order for index, line, column in f.lines),
        tuple((starts[f.name], f.type_id, f.name) for f in order),
        _deepest(main, functions),
    )


def _reachable(main: str, functions: Mapping[str, ObjectFunction]) -> list[ObjectFunction]:
    """The function and all that it refers to, each once, in the order of their first mention."""
    order = [functions[main]]
    for function in order:
        for _, target in function.references:
            if functions[target] not in order:
                order.append(functions[target])
    return order


def _refer(code: bytearray, index: int, distance: int) -> None:
    """Makes a load or a call at `index` refer to the function that begins `distance` slots behind the next slot."""
    at = index * INSTRUCTION_SIZE
    source = b.BPF_PSEUDO_FUNC if code[at] == LOAD_CONSTANT else b.BPF_PSEUDO_CALL
    code[at + 1] = (code[at + 1] & 0x0F) | source << 4
    struct.pack_into("<i", code, at + 4, distance)


def _deepest(name: str, functions: Mapping[str, ObjectFunction], above: tuple[str, ...] = ()) -> int:
    """Of a function of C that calls itself once: the kernel will not have it, and says so."""
    if name in above:
        return 0
    function = functions[name]
    below = max((_deepest(target, functions, (*above, name)) for _, target in function.references), default=0)
    used = max(1, stack_of(function.instructions))
    return -(-used // _STACK_UNIT) * _STACK_UNIT + below


def stack_of(instructions: bytes) -> int:
    """The bytes of stack that a function takes: the lowest address that it reaches from its frame pointer."""
    lowest = 0
    copies: set[int] = set()
    for slot in b.decode(instructions):
        kind, operation = slot.opcode & 0x07, slot.opcode & 0xF0
        base = slot.src if kind == b.LDX else slot.dst if kind in (b.ST, b.STX) else None
        if base == _FRAME_POINTER:
            lowest = min(lowest, slot.offset)
        if slot.opcode == b.ALU64 | b.MOV | b.X and slot.src == _FRAME_POINTER:
            copies.add(slot.dst)
        elif kind == b.ALU64 and slot.dst in copies:
            if operation == b.ADD and slot.opcode & b.X == b.K:
                lowest = min(lowest, slot.imm)
            copies.discard(slot.dst)
    return -lowest
