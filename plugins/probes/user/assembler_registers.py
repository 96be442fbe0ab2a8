"""Registers as assemblers spell them: which part of which register of struct pt_regs a name means.

Knows nothing of what the names are used for; registers.py knows where pt_regs keeps the registers.
"""

from __future__ import annotations

from ....core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """`size` bytes from byte `start` on of the register that registers.py calls `register`; '' always reads as 0."""

    register: str
    size: int
    start: int = 0


def _x86() -> dict[str, Part]:
    """Names without their `%`. Those of i386 are among them: pt_regs of a 32-bit program is that of the kernel."""
    parts = {"rip": Part("ip", 8), "eip": Part("ip", 4)}
    for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp"):
        parts |= {f"r{name}": Part(name, 8), f"e{name}": Part(name, 4), name: Part(name, 2)}
    for letter in "abcd":
        parts |= {f"{letter}l": Part(f"{letter}x", 1), f"{letter}h": Part(f"{letter}x", 1, 1)}
    parts |= {f"{name}l": Part(name, 1) for name in ("si", "di", "bp", "sp")}
    for number in range(8, 16):
        name = f"r{number}"
        parts |= {name: Part(name, 8), f"{name}d": Part(name, 4), f"{name}w": Part(name, 2), f"{name}b": Part(name, 1)}
    return parts


def _aarch64() -> dict[str, Part]:
    parts = {"sp": Part("sp", 8), "wsp": Part("sp", 4), "xzr": Part("", 8), "wzr": Part("", 4)}
    for number in range(31):
        parts |= {f"x{number}": Part(f"r{number}", 8), f"w{number}": Part(f"r{number}", 4)}
    return parts | {"fp": parts["x29"], "lr": parts["x30"]}


X86 = _x86()
AARCH64 = _aarch64()
