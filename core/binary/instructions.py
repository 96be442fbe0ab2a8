"""Where the instructions of a function begin.

A breakpoint in the middle of an instruction changes what the program does, mostly into a crash. Where instructions have
no fixed size, the package capstone reads them. This file must not know where code comes from.
"""

from __future__ import annotations

#: What instructions are multiples of, where they all are as long as that.
_FIXED = {"aarch64": 4}
#: The longest instruction of x86, in bytes.
_LONGEST = 15


class NoDisassembler(Exception):
    """Nothing here can read the instructions of a machine."""


def is_instruction_start(machine: str, code: bytes, offset: int) -> bool | None:
    """Whether an instruction begins `offset` bytes after the start of a function; None when its code is not code.

    `machine` is that of a UserCode. Raises NoDisassembler.
    """
    if machine in _FIXED:
        return offset % _FIXED[machine] == 0
    at = 0
    for size in _sizes(machine, code[: offset + _LONGEST]):
        if at >= offset:
            break
        at += size
    return None if at < offset else at == offset


def _sizes(machine: str, code: bytes) -> list[int]:
    """The sizes of the instructions, in bytes, up to the first that cannot be read."""
    try:
        import capstone
    except ImportError as error:
        raise NoDisassembler("the package capstone is not installed") from error
    modes = {"x86_64": capstone.CS_MODE_64, "i386": capstone.CS_MODE_32}
    if machine not in modes:
        raise NoDisassembler(f"instructions of {machine} are not read")
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, modes[machine])
    return [size for _, size, _, _ in disassembler.disasm_lite(code, 0)]
