"""The notation of every BPF instruction, and what the disassembler does with bytes that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pybpftrace.core.bytecode import INSTRUCTION_SIZE, Instruction, decode
from pybpftrace.core.disassembler import DisassembledInstruction, disassemble

# By class, and in a class by opcode. The numbers are from RFC 9669, sections 3 to 5 and appendix A, and for what Linux
# adds from include/uapi/linux/bpf.h.
EXAMPLES = """
18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11 : r1 = 0x1122334455667788 ll
18 02 00 00 ff ff ff ff 00 00 00 00 ff ff ff ff : r2 = 0xffffffffffffffff ll
18 01 00 00 ff ff ff ff 00 00 00 00 00 00 00 00 : r1 = 0xffffffff ll
18 11 00 00 05 00 00 00 00 00 00 00 00 00 00 00 : r1 = map[fd:5] ll
18 21 00 00 05 00 00 00 00 00 00 00 08 00 00 00 : r1 = map_value[fd:5] + 8 ll
18 31 00 00 7b 00 00 00 00 00 00 00 04 00 00 00 : r1 = btf_id[123, fd:4] ll
18 42 00 00 0c 00 00 00 00 00 00 00 00 00 00 00 : r2 = func[+12] ll
18 51 00 00 02 00 00 00 00 00 00 00 00 00 00 00 : r1 = map[idx:2] ll
18 61 00 00 02 00 00 00 00 00 00 00 10 00 00 00 : r1 = map_value[idx:2] + 16 ll
20 00 00 00 0e 00 00 00 : r0 = *(u32 *)skb[14]
28 00 00 00 0c 00 00 00 : r0 = *(u16 *)skb[12]
30 00 00 00 00 f0 ff ff : r0 = *(u8 *)skb[-4096]
40 10 00 00 00 00 00 00 : r0 = *(u32 *)skb[r1]
48 20 00 00 04 00 00 00 : r0 = *(u16 *)skb[r2 + 4]
50 30 00 00 ff ff ff ff : r0 = *(u8 *)skb[r3 - 1]

61 10 00 00 00 00 00 00 : w0 = *(u32 *)(r1 + 0)
69 21 fe ff 00 00 00 00 : w1 = *(u16 *)(r2 - 2)
71 a3 ff ff 00 00 00 00 : w3 = *(u8 *)(r10 - 1)
79 10 08 00 00 00 00 00 : r0 = *(u64 *)(r1 + 8)
81 21 00 80 00 00 00 00 : r1 = *(s32 *)(r2 - 32768)
89 21 04 00 00 00 00 00 : r1 = *(s16 *)(r2 + 4)
91 21 ff 7f 00 00 00 00 : r1 = *(s8 *)(r2 + 32767)
62 0a fc ff ff ff ff ff : *(u32 *)(r10 - 4) = -1
6a 01 02 00 e8 03 00 00 : *(u16 *)(r1 + 2) = 1000
72 01 00 00 05 00 00 00 : *(u8 *)(r1 + 0) = 5
7a 0a f8 ff 00 00 00 80 : *(u64 *)(r10 - 8) = -2147483648
63 2a fc ff 00 00 00 00 : *(u32 *)(r10 - 4) = w2
6b 2a fe ff 00 00 00 00 : *(u16 *)(r10 - 2) = w2
73 2a ff ff 00 00 00 00 : *(u8 *)(r10 - 1) = w2
7b 2a f8 ff 00 00 00 00 : *(u64 *)(r10 - 8) = r2

c3 21 04 00 00 00 00 00 : lock *(u32 *)(r1 + 4) += w2
c3 21 f8 ff 40 00 00 00 : lock *(u32 *)(r1 - 8) |= w2
c3 21 00 00 50 00 00 00 : lock *(u32 *)(r1 + 0) &= w2
c3 21 00 00 a0 00 00 00 : lock *(u32 *)(r1 + 0) ^= w2
c3 21 00 00 01 00 00 00 : w2 = atomic_fetch_add((u32 *)(r1 + 0), w2)
c3 21 00 00 41 00 00 00 : w2 = atomic_fetch_or((u32 *)(r1 + 0), w2)
c3 21 00 00 51 00 00 00 : w2 = atomic_fetch_and((u32 *)(r1 + 0), w2)
c3 21 fc ff a1 00 00 00 : w2 = atomic_fetch_xor((u32 *)(r1 - 4), w2)
c3 21 00 00 e1 00 00 00 : w2 = xchg32_32(r1 + 0, w2)
c3 21 fc ff f1 00 00 00 : w0 = cmpxchg32_32(r1 - 4, w0, w2)
c3 21 00 00 00 01 00 00 : w1 = load_acquire((u32 *)(r2 + 0))
c3 21 00 00 10 01 00 00 : store_release((u32 *)(r1 + 0), w2)
cb 21 02 00 00 01 00 00 : w1 = load_acquire((u16 *)(r2 + 2))
cb 21 02 00 10 01 00 00 : store_release((u16 *)(r1 + 2), w2)
d3 21 fd ff 00 01 00 00 : w1 = load_acquire((u8 *)(r2 - 3))
d3 21 fd ff 10 01 00 00 : store_release((u8 *)(r1 - 3), w2)
db 21 00 00 00 00 00 00 : lock *(u64 *)(r1 + 0) += r2
db 21 00 00 40 00 00 00 : lock *(u64 *)(r1 + 0) |= r2
db 21 00 00 50 00 00 00 : lock *(u64 *)(r1 + 0) &= r2
db 21 00 00 a0 00 00 00 : lock *(u64 *)(r1 + 0) ^= r2
db 21 00 00 01 00 00 00 : r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
db 21 00 00 41 00 00 00 : r2 = atomic_fetch_or((u64 *)(r1 + 0), r2)
db 21 00 00 51 00 00 00 : r2 = atomic_fetch_and((u64 *)(r1 + 0), r2)
db 21 00 00 a1 00 00 00 : r2 = atomic_fetch_xor((u64 *)(r1 + 0), r2)
db 21 08 00 e1 00 00 00 : r2 = xchg_64(r1 + 8, r2)
db 21 08 00 f1 00 00 00 : r0 = cmpxchg_64(r1 + 8, r0, r2)
db 21 08 00 00 01 00 00 : r1 = load_acquire((u64 *)(r2 + 8))
db 21 08 00 10 01 00 00 : store_release((u64 *)(r1 + 8), r2)

04 01 00 00 05 00 00 00 : w1 += 5
14 01 00 00 05 00 00 00 : w1 -= 5
24 01 00 00 05 00 00 00 : w1 *= 5
34 01 00 00 05 00 00 00 : w1 /= 5
34 01 01 00 fb ff ff ff : w1 s/= -5
44 01 00 00 05 00 00 00 : w1 |= 5
54 01 00 00 f0 ff ff ff : w1 &= -16
64 01 00 00 1f 00 00 00 : w1 <<= 31
74 01 00 00 1f 00 00 00 : w1 >>= 31
84 01 00 00 00 00 00 00 : w1 = -w1
94 01 00 00 05 00 00 00 : w1 %= 5
94 01 01 00 05 00 00 00 : w1 s%= 5
a4 01 00 00 05 00 00 00 : w1 ^= 5
b4 01 00 00 05 00 00 00 : w1 = 5
c4 01 00 00 03 00 00 00 : w1 s>>= 3
d4 01 00 00 10 00 00 00 : r1 = le16 r1
d4 01 00 00 20 00 00 00 : r1 = le32 r1
d4 01 00 00 40 00 00 00 : r1 = le64 r1
0c 21 00 00 00 00 00 00 : w1 += w2
1c 21 00 00 00 00 00 00 : w1 -= w2
2c 21 00 00 00 00 00 00 : w1 *= w2
3c 21 00 00 00 00 00 00 : w1 /= w2
3c 21 01 00 00 00 00 00 : w1 s/= w2
4c 21 00 00 00 00 00 00 : w1 |= w2
5c 21 00 00 00 00 00 00 : w1 &= w2
6c 21 00 00 00 00 00 00 : w1 <<= w2
7c 21 00 00 00 00 00 00 : w1 >>= w2
9c 21 00 00 00 00 00 00 : w1 %= w2
9c 21 01 00 00 00 00 00 : w1 s%= w2
ac 21 00 00 00 00 00 00 : w1 ^= w2
bc 21 00 00 00 00 00 00 : w1 = w2
bc 21 08 00 00 00 00 00 : w1 = (s8)w2
bc 21 10 00 00 00 00 00 : w1 = (s16)w2
cc 21 00 00 00 00 00 00 : w1 s>>= w2
dc 01 00 00 10 00 00 00 : r1 = be16 r1
dc 01 00 00 20 00 00 00 : r1 = be32 r1
dc 01 00 00 40 00 00 00 : r1 = be64 r1

07 01 00 00 fb ff ff ff : r1 += -5
17 01 00 00 05 00 00 00 : r1 -= 5
27 01 00 00 05 00 00 00 : r1 *= 5
37 01 00 00 05 00 00 00 : r1 /= 5
37 01 01 00 05 00 00 00 : r1 s/= 5
47 01 00 00 05 00 00 00 : r1 |= 5
57 01 00 00 05 00 00 00 : r1 &= 5
67 01 00 00 20 00 00 00 : r1 <<= 32
77 01 00 00 20 00 00 00 : r1 >>= 32
87 01 00 00 00 00 00 00 : r1 = -r1
97 01 00 00 05 00 00 00 : r1 %= 5
97 01 01 00 05 00 00 00 : r1 s%= 5
a7 01 00 00 ff ff ff ff : r1 ^= -1
b7 01 00 00 ff ff ff 7f : r1 = 2147483647
c7 01 00 00 03 00 00 00 : r1 s>>= 3
d7 01 00 00 10 00 00 00 : r1 = bswap16 r1
d7 01 00 00 20 00 00 00 : r1 = bswap32 r1
d7 01 00 00 40 00 00 00 : r1 = bswap64 r1
0f 21 00 00 00 00 00 00 : r1 += r2
1f 21 00 00 00 00 00 00 : r1 -= r2
2f 21 00 00 00 00 00 00 : r1 *= r2
3f 21 00 00 00 00 00 00 : r1 /= r2
3f 21 01 00 00 00 00 00 : r1 s/= r2
4f 21 00 00 00 00 00 00 : r1 |= r2
5f 21 00 00 00 00 00 00 : r1 &= r2
6f 21 00 00 00 00 00 00 : r1 <<= r2
7f 21 00 00 00 00 00 00 : r1 >>= r2
9f 21 00 00 00 00 00 00 : r1 %= r2
9f 21 01 00 00 00 00 00 : r1 s%= r2
af 21 00 00 00 00 00 00 : r1 ^= r2
bf 21 00 00 00 00 00 00 : r1 = r2
bf 21 08 00 00 00 00 00 : r1 = (s8)r2
bf 21 10 00 00 00 00 00 : r1 = (s16)r2
bf 21 20 00 00 00 00 00 : r1 = (s32)r2
bf 21 01 00 00 00 01 00 : r1 = addr_space_cast(r2, 1, 0)
bf 21 01 00 01 00 00 00 : r1 = addr_space_cast(r2, 0, 1)
cf 21 00 00 00 00 00 00 : r1 s>>= r2

05 00 01 00 00 00 00 00 : goto +1
05 00 ff ff 00 00 00 00 : goto -1
15 01 03 00 05 00 00 00 : if r1 == 5 goto +3
25 01 03 00 ff ff ff ff : if r1 > -1 goto +3
35 01 03 00 05 00 00 00 : if r1 >= 5 goto +3
45 01 fe ff 02 00 00 00 : if r1 & 2 goto -2
55 01 00 00 05 00 00 00 : if r1 != 5 goto +0
65 01 03 00 05 00 00 00 : if r1 s> 5 goto +3
75 01 03 00 05 00 00 00 : if r1 s>= 5 goto +3
85 00 00 00 01 00 00 00 : call bpf_map_lookup_elem
85 00 00 00 e7 03 00 00 : call 999
85 00 00 00 ff ff ff ff : call 4294967295
85 10 00 00 0c 00 00 00 : call +12
85 10 00 00 ff ff ff ff : call -1
85 20 00 00 7b 00 00 00 : call kfunc 123
85 20 01 00 7b 00 00 00 : call kfunc 123 of btf[idx:1]
95 00 00 00 00 00 00 00 : exit
a5 01 03 00 05 00 00 00 : if r1 < 5 goto +3
b5 01 03 00 05 00 00 00 : if r1 <= 5 goto +3
c5 01 03 00 05 00 00 00 : if r1 s< 5 goto +3
d5 01 00 80 05 00 00 00 : if r1 s<= 5 goto -32768
e5 00 03 00 00 00 00 00 : may_goto +3
0d 01 00 00 00 00 00 00 : gotox r1
1d 21 03 00 00 00 00 00 : if r1 == r2 goto +3
2d 21 03 00 00 00 00 00 : if r1 > r2 goto +3
3d 21 03 00 00 00 00 00 : if r1 >= r2 goto +3
4d 21 03 00 00 00 00 00 : if r1 & r2 goto +3
5d 21 03 00 00 00 00 00 : if r1 != r2 goto +3
6d 21 03 00 00 00 00 00 : if r1 s> r2 goto +3
7d 21 03 00 00 00 00 00 : if r1 s>= r2 goto +3
8d 02 00 00 00 00 00 00 : callx r2
ad 21 03 00 00 00 00 00 : if r1 < r2 goto +3
bd 21 03 00 00 00 00 00 : if r1 <= r2 goto +3
cd 21 03 00 00 00 00 00 : if r1 s< r2 goto +3
dd 21 03 00 00 00 00 00 : if r1 s<= r2 goto +3

06 00 00 00 70 11 01 00 : gotol +70000
16 01 03 00 05 00 00 00 : if w1 == 5 goto +3
26 01 03 00 05 00 00 00 : if w1 > 5 goto +3
36 01 03 00 05 00 00 00 : if w1 >= 5 goto +3
46 01 03 00 05 00 00 00 : if w1 & 5 goto +3
56 01 03 00 05 00 00 00 : if w1 != 5 goto +3
66 01 03 00 05 00 00 00 : if w1 s> 5 goto +3
76 01 03 00 05 00 00 00 : if w1 s>= 5 goto +3
a6 01 03 00 05 00 00 00 : if w1 < 5 goto +3
b6 01 03 00 05 00 00 00 : if w1 <= 5 goto +3
c6 01 03 00 05 00 00 00 : if w1 s< 5 goto +3
d6 01 03 00 ff ff ff ff : if w1 s<= -1 goto +3
1e 21 03 00 00 00 00 00 : if w1 == w2 goto +3
2e 21 03 00 00 00 00 00 : if w1 > w2 goto +3
3e 21 03 00 00 00 00 00 : if w1 >= w2 goto +3
4e 21 fe ff 00 00 00 00 : if w1 & w2 goto -2
5e 21 03 00 00 00 00 00 : if w1 != w2 goto +3
6e 21 03 00 00 00 00 00 : if w1 s> w2 goto +3
7e 21 03 00 00 00 00 00 : if w1 s>= w2 goto +3
ae 21 03 00 00 00 00 00 : if w1 < w2 goto +3
be 21 03 00 00 00 00 00 : if w1 <= w2 goto +3
ce 21 03 00 00 00 00 00 : if w1 s< w2 goto +3
de 21 03 00 00 00 00 00 : if w1 s<= w2 goto +3
"""
ROWS = [tuple(line.split(" : ")) for line in EXAMPLES.splitlines() if line]

NO_INSTRUCTIONS = {
    "an opcode that does not exist": ("ff 00 00 00 00 00 00 00", "<unknown opcode 0xff>"),
    "a class 0 opcode of another size": ("00 00 00 00 00 00 00 00", "<unknown opcode 0x00>"),
    "a register where there is none": ("b7 21 00 00 05 00 00 00", "<malformed opcode 0xb7>"),
    "an offset in an addition": ("07 01 01 00 05 00 00 00", "<malformed opcode 0x07>"),
    "a number beside a register": ("0f 21 00 00 05 00 00 00", "<malformed opcode 0x0f>"),
    "an offset of 2 in a division": ("37 01 02 00 05 00 00 00", "<malformed opcode 0x37>"),
    "a sign extension from 32 to 32 bits": ("bc 21 20 00 00 00 00 00", "<malformed opcode 0xbc>"),
    "a byte swap of 24 bits": ("d7 01 00 00 18 00 00 00", "<malformed opcode 0xd7>"),
    "an atomic operation that does not exist": ("db 21 00 00 10 00 00 00", "<malformed opcode 0xdb>"),
    "an atomic addition of one byte": ("d3 21 00 00 00 00 00 00", "<malformed opcode 0xd3>"),
    "a call of another kind": ("85 30 00 00 01 00 00 00", "<malformed opcode 0x85>"),
    "another conditional pseudo jump": ("e5 10 01 00 00 00 00 00", "<malformed opcode 0xe5>"),
}


def code(text: str) -> bytes:
    return bytes.fromhex(text)


def texts(insns: bytes, **options: dict[int, str]) -> list[str]:
    return [instruction.text for instruction in disassemble(insns, **options)]


@pytest.mark.parametrize(("raw", "text"), ROWS, ids=[text for _, text in ROWS])
def test_each_instruction_has_its_notation(raw: str, text: str) -> None:
    assert disassemble(code(raw)) == [DisassembledInstruction(0, raw, text)]


def test_every_known_opcode_has_an_example_above() -> None:
    known = {opcode for opcode in range(256) if not texts(bytes([opcode, *[0] * 7]))[0].startswith("<unknown")}
    assert known == {code(raw)[0] for raw, _ in ROWS}


@pytest.mark.parametrize(("raw", "text"), NO_INSTRUCTIONS.values(), ids=NO_INSTRUCTIONS.keys())
def test_what_is_no_instruction_is_said_to_be_none(raw: str, text: str) -> None:
    assert disassemble(code(raw)) == [DisassembledInstruction(0, raw, text)]


def test_a_64_bit_constant_takes_two_slots() -> None:
    constant = "18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00"
    leave = "95 00 00 00 00 00 00 00"
    assert disassemble(code(f"{leave} {constant} {leave}")) == [
        DisassembledInstruction(0, leave, "exit"),
        DisassembledInstruction(1, constant, "r1 = 0x5 ll"),
        DisassembledInstruction(3, leave, "exit"),
    ]


@pytest.mark.parametrize("second", ["", "95 00 00 00 00 00 00 00"])
def test_a_64_bit_constant_without_its_second_slot_hides_nothing_behind_it(second: str) -> None:
    assert texts(code("18 01 00 00 05 00 00 00" + second)) == ["<malformed opcode 0x18>", *["exit"] * bool(second)]


def test_a_relocated_constant_shows_what_the_loader_puts_there() -> None:
    constant = "18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
    value = "18 02 00 00 00 00 00 00 00 00 00 00 08 00 00 00"
    relocations = {0: "map[@x]", 2: "map_value[globals]"}
    assert texts(code(constant + value), relocations=relocations) == [
        "r1 = map[@x] ll",
        "r2 = map_value[globals] + 8 ll",
    ]


def test_helpers_have_the_names_that_the_caller_gives() -> None:
    assert texts(code("85 00 00 00 01 00 00 00"), helper_names={1: "find"}) == ["call bpf_find"]
    assert texts(code("85 00 00 00 01 00 00 00"), helper_names={}) == ["call 1"]


def test_fields_are_decoded_with_their_signs() -> None:
    assert decode(code("bf 21 fe ff fb ff ff ff")) == [Instruction(opcode=0xBF, dst=1, src=2, offset=-2, imm=-5)]


def test_a_64_bit_constant_decodes_to_one_instruction_for_each_slot() -> None:
    assert decode(code("18 31 00 00 05 00 00 00 00 00 00 00 06 00 00 00")) == [
        Instruction(0x18, 1, 3, 0, 5),
        Instruction(0, 0, 0, 0, 6),
    ]


@pytest.mark.parametrize("read", [decode, disassemble])
@pytest.mark.parametrize("size", [1, 7, 9, 15])
def test_bytes_that_are_no_whole_slots_are_refused(read: object, size: int) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=f"{size} bytes"):
        read(bytes(size))


def test_no_bytes_are_no_instructions() -> None:
    assert decode(b"") == []
    assert disassemble(b"") == []


SLOTS = st.builds(
    struct.Struct("<BBhi").pack,
    st.sampled_from([code(raw)[0] for raw, _ in ROWS]) | st.integers(0, 255),
    st.integers(0, 255),
    st.sampled_from([0, 1, 8, 16, 32]) | st.integers(-(2**15), 2**15 - 1),
    st.sampled_from([0, 1, 16, 32, 64, 0xE1, 0x100]) | st.integers(-(2**31), 2**31 - 1),
)


@given(st.lists(SLOTS | st.binary(min_size=8, max_size=8)).map(b"".join))
@example(b"\x18" * 16)
def test_arbitrary_bytes_become_text_that_accounts_for_every_byte(insns: bytes) -> None:
    result = disassemble(insns)
    assert b"".join(code(instruction.raw) for instruction in result) == insns
    at = 0
    for instruction in result:
        assert instruction.index == at
        assert instruction.text.isprintable()
        at += len(code(instruction.raw)) // INSTRUCTION_SIZE


@given(st.sampled_from([code(raw) for raw, _ in ROWS]), st.data())
def test_no_bit_of_an_instruction_goes_unseen(insns: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, len(insns) * 8 - 1))
    flipped = bytearray(insns)
    flipped[bit // 8] ^= 1 << bit % 8
    assert texts(bytes(flipped)) != texts(insns)


def test_functions_that_are_named_are_shown_by_name_where_they_are_loaded_and_called() -> None:
    load = "18 41 00 00 03 00 00 00 00 00 00 00 00 00 00 00"
    call, away = "85 10 00 00 01 00 00 00", "85 10 00 00 07 00 00 00"
    leave = "95 00 00 00 00 00 00 00"
    assert texts(code(f"{load} {call} {away} {leave}"), functions={4: "each_key"}) == [
        "r1 = func[each_key] ll",
        "call each_key",
        "call +7",
        "exit",
    ]
