"""The BPF instruction set as the compiler sees it: the fields of an instruction, and the numbers that stand in them.

It knows layouts and numbers (RFC 9669, the kernel's include/uapi/linux/bpf.h), not how an instruction is written as
text (core/disassembler.py) and not how programs get into the kernel.
"""

from __future__ import annotations

import struct

from .frozen import dataclass

#: Bytes of one slot. All instructions are one slot, but LOAD_CONSTANT is two.
INSTRUCTION_SIZE = 8

# The low 3 bits of an opcode: its class.
LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 = range(8)

# Bit 3 of an opcode of ALU, ALU64, JMP and JMP32: the second operand is `imm` or the register `src`.
K, X = 0x00, 0x08

# The high 4 bits of an opcode of ALU and ALU64: the operation.
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR, MOV, ARSH, END = range(0x00, 0xE0, 0x10)

# The high 4 bits of an opcode of JMP and JMP32.
JA, JEQ, JGT, JGE, JSET, JNE, JSGT, JSGE, CALL, EXIT, JLT, JLE, JSLT, JSLE, JCOND = range(0x00, 0xF0, 0x10)

# Bits 3 and 4 of an opcode of LD, LDX, ST and STX: 4, 2, 1 or 8 bytes.
W, H, B, DW = 0x00, 0x08, 0x10, 0x18

# The high 3 bits of an opcode of LD, LDX, ST and STX.
IMM, ABS, IND, MEM, MEMSX, ATOMIC = 0x00, 0x20, 0x40, 0x60, 0x80, 0xC0

#: `dst = imm64`, in two slots: the `imm` of the first is the low half, that of the second the high half.
LOAD_CONSTANT = LD | IMM | DW

# `imm` of an atomic operation: AND, OR, ADD and XOR stand for themselves; FETCH gives the value before.
FETCH, XCHG, CMPXCHG, LOAD_ACQUIRE, STORE_RELEASE = 0x01, 0xE1, 0xF1, 0x100, 0x110

# `src` of LOAD_CONSTANT: what the first `imm` is. MAP_VALUE and MAP_IDX_VALUE have an offset as second `imm`.
BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC = range(1, 5)
BPF_PSEUDO_MAP_IDX, BPF_PSEUDO_MAP_IDX_VALUE = 5, 6

# `src` of a call; 0 is a helper, whose number is `imm`.
BPF_PSEUDO_CALL, BPF_PSEUDO_KFUNC_CALL = 1, 2

_SLOT = struct.Struct("<BBhi")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One slot: opcode (8 bits), dst and src (registers, 4 bits each), offset (16 bits, signed), imm (32 bits, signed).

    Jumps count slots from the slot after the jump. The second slot of LOAD_CONSTANT has nothing but `imm`.
    """

    opcode: int
    dst: int
    src: int
    offset: int
    imm: int


def decode(insns: bytes) -> list[Instruction]:
    """One Instruction for each slot, so that list indices are slot numbers.

    A slot is u8 opcode, u8 registers (dst in the low nibble, src in the high), s16 offset, s32 imm, all little-endian,
    as on every architecture that this compiler knows. Any bytes decode; the opcode need not exist. Raises: ValueError:
    the length is not a multiple of 8.
    """
    if len(insns) % INSTRUCTION_SIZE:
        raise ValueError(f"{len(insns)} bytes are not whole BPF instructions of {INSTRUCTION_SIZE} bytes")
    return [
        Instruction(opcode, registers & 0x0F, registers >> 4, offset, imm)
        for opcode, registers, offset, imm in _SLOT.iter_unpack(insns)
    ]
