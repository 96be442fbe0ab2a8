"""The descriptions of markers' arguments: what each means, and what is said of those that nobody can evaluate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybpftrace.plugins.probes.registers import OFFSETS
from pybpftrace.plugins.probes.user.assembler_registers import AARCH64, X86
from pybpftrace.plugins.probes.user.usdt_operands import Operand, UnknownOperand, read_operand


def sum_of(operand: Operand, registers: dict[str, int]) -> int:
    """What the terms and the number add up to, as an unsigned number of the address's or value's size."""
    total = operand.number
    for term in operand.terms:
        value = registers.get(term.part.register, 0) >> 8 * term.part.start
        value &= (1 << 8 * term.part.size) - 1
        if term.signed and value >> 8 * term.part.size - 1:
            value -= 1 << 8 * term.part.size
        total += value << term.shift
    return total & (1 << 8 * (operand.address_size if operand.is_memory else 8)) - 1


def value_of(description: str, machine: str, registers: dict[str, int]) -> int:
    """Of a description that is no memory, as a signed number."""
    operand = read_operand(description, machine)
    assert not operand.is_memory
    bits = 8 * operand.size
    value = sum_of(operand, registers) & (1 << bits) - 1
    return value - (1 << bits) if operand.signed and value >> bits - 1 else value


def address_of(description: str, machine: str, registers: dict[str, int]) -> int:
    operand = read_operand(description, machine)
    assert operand.is_memory
    return sum_of(operand, registers)


X86_STATE = {"ax": 0x8182838485868788, "bx": 0x1000, "cx": 3, "r9": 2**64 - 2, "bp": 0x7FFF_0000_1000, "ip": 64}
ARM_STATE = {"r0": 0x8182838485868788, "r1": 0x1000, "r2": 0xFFFFFFFE, "sp": 0x7FFF_0000_1000, "r29": 5, "r30": 6}


@pytest.mark.parametrize(
    ("description", "value"),
    [
        ("-4@$5", 5),
        ("-4@$-5", -5),
        ("4@$-1", 0xFFFFFFFF),
        ("-1@$255", -1),
        ("8@$0x10", 16),
        ("8@$10+4-2", 12),
        ("8@%rax", 0x8182838485868788),
        ("-8@%rax", 0x8182838485868788 - 2**64),
        ("4@%eax", 0x85868788),
        ("-4@%eax", 0x85868788 - 2**32),
        ("2@%ax", 0x8788),
        ("-2@%ax", 0x8788 - 2**16),
        ("1@%al", 0x88),
        ("-1@%al", 0x88 - 256),
        ("1@%ah", 0x87),
        ("-1@%ah", 0x87 - 256),
        ("1@%r9b", 0xFE),
        ("2@%r9w", 0xFFFE),
        ("-4@%r9d", -2),
        # A part of a larger register than what is asked for is cut, one of a smaller register is extended.
        ("-1@%eax", 0x88 - 256),
        ("-8@%eax", 0x85868788 - 2**32),
        ("8@%eax", 0x85868788),
        ("%rcx", 3),
        ("$7", 7),
    ],
)
def test_numbers_and_registers_of_x86_64_are_extended_by_the_sign_of_the_description(
    description: str, value: int
) -> None:
    assert value_of(description, "x86_64", X86_STATE) == value


@pytest.mark.parametrize(
    ("description", "address"),
    [
        ("4@(%rbx)", 0x1000),
        ("-4@-20(%rbp)", 0x7FFF_0000_1000 - 20),
        ("8@8(%rbx,%rcx,4)", 0x1000 + 8 + 12),
        ("8@(%rbx,%rcx)", 0x1003),
        ("8@0x20(,%rcx,8)", 0x20 + 24),
        ("8@8+16(%rbx)", 0x1018),
        ("4@4194304", 4194304),
        ("4@-8(%rip)", 56),
        ("8@-4(%rbx,%r9,2)", 0x1000 - 4 - 4),
        ("8@8(%ebx)", 0x1008),
        ("8(%rbp)", 0x7FFF_0000_1008),
    ],
)
def test_memory_of_x86_64_is_at_the_sum_of_its_registers_and_numbers(description: str, address: int) -> None:
    assert address_of(description, "x86_64", X86_STATE) == address


def test_addresses_of_32_bit_programs_wrap_around() -> None:
    assert address_of("4@-8(%esp)", "i386", {"sp": 4}) == 0xFFFFFFFC
    assert read_operand("%eax", "i386").size == 4


@pytest.mark.parametrize(
    ("description", "value"),
    [
        ("-4@5", 5),
        ("-4@#-5", -5),
        ("8@x0", 0x8182838485868788),
        ("-4@w0", 0x85868788 - 2**32),
        ("1@w0", 0x88),
        ("8@xzr", 0),
        ("4@wzr", 0),
        ("8@sp", 0x7FFF_0000_1000),
        ("8@fp", 5),
        ("8@lr", 6),
    ],
)
def test_numbers_and_registers_of_aarch64_are_extended_likewise(description: str, value: int) -> None:
    assert value_of(description, "aarch64", ARM_STATE) == value


@pytest.mark.parametrize(
    ("description", "address"),
    [
        ("8@[x1]", 0x1000),
        ("-4@[sp, 12]", 0x7FFF_0000_100C),
        ("-4@[sp, #-4]", 0x7FFF_0000_0FFC),
        ("-4@[sp,12]", 0x7FFF_0000_100C),
        ("8@[x1, x29]", 0x1005),
        ("8@[x1, x29, lsl 3]", 0x1000 + 40),
        ("8@[x1, x29, lsl #2]", 0x1000 + 20),
        ("8@[x1, w2, uxtw]", 0x1000 + 0xFFFFFFFE),
        ("8@[x1, w2, sxtw 3]", 0x1000 - 16),
        ("8@[x1, x29, sxtx #1]", 0x1000 + 10),
    ],
)
def test_memory_of_aarch64_is_at_the_sum_of_its_registers_and_numbers(description: str, address: int) -> None:
    assert address_of(description, "aarch64", ARM_STATE) == address


_NO_FLOAT = "BPF programs do not see floating-point numbers"
_NO_SYMBOL = "there is no such symbol in the file, or several, or it has no fixed place"
_NO_OPERAND = "not an operand as compilers write it"


@pytest.mark.parametrize(
    ("description", "machine", "text"),
    [
        ("8f@%xmm0", "x86_64", _NO_FLOAT),
        ("4f@-8(%rbp)", "x86_64", _NO_FLOAT),
        ("8@%xmm0", "x86_64", _NO_FLOAT),
        ("8@%st(0)", "x86_64", _NO_OPERAND),
        ("8@d0", "aarch64", _NO_FLOAT),
        ("4@v0.s[1]", "aarch64", _NO_OPERAND),
        ("16@%rax", "x86_64", "16 bytes are no integer"),
        ("0@%rax", "x86_64", "0 bytes are no integer"),
        ("4@%foo", "x86_64", "the register foo is not known"),
        ("4@%r16", "x86_64", "the register r16 is not known"),
        ("4@x31", "aarch64", "the register x31 is not known"),
        ("4@name(%rip)", "x86_64", _NO_SYMBOL),
        ("8@$name", "x86_64", _NO_SYMBOL),
        ("4@name+4", "x86_64", _NO_SYMBOL),
        ("4@name@GOTPCREL(%rip)", "x86_64", _NO_SYMBOL),
        ("4@%fs:-4", "x86_64", "variables of threads are not supported"),
        ("4@%fs:name@tpoff", "x86_64", "variables of threads are not supported"),
        ("4@(%ax)", "x86_64", "not an address"),
        ("4@(%rax,%ebx)", "x86_64", "not an address"),
        ("4@[w0]", "aarch64", "not an address"),
        ("4@[x0, #:lo12:name]", "aarch64", "there is no such symbol in the file, or several"),
        ("4@", "x86_64", _NO_OPERAND),
        ("4@()", "x86_64", _NO_OPERAND),
        ("4@(%rax,%rbx,3)", "x86_64", _NO_OPERAND),
        ("4@DWORD PTR [rbp-20]", "x86_64", _NO_OPERAND),
        ("", "x86_64", _NO_OPERAND),
        ("", "aarch64", _NO_OPERAND),
        ("4@r0", "unknown", "its machine's registers are not known"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_words(description: str, machine: str, text: str) -> None:
    with pytest.raises(UnknownOperand) as caught:
        read_operand(description, machine)
    assert str(caught.value) == text


def test_every_register_that_an_assembler_names_is_in_pt_regs() -> None:
    assert {part.register for part in X86.values()} <= OFFSETS["x86_64"].keys()
    assert {part.register for part in AARCH64.values()} - {""} <= OFFSETS["aarch64"].keys()


def test_pt_regs_of_x86_64_is_what_the_kernels_header_says() -> None:
    """arch/x86/include/uapi/asm/ptrace.h."""
    offsets = OFFSETS["x86_64"]
    known = {"r15": 0, "bp": 32, "ax": 80, "di": 112, "orig_rax": 120, "ip": 128, "sp": 152, "ss": 160}
    assert {name: offsets[name] for name in known} == known
    assert (OFFSETS["aarch64"]["r30"], OFFSETS["aarch64"]["sp"], OFFSETS["aarch64"]["pstate"]) == (240, 248, 264)


whole = st.sampled_from([name for name, part in X86.items() if part.size == 8])
numbers = st.integers(-(2**31), 2**31 - 1)
words = st.integers(0, 2**64 - 1)


@given(numbers, whole, whole, st.sampled_from([1, 2, 4, 8]), words, words)
def test_any_memory_operand_of_x86_64_adds_up(
    number: int, base: str, index: str, scale: int, base_value: int, index_value: int
) -> None:
    state = {X86[base].register: base_value}
    state[X86[index].register] = index_value
    expected = (number + state[X86[base].register] + index_value * scale) % 2**64
    assert address_of(f"8@{number}(%{base},%{index},{scale})", "x86_64", state) == expected


pieces = st.sampled_from([*"-48f@$%(),[]#+: ", "rax", "x0", "w1", "lsl", "0x", "name"])
machines = st.sampled_from(["x86_64", "i386", "aarch64"])


@given(st.lists(pieces, max_size=12).map("".join) | st.text(max_size=20), machines)
def test_no_text_raises_anything_but_that_it_is_unknown(text: str, machine: str) -> None:
    try:
        operand = read_operand(text, machine)
    except UnknownOperand:
        return
    assert operand.size in (1, 2, 4, 8)
    assert -(2**63) <= operand.number < 2**63
