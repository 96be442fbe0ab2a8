"""Where `struct pt_regs` keeps registers: it is the context of kprobe and uprobe programs, and begins that of others.

One row per architecture, from the kernel's arch/*/include/uapi/asm/ptrace.h and the calling conventions of C (System V
ABI for x86-64, AAPCS64 for arm64). It knows of each architecture what names programs and scripts use, and no probe
type.
"""

from __future__ import annotations

from ...core.frozen import dataclass
from ...core.probe import AttachPointError
from ...core.types import UINT64, Array, Field, Pointer, Struct


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


#: What scripts call registers that have another name in OFFSETS.
_ALIASES = {"x86_64": {"pc": "ip"}, "aarch64": {}}
#: Registers that C knows under another name: `reg` has that of ptrace(2) here, the kernel's struct its own.
_MEMBERS = {"orig_rax": "orig_ax"}
_GENERAL = 31  # of arm64, r0 to r30: one array in C


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


def register_names(architecture: str) -> tuple[str, ...]:
    """What `reg()` can be asked for; nothing for a machine that is not in the table."""
    return (*OFFSETS.get(architecture, ()), *_ALIASES.get(architecture, ()))


def register_offset(architecture: str, name: str) -> int | None:
    """The offset of a register in pt_regs, in bytes, by a name of `register_names`; None for any other."""
    name = _ALIASES.get(architecture, {}).get(name, name)
    return OFFSETS.get(architecture, {}).get(name)


def instruction_pointer(architecture: str) -> int:
    """The offset of the register that says where the program counter stood, in bytes."""
    return OFFSETS[architecture]["ip" if architecture == "x86_64" else "pc"]


def context_type(architecture: str) -> Pointer:
    """`ctx` of kprobes, uprobes and usdt probes: pt_regs, complete. Raises: AttachPointError."""
    return Pointer(_struct("struct pt_regs", architecture), "context")


def perf_context_type(architecture: str) -> Pointer:
    """`ctx` of the probe types of perf events: struct bpf_perf_event_data of include/uapi/linux/bpf_perf_event.h.

    `regs`, then u64 sample_period (what the event counted since the last sample, as it was asked for) and u64 addr (the
    address that the event is about, where there is one). Raises: AttachPointError.
    """
    regs = _struct("struct pt_regs" if architecture == "x86_64" else "struct user_pt_regs", architecture)
    fields = (
        Field("regs", regs, 0),
        Field("sample_period", UINT64, regs.size),
        Field("addr", UINT64, regs.size + 8),
    )
    return Pointer(Struct("struct bpf_perf_event_data", regs.size + 16, fields, alignment=8), "context")


def _struct(name: str, architecture: str) -> Struct:
    """The registers as C has them. Raises: AttachPointError: for a machine that is not in the table."""
    offsets = OFFSETS.get(architecture)
    if offsets is None:
        raise AttachPointError(f"registers are not known for the architecture {architecture}")
    if architecture == "aarch64":
        named = {register: at for register, at in offsets.items() if at >= 8 * _GENERAL}
        fields = [Field("regs", Array(UINT64, _GENERAL), 0)]
    else:
        named, fields = offsets, []
    fields += [Field(_MEMBERS.get(register, register), UINT64, at) for register, at in named.items()]
    return Struct(name, 8 * len(offsets), tuple(fields), alignment=8)
