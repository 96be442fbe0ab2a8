"""Unwind tables from .eh_frame: each instruction and encoding by hand, whole binaries against readelf, and damage."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybpftrace.core.binary import eh_frame
from pybpftrace.core.binary.eh_frame import FrameSection, section_table, unwind_table
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.binary.unwind_rows import ROW, CfaRule, FrameRule

from .eh_frame_sections import (
    AT,
    BEGIN,
    CODE,
    END,
    LEAF,
    UNKNOWN,
    Frames,
    Rules,
    block,
    elf_image,
    entry,
    one_function,
    rows,
    sleb,
    uleb,
)

SAVED_RBP = bytes((0x80 | 6, 2))  # at CFA-16
PLT = bytes((0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22))


def stack(offset: int, frame: FrameRule = FrameRule.SAME, frame_offset: int = 0) -> Rules:
    return CfaRule.STACK, offset, frame, frame_offset


def breg(register: int, offset: int, *rest: int) -> bytes:
    return bytes((0x70 + register,)) + sleb(offset) + bytes(rest)


def test_a_row_is_16_bytes_and_says_where_rules_begin() -> None:
    table = section_table(Frames().cie().fde(CODE, 4, b"\x41\x0e\x10\x86\x02").section(), "made")
    assert table == bytes.fromhex(
        "0010000000000000 08000000 0000 01 00"
        "0110000000000000 10000000 f0ff 01 01"
        "0410000000000000 00000000 0000 00 00"
    )


def test_a_function_with_a_frame_pointer_goes_from_rsp_to_rbp_and_back() -> None:
    push_rbp, mov, leave = b"\x41\x0e\x10\x86\x02", b"\x43\x0d\x06", b"\x42\x0c\x07\x08"
    assert one_function(push_rbp + mov + leave) == [
        (0, LEAF),
        (1, stack(16, FrameRule.SAVED, -16)),
        (4, (CfaRule.FRAME, 16, FrameRule.SAVED, -16)),
        (6, stack(8, FrameRule.SAVED, -16)),
    ]


@pytest.mark.parametrize(
    ("advance", "distance"),
    [
        (b"\x41", 1),
        (b"\x7f", 63),
        (b"\x02\xff", 255),
        (b"\x03\x00\x01", 256),
        (b"\x04\x00\x00\x01\x00", 0x10000),
        (b"\x1d" + struct.pack("<Q", 0x10000), 0x10000),
        (b"\x41\x42", 3),
    ],
    ids=["advance_loc", "63", "advance_loc1", "advance_loc2", "advance_loc4", "advance_loc8", "two"],
)
def test_locations_advance_by_each_instruction_for_it(advance: bytes, distance: int) -> None:
    assert one_function(advance + b"\x0e\x10", size=0x20000) == [(0, LEAF), (distance, stack(16))]


def test_distances_and_offsets_are_multiplied_by_the_factors_of_the_cie() -> None:
    begin = bytes((0x0C, 7, 8, 0x80 | 16, 2))
    assert one_function(b"\x42\x0e\x10\x86\x03", instructions=begin, factors=(4, -4)) == [
        (0, LEAF),
        (8, stack(16, FrameRule.SAVED, -12)),
    ]


def test_set_loc_names_the_address_in_the_encoding_of_the_cie() -> None:
    frames = Frames().cie(augmentation_data=b"\x04")
    frames.raw_fde(struct.pack("<QQ", CODE, 0x100), b"\x01" + struct.pack("<Q", CODE + 5) + b"\x0e\x10")
    assert frames.table() == [(CODE, LEAF), (CODE + 5, stack(16)), (CODE + 0x100, UNKNOWN)]


def test_set_loc_does_not_go_back() -> None:
    frames = Frames().cie(augmentation_data=b"\x04")
    frames.raw_fde(struct.pack("<QQ", CODE, 0x100), b"\x0e\x10\x44\x01" + struct.pack("<Q", CODE + 3) + b"\x0e\x20")
    assert frames.table() == [(CODE, UNKNOWN)]


@pytest.mark.parametrize(
    ("instructions", "rules"),
    [
        (b"\x0e\x7f", stack(127)),
        (b"\x0e" + uleb(128), stack(128)),
        (b"\x0e" + uleb(1 << 30), stack(1 << 30)),
        (b"\x0c\x06\x10", (CfaRule.FRAME, 16, FrameRule.SAME, 0)),
        (b"\x0d\x06", (CfaRule.FRAME, 8, FrameRule.SAME, 0)),
        (b"\x12\x07" + sleb(-3), stack(24)),
        (b"\x12\x06" + sleb(2), (CfaRule.FRAME, -16, FrameRule.SAME, 0)),
        (b"\x13" + sleb(-4), stack(32)),
        (b"\x0c\x0a\x00", UNKNOWN),
        (b"\x0d\x03", UNKNOWN),
        (b"\x0d\x0a\x0e\x18\x0d\x07", stack(24)),
    ],
    ids=[
        "def_cfa_offset",
        "two bytes",
        "many bytes",
        "def_cfa",
        "def_cfa_register",
        "def_cfa_sf",
        "def_cfa_sf rbp",
        "def_cfa_offset_sf",
        "r10",
        "rbx",
        "r10 and back to rsp",
    ],
)
def test_the_cfa_is_a_register_and_an_offset(instructions: bytes, rules: Rules) -> None:
    assert one_function(instructions) == [(0, rules)]


@pytest.mark.parametrize(
    ("instructions", "rule", "offset"),
    [
        (b"\x86\x02", FrameRule.SAVED, -16),
        (b"\x86" + uleb(200), FrameRule.SAVED, -1600),
        (b"\x86" + uleb(4096), FrameRule.SAVED, -32768),
        (b"\x86" + uleb(4097), FrameRule.UNKNOWN, 0),
        (b"\x05\x06\x03", FrameRule.SAVED, -24),
        (b"\x11\x06" + sleb(-2), FrameRule.SAVED, 16),
        (b"\x2f\x06\x01", FrameRule.SAVED, 8),
        (b"\x07\x06", FrameRule.UNKNOWN, 0),
        (b"\x09\x06\x03", FrameRule.UNKNOWN, 0),
        (b"\x14\x06\x02", FrameRule.UNKNOWN, 0),
        (b"\x15\x06\x02", FrameRule.UNKNOWN, 0),
        (b"\x16\x06" + block(breg(7, 0)), FrameRule.UNKNOWN, 0),
        (b"\x86\x02\x08\x06", FrameRule.SAME, 0),
        (b"\x86\x02\xc6", FrameRule.SAME, 0),
        (b"\x86\x02\x06\x06", FrameRule.SAME, 0),
        (b"\x10\x06" + block(breg(6, 0)), FrameRule.AT_FRAME, 0),
        (b"\x10\x06" + block(breg(6, -200)), FrameRule.AT_FRAME, -200),
        (b"\x10\x06" + block(breg(6, 40000)), FrameRule.UNKNOWN, 0),
        (b"\x10\x06" + block(breg(7, 16)), FrameRule.UNKNOWN, 0),
        (b"\x10\x06" + block(breg(6, 0, 0x06)), FrameRule.UNKNOWN, 0),
        (b"\x10\x06" + block(b""), FrameRule.UNKNOWN, 0),
        (b"\x10\x06" + block(b"\x76\x80"), FrameRule.UNKNOWN, 0),
        (b"\x83\x05\x8f\x09\xc3\x05\x0c\x04\x07\x03\x2e\x20\x00", FrameRule.SAME, 0),
    ],
)
def test_the_frame_pointer_of_the_caller_is_found_by_each_rule_for_register_6(
    instructions: bytes, rule: FrameRule, offset: int
) -> None:
    assert one_function(instructions) == [(0, (CfaRule.STACK, 8, rule, offset))]


def test_restore_gives_the_rule_of_the_cie_back() -> None:
    begin = BEGIN + b"\x86\x05"
    saved = FrameRule.SAVED
    for restore in (b"\xc6", b"\x06\x06"):
        assert one_function(b"\x86\x02\x41" + restore, instructions=begin) == [
            (0, stack(8, saved, -16)),
            (1, stack(8, saved, -40)),
        ]


def test_restore_within_a_cie_takes_its_own_rule_away() -> None:
    begin = BEGIN + b"\x0c\x06\x10\x86\x02\x83\x03\x0c\x07\x08\xc6\xc3"
    assert one_function(b"", instructions=begin) == [(0, LEAF)]


def test_a_remembered_state_comes_back_whole_and_nests() -> None:
    remember, restore = b"\x0a", b"\x0b"
    inner = b"\x0e\x20\x41" + remember + b"\x0d\x06\x86\x03\x41" + restore + b"\x41"
    assert one_function(b"\x0e\x10\x86\x02" + remember + b"\x41" + inner + restore + b"\x41\x0e\x30") == [
        (0, stack(16, FrameRule.SAVED, -16)),
        (1, stack(32, FrameRule.SAVED, -16)),
        (2, (CfaRule.FRAME, 32, FrameRule.SAVED, -24)),
        (3, stack(32, FrameRule.SAVED, -16)),
        (4, stack(16, FrameRule.SAVED, -16)),
        (5, stack(48, FrameRule.SAVED, -16)),
    ]


@pytest.mark.parametrize(
    ("instructions", "rules"),
    [
        (b"\x07\x10", END),
        (b"\x07\x10\x06\x10", LEAF),
        (b"\x07\x10\xd0", LEAF),
        (b"\x07\x10\x90\x01", LEAF),
        (b"\x07\x10\x05\x10\x01", LEAF),
        (b"\x07\x10\x11\x10\x01", LEAF),
        (b"\x90\x02", UNKNOWN),
        (b"\x05\x10\x02", UNKNOWN),
        (b"\x08\x10", UNKNOWN),
        (b"\x09\x10\x03", UNKNOWN),
        (b"\x10\x10" + block(breg(7, 8)), UNKNOWN),
        (b"\x16\x10" + block(breg(7, 8)), UNKNOWN),
        (b"\x14\x10\x01", UNKNOWN),
        (b"\x0d\x0a\x07\x10", END),
    ],
)
def test_only_a_return_address_right_below_the_cfa_is_followed_and_an_undefined_one_is_the_end(
    instructions: bytes, rules: Rules
) -> None:
    assert one_function(instructions) == [(0, rules)]


def test_without_a_rule_for_the_return_address_nothing_is_known() -> None:
    assert one_function(b"", instructions=b"\x0c\x07\x08") == [(0, UNKNOWN)]


@pytest.mark.parametrize(
    ("instructions", "rules"),
    [
        (b"\x14\x07\x00", LEAF),
        (b"\x15\x07\x00", LEAF),
        (b"\x14\x07\x01", UNKNOWN),
        (b"\x87\x02", UNKNOWN),
        (b"\x08\x07", UNKNOWN),
        (b"\x87\x02\xc7", LEAF),
        (b"\x87\x02\x06\x07", LEAF),
        (b"\x10\x07" + block(breg(7, 16)), UNKNOWN),
    ],
)
def test_a_stack_pointer_that_is_not_the_cfa_is_not_followed(instructions: bytes, rules: Rules) -> None:
    assert one_function(instructions) == [(0, rules)]


@pytest.mark.parametrize(
    ("expression", "rules"),
    [
        (PLT, (CfaRule.PLT, 8, FrameRule.SAME, 0)),
        (PLT[:6] + b"\x39" + PLT[7:], UNKNOWN),  # lit9: another linkage table's
        (breg(6, -8, 0x06), (CfaRule.AT_FRAME, -8, FrameRule.SAME, 0)),
        (breg(6, -80, 0x06), (CfaRule.AT_FRAME, -80, FrameRule.SAME, 0)),
        (breg(7, 152, 0x06, 0x23, 8), (CfaRule.AT_STACK, 152, FrameRule.SAME, 0)),
        (breg(7, 152, 0x06, 0x23, 16), UNKNOWN),
        (breg(6, -8, 0x06, 0x23, 8), UNKNOWN),
        (breg(7, 160, 0x06), UNKNOWN),
        (breg(6, -8), UNKNOWN),
        (breg(3, 0, 0x06), UNKNOWN),
        (b"", UNKNOWN),
        (b"\x76", UNKNOWN),
        (b"\x76" + b"\x80" * 20, UNKNOWN),
    ],
)
def test_the_expressions_that_linkers_compilers_and_assembly_use_for_the_cfa_are_recognised(
    expression: bytes, rules: Rules
) -> None:
    assert one_function(b"\x0f" + block(expression)) == [(0, rules)]


def test_a_function_that_realigns_its_stack_is_followed_but_for_its_first_instructions() -> None:
    # lea 8(%rsp),%r10; and $-32,%rsp; push -8(%r10); push %rbp; mov %rsp,%rbp; push %r10; ...; pop %r10; pop %rbp; ..
    realigned = b"\x10\x06" + block(breg(6, 0)) + b"\x43\x0f" + block(breg(6, -8, 0x06))
    assert one_function(b"\x45\x0c\x0a\x00\x49" + realigned + b"\x60\x0c\x0a\x00\x45\x0c\x07\x08\xc6") == [
        (0, LEAF),
        (5, UNKNOWN),
        (17, (CfaRule.AT_FRAME, -8, FrameRule.AT_FRAME, 0)),
        (49, UNKNOWN),
        (54, LEAF),
    ]


def trampoline(at: int, **other: int) -> bytes:
    places = {"cfa": at, "rbp": at - 40, "rsp": at, "rip": at + 8, "rax": at - 16, **other}
    saved = ((6, "rbp"), (7, "rsp"), (16, "rip"), (0, "rax"))
    registers = (b"\x10" + bytes((number,)) + block(breg(7, places[name])) for number, name in saved)
    return b"\x0f" + block(breg(7, places["cfa"], 0x06)) + b"".join(registers)


@pytest.mark.parametrize("at", [160, 0, 1000, -8])
def test_a_signal_trampoline_has_all_registers_in_the_context_on_the_stack(at: int) -> None:
    assert one_function(trampoline(at), augmentation=b"zRS") == [(0, (CfaRule.SIGNAL, at, FrameRule.SAME, 0))]


@pytest.mark.parametrize("register", ["cfa", "rbp", "rsp", "rip"])
def test_a_trampoline_with_a_register_elsewhere_is_unknown(register: str) -> None:
    assert one_function(trampoline(160, **{register: 48})) == [(0, UNKNOWN)]


ENCODINGS = [
    (0x00, "<QQ", 0),
    (0x01, "uu", 0),
    (0x02, "<HH", 0),
    (0x03, "<II", 0),
    (0x04, "<QQ", 0),
    (0x09, "ss", 0),
    (0x0A, "<hh", 0),
    (0x0B, "<ii", 0),
    (0x0C, "<qq", 0),
    (0x10, "<QQ", "pc"),
    (0x11, "uu", "pc of code before"),
    (0x19, "ss", "pc"),
    (0x1A, "<hh", "pc near"),
    (0x1B, "<ii", "pc"),
    (0x1C, "<qq", "pc"),
    (0x30, "<QQ", 0x800),
    (0x3B, "<ii", 0x800),
    (0x3C, "<qq", 0x800),
]


@pytest.mark.parametrize(("encoding", "form", "base"), ENCODINGS, ids=lambda value: str(value))
def test_addresses_are_read_in_every_encoding(encoding: int, form: str, base: int | str) -> None:
    code = CODE
    if isinstance(base, str):
        code = {"pc": CODE, "pc of code before": AT + 0x1000, "pc near": AT + 0x400}[base]
    frames = Frames().cie(augmentation_data=bytes((encoding,)))
    place = AT + len(frames.data) + 8
    value = code - (place if isinstance(base, str) else base)
    if form == "uu":
        span = uleb(value) + uleb(0x20)
    elif form == "ss":
        span = sleb(value) + sleb(0x20)
    else:
        span = struct.pack(form, value % (1 << 64) if form == "<QQ" else value, 0x20)
    frames.raw_fde(span, b"\x44\x0e\x10")
    assert frames.table(data_base=0x800) == [(code, LEAF), (code + 4, stack(16)), (code + 0x20, UNKNOWN)]


@pytest.mark.parametrize("before", range(4))
def test_an_aligned_address_begins_at_a_multiple_of_8(before: int) -> None:
    frames = Frames()
    frames.data += entry(bytes(4) + bytes(1 + before))  # a CIE of version 0, which is nobody's
    frames.cie(augmentation_data=b"\x50")
    gap = -(AT + len(frames.data) + 8) % 8
    frames.raw_fde(bytes(gap) + struct.pack("<QQ", CODE, 0x20), b"\x44\x0e\x10")
    assert frames.table() == [(CODE, LEAF), (CODE + 4, stack(16)), (CODE + 0x20, UNKNOWN)]


@pytest.mark.parametrize(
    ("encoding", "base"),
    [(0x2B, None), (0x4B, None), (0x6B, None), (0x3B, None), (0x9B, 0), (0x05, 0), (0x0F, 0), (0xFF, 0)],
    ids=["text", "function", "reserved", "data without base", "indirect", "unknown", "unknown 15", "omitted"],
)
def test_a_function_whose_address_only_a_running_program_knows_is_left_out(encoding: int, base: int | None) -> None:
    frames = Frames().cie(augmentation_data=bytes((encoding,))).raw_fde(struct.pack("<ii", CODE, 0x20))
    frames.cie().fde(CODE + 0x100, 0x10)
    assert frames.table(base) == [(CODE + 0x100, LEAF), (CODE + 0x110, UNKNOWN)]


@pytest.mark.parametrize(
    ("augmentation", "data", "extra"),
    [
        (b"z", None, b"\0"),
        (b"zR", b"\x1b", b"\0"),
        (b"zRS", b"\x1b", b"\0"),
        (b"zSR", b"\x1b", b"\0"),
        (b"zLR", b"\x1b\x1b", b"\x04abcd"),
        (b"zPLR", b"\x9babcd\x1b\x1b", b"\x04abcd"),
        (b"zPLRS", b"\x03abcd\x1b\x1b", b"\x04abcd"),
        (b"zPLR", b"\x00abcdefgh\x1b\x1b", b"\x04abcd"),
        (b"zPLR", b"\x9cabcdefgh\xff\x1b", b"\0"),
        (b"zPR", b"\xff\x1b", b"\0"),
        (b"zPR", b"\x01\x80\x80\x01\x1b", b"\0"),
        (b"zRP", b"\x1b\x9babcd", b"\0"),
    ],
)
def test_augmentations_are_understood(augmentation: bytes, data: bytes | None, extra: bytes) -> None:
    frames = Frames().cie(augmentation=augmentation, augmentation_data=data or b"")
    place = AT + len(frames.data) + 8
    span = struct.pack("<QQ", CODE, 0x20) if data is None else struct.pack("<iI", CODE - place, 0x20)
    frames.raw_fde(span, b"\x44\x0e\x10", extra=extra)
    assert frames.table() == [(CODE, LEAF), (CODE + 4, stack(16)), (CODE + 0x20, UNKNOWN)]


def test_an_aligned_personality_takes_its_padding() -> None:
    gap = -(AT + 4 + 4 + 1 + 4 + 3 + 1 + 1) % 8  # id, version, "zPR", factors and register, size, encoding
    frames = Frames().cie(augmentation=b"zPR", augmentation_data=b"\x50" + bytes(gap) + b"abcdefgh\x1b")
    assert frames.fde(CODE, 0x20).table() == [(CODE, LEAF), (CODE + 0x20, UNKNOWN)]


def test_without_augmentation_addresses_are_absolute() -> None:
    frames = Frames().cie(augmentation=b"").raw_fde(struct.pack("<QQ", CODE, 0x20), b"\x44\x0e\x10", extra=b"")
    assert frames.table() == [(CODE, LEAF), (CODE + 4, stack(16)), (CODE + 0x20, UNKNOWN)]


@pytest.mark.parametrize(
    "keywords",
    [
        {"augmentation": b"eh"},
        {"augmentation": b"zX"},
        {"augmentation": b"zRB"},
        {"version": 4},
        {"version": 0},
        {"returned": b"\x05"},
        {"augmentation_data": b""},
        {"instructions": BEGIN + b"\x3f"},
        {"instructions": BEGIN + b"\x0b"},
    ],
    ids=str,
)
def test_functions_of_a_cie_that_is_not_understood_are_left_out(keywords: dict[str, object]) -> None:
    frames = Frames().cie().fde(CODE, 0x20).cie(**keywords).fde(CODE + 0x20, 0x20)
    assert frames.cie().fde(CODE + 0x40, 0x20).table() == [
        (CODE, LEAF),
        (CODE + 0x20, UNKNOWN),
        (CODE + 0x40, LEAF),
        (CODE + 0x60, UNKNOWN),
    ]


def test_version_3_has_the_return_register_as_leb128() -> None:
    assert one_function(b"\x44\x0e\x10", version=3, returned=b"\x90\x00") == [(0, LEAF), (4, stack(16))]


def test_functions_have_the_rules_of_their_own_cie() -> None:
    frames = Frames().cie().fde(CODE, 0x20).cie(instructions=BEGIN + b"\x0e\x18").fde(CODE + 0x20, 0x20)
    frames.last_cie = 0
    frames.fde(CODE + 0x40, 0x20)
    assert frames.table() == [
        (CODE, LEAF),
        (CODE + 0x20, stack(24)),
        (CODE + 0x40, LEAF),
        (CODE + 0x60, UNKNOWN),
    ]


@pytest.mark.parametrize(("wide_cie", "wide_fde"), [(True, True), (False, True), (True, False)])
def test_lengths_of_8_bytes_are_read(wide_cie: bool, wide_fde: bool) -> None:
    frames = Frames().cie(wide=wide_cie).fde(CODE, 0x20, b"\x44\x0e\x10", wide=wide_fde)
    assert frames.table() == [(CODE, LEAF), (CODE + 4, stack(16)), (CODE + 0x20, UNKNOWN)]


def test_a_terminator_between_input_files_does_not_hide_what_follows() -> None:
    frames = Frames().cie().fde(CODE, 0x20).terminator().cie().fde(CODE + 0x40, 0x20).terminator()
    assert [address for address, _ in frames.table()] == [CODE, CODE + 0x20, CODE + 0x40, CODE + 0x60]


def test_a_section_without_functions_gives_no_rows() -> None:
    assert Frames().table() == Frames().terminator().table() == Frames().cie().terminator().table() == []


def test_functions_come_out_in_the_order_of_their_addresses() -> None:
    frames = Frames().cie().fde(CODE + 0x40, 0x20, b"\x0e\x40").fde(CODE, 0x20, b"\x0e\x10")
    assert frames.fde(CODE + 0x20, 0x20, b"\x0e\x20").table() == [
        (CODE, stack(16)),
        (CODE + 0x20, stack(32)),
        (CODE + 0x40, stack(64)),
        (CODE + 0x60, UNKNOWN),
    ]


def test_equal_neighbours_are_one_row_within_functions_and_across_them() -> None:
    frames = Frames().cie().fde(CODE, 0x20, b"\x44\x0e\x08\x83\x02\x44\x8c\x03").fde(CODE + 0x20, 0x20)
    assert frames.table() == [(CODE, LEAF), (CODE + 0x40, UNKNOWN)]


def test_what_lies_between_functions_is_unknown_unless_it_is_padding() -> None:
    frames = Frames().cie().fde(CODE, 0x13).fde(CODE + 0x20, 0x11, b"\x0e\x10").fde(CODE + 0x41, 0x0F)
    assert frames.table() == [
        (CODE, LEAF),
        (CODE + 0x20, stack(16)),
        (CODE + 0x31, UNKNOWN),
        (CODE + 0x41, LEAF),
        (CODE + 0x50, UNKNOWN),
    ]


def test_functions_without_bytes_have_no_rows() -> None:
    frames = Frames().cie().fde(CODE, 0x20).fde(CODE, 0).fde(CODE + 0x10, 0, b"\x0e\x10")
    assert frames.table() == [(CODE, LEAF), (CODE + 0x20, UNKNOWN)]


def test_of_functions_that_overlap_the_later_one_holds_and_what_it_leaves_is_unknown() -> None:
    frames = Frames().cie().fde(CODE, 0x100, b"\x0e\x10\x7f\x0e\x18").fde(CODE + 0x20, 0x10, b"\x0e\x20")
    assert frames.table() == [(CODE, stack(16)), (CODE + 0x20, stack(32)), (CODE + 0x30, UNKNOWN)]


def test_rows_beyond_the_end_of_a_function_are_left_out() -> None:
    frames = Frames().cie().fde(CODE, 0x20, b"\x60\x0e\x10\x44\x0e\x18")
    assert frames.table() == [(CODE, LEAF), (CODE + 0x20, UNKNOWN)]


@pytest.mark.parametrize(
    "instructions",
    [
        b"\x3f",  # no instruction
        b"\x2d",  # of other machines
        b"\x0b",  # nothing remembered
        b"\x0a" * 65,  # more than anybody nests
        b"\x0e",  # no operand
        b"\x0e\x80",
        b"\x86" + b"\x80" * 11 + b"\1",
        b"\x03\1",
        b"\x0f\x7f\x76",
        b"\x0e" + uleb(1 << 31),
        b"\x12\x07" + sleb(1 << 40),
    ],
)
def test_a_function_with_damaged_instructions_is_unknown_and_the_others_are_not(instructions: bytes) -> None:
    frames = Frames().cie().fde(CODE, 0x20).fde(CODE + 0x20, 0x20, b"\x0e\x10\x44\x0e\x18\x44" + instructions)
    assert frames.fde(CODE + 0x40, 0x20).table() == [
        (CODE, LEAF),
        (CODE + 0x20, UNKNOWN),
        (CODE + 0x40, LEAF),
        (CODE + 0x60, UNKNOWN),
    ]


def test_a_function_of_no_cie_is_left_out() -> None:
    frames = Frames().cie()
    frames.last_cie = 4
    assert frames.fde(CODE, 0x20).table() == []


@pytest.mark.parametrize(
    ("data", "at", "size"),
    [(b"\x05\0\0\0abcd", 0, 8), (b"\x03\0\0\0abc", 0, 7), (b"\xff\xff\xff\xff\x01", 0, 5)],
    ids=["beyond the section", "too short for an id", "length cut off"],
)
def test_an_entry_without_its_end_is_an_error(data: bytes, at: int, size: int) -> None:
    frames = Frames().cie().fde(CODE, 0x20)
    at, size = at + len(frames.data), size + len(frames.data)
    with pytest.raises(ElfError) as raised:
        section_table(FrameSection(frames.data + data, AT), "made")
    assert str(raised.value) == f"made: .eh_frame: the entry at {at} does not end within {size} bytes: corrupt"


def test_more_kinds_of_functions_than_linkers_leave_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eh_frame, "_MAX_CIES", 2)
    with pytest.raises(ElfError) as raised:
        Frames().cie().cie().fde(CODE, 0x20).cie().table()
    assert str(raised.value) == "made: .eh_frame: more than 2 CIEs: corrupt"


def table_of(image: bytes) -> bytes:
    return unwind_table(ElfFile.from_bytes(image, "made"))


def test_the_section_of_a_file_is_found_by_its_name() -> None:
    frames = Frames().cie().fde(CODE, 0x20)
    assert rows(table_of(elf_image(frames.data))) == frames.table()
    assert table_of(elf_image(frames.data, name=b".debug_frame")) == b""
    assert table_of(elf_image(frames.data, kind=8)) == b""  # NOBITS


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"machine": 183}, "made: not an x86-64 binary"),
        ({"flags": 0x802}, "made: .eh_frame is compressed, which a section that is loaded cannot be"),
        ({"size": (32 << 20) + 1}, "made: .eh_frame of 33554433 bytes: more than is read"),
        ({"size": 5000}, "made: section .eh_frame: 5000 bytes at 64 of 316: truncated or corrupt"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(keywords: dict[str, int], message: str) -> None:
    with pytest.raises(ElfError) as raised:
        table_of(elf_image(Frames().cie().fde(CODE, 0x20).data, **keywords))  # type: ignore[arg-type]
    assert str(raised.value) == message


def check_form(table: bytes, section: bytes) -> None:
    """Whatever the bytes, a table is one that the unwinder may search."""
    assert len(table) <= ROW.size * (len(section) + 1)
    found = rows(table)  # raises ValueError for rules that there are not
    addresses = [address for address, _ in found]
    assert addresses == sorted(set(addresses))
    assert all(one != other for (_, one), (_, other) in pairwise(found))
    assert not found or found[-1][1] == UNKNOWN


INSTRUCTIONS = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"\x0a", b"\x0b", b"\x0e\x10", b"\x86\x02", b"\x07\x10", b"\x0d\x06", b"\x41", b"\x02\x20"]),
        st.sampled_from([b"\x0f" + block(PLT), trampoline(160), b"\x10\x06" + block(breg(6, 0)), b"\xc6", b"\xd0"]),
    ),
    max_size=12,
).map(b"".join)


@given(
    instructions=st.lists(st.tuples(st.integers(0, 0x300), st.integers(0, 0x100), INSTRUCTIONS), max_size=8),
    begin=INSTRUCTIONS,
    factors=st.tuples(st.integers(0, 300), st.integers(-300, 300)),
)
def test_whatever_the_instructions_are_the_table_can_be_searched(
    instructions: list[tuple[int, int, bytes]], begin: bytes, factors: tuple[int, int]
) -> None:
    frames = Frames().cie(instructions=BEGIN + begin, factors=factors)
    for start, size, code in instructions:
        frames.fde(CODE + start, size, code)
    check_form(section_table(frames.section(), "made"), frames.data)


SOUND = (
    Frames()
    .cie()
    .fde(CODE, 0x40, b"\x41\x0e\x10\x86\x02\x43\x0d\x06\x0a\x44\x0c\x07\x08\x41\x0b")
    .cie(augmentation=b"zPLRS", augmentation_data=b"\x9babcd\x1b\x1b")
    .fde(CODE + 0x40, 0x20, trampoline(160))
    .cie(wide=True)
    .fde(CODE + 0x60, 0x20, b"\x0f" + block(PLT), wide=True)
    .terminator()
    .data
)


@settings(max_examples=1000)
@given(
    damage=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, len(SOUND)),
    is_cut=st.booleans(),
)
def test_a_damaged_section_gives_a_sound_table_or_the_error_of_elf_files(
    damage: list[tuple[int, int]], cut: int, is_cut: bool
) -> None:
    data = bytearray(SOUND)
    for place, value in damage:
        data[place] = value
    section = bytes(data[:cut] if is_cut else data)
    for functions in (None, 3):
        try:
            table = section_table(FrameSection(section, AT, 0, functions), "made")
        except ElfError as error:
            assert functions is None
            assert str(error).startswith("made: .eh_frame: ")
        else:
            check_form(table, section)


@given(st.binary(max_size=200))
def test_any_bytes_at_all_give_a_sound_table_or_the_error_of_elf_files(data: bytes) -> None:
    try:
        table = section_table(FrameSection(data, AT, 0), "made")
    except ElfError:
        return
    check_form(table, data)
