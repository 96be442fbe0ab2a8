"""Where `struct pt_regs`, the context of kprobe and uprobe programs, keeps arguments and return values.

One row per architecture, from the kernel's arch/*/include/uapi/asm/ptrace.h and the calling conventions of C (System V
ABI for x86-64, AAPCS64 for arm64).
"""

from __future__ import annotations

from ...core.frozen import dataclass
from ...core.probe import AttachPointError


@dataclass(frozen=True, slots=True)
class Registers:
    """Byte offsets in pt_regs: of the integer argument registers in order, and of the return value's register.

    `alignment` is what instruction addresses are multiples of.
    """

    arguments: tuple[int, ...]
    return_value: int
    alignment: int


REGISTERS = {
    # di, si, dx, cx, r8, r9; ax
    "x86_64": Registers((112, 104, 96, 88, 72, 64), 80, 1),
    # x0 to x7; x0
    "aarch64": Registers(tuple(range(0, 64, 8)), 0, 4),
}


def _in_order(*names: str) -> dict[str, int]:
    return {name: 8 * position for position, name in enumerate(names)}


#: Byte offsets in pt_regs of all its registers, each of eight bytes.
OFFSETS = {
    "x86_64": _in_order(
        *("r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di"),
        *("orig_rax", "ip", "cs", "flags", "sp", "ss"),
    ),
    "aarch64": _in_order(*(f"r{number}" for number in range(31)), "sp", "pc", "pstate"),
}


def registers(architecture: str) -> Registers:
    """Raises: AttachPointError: for a machine that is not in the table."""
    name = {"arm64": "aarch64"}.get(architecture, architecture)
    if name not in REGISTERS:
        raise AttachPointError(f"arguments and return values are not known for the architecture {architecture}")
    return REGISTERS[name]


def argument_offset(architecture: str, index: int) -> int:
    """The offset of `argN` in pt_regs, in bytes. Raises: AttachPointError: when it is not passed in a register."""
    offsets = registers(architecture).arguments
    if index >= len(offsets):
        raise AttachPointError(f"{architecture} doesn't support arg{index}")
    return offsets[index]
