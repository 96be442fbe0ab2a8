"""printf formats: what each directive accepts and writes (checked against `bytes %` being used where it can be)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from output_fakes import FUNCTIONS, FakeOutput, Symbols, record, rendering
from pybpftrace.core.artifacts import EventSpec
from pybpftrace.core.config import Config
from pybpftrace.core.function import Function
from pybpftrace.core.output import Rendering, UnprintableValue
from pybpftrace.core.printf_format import format_error
from pybpftrace.core.printf_text import compile_format, compile_writer, format_literals
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    NOTHING,
    UINT8,
    UINT32,
    UINT64,
    VOID,
    Array,
    Buffer,
    Enum,
    Field,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)
from pybpftrace.passes.output.events import EventDecoder
from pybpftrace.passes.output.rendering import ValueRendering

POINTER = Pointer(INT8)
COLOUR = Enum("enum colour", 8, True, (("RED", 1), ("BLUE", 2), ("AZURE", 2), ("NONE", -1)))
SMALL = Enum("enum small", 4, False, (("ONE", 1),))
PAIR = Record((("a", INT32), ("b", String(4))))
POINT = Struct("struct point", 8, (Field("x", INT32, 0), Field("y", INT32, 4)))
FLAGS = Struct(
    "struct flags", 1, (Field("low", UINT8, 0, bit_width=3), Field("high", UINT8, 0, bit_shift=3, bit_width=5))
)
COUNT = OwnedType("count", "count_t", 8, (), True, UINT64)

TABLE: list[tuple[str, Type, Any, str]] = [
    ("%d", INT64, 5000000000, "705032704"),
    ("%ld", INT64, 5000000000, "5000000000"),
    ("%lld", INT64, -1, "-1"),
    ("%u", INT64, -1, "4294967295"),
    ("%d", UINT32, 4294967295, "-1"),
    ("%d", UINT64, 2**64 - 1, "-1"),
    ("%lu", UINT64, 2**64 - 1, "18446744073709551615"),
    ("%x", INT64, -1, "ffffffff"),
    ("%lx", INT64, -1, "ffffffffffffffff"),
    ("%lx", INT32, -1, "ffffffffffffffff"),
    ("%x", INT8, -1, "ffffffff"),
    ("%hhx", INT64, -1, "ff"),
    ("%hhd", INT64, 300, "44"),
    ("%hd", INT64, 40000, "-25536"),
    ("%zu", UINT64, 7, "7"),
    ("%x", POINTER, 0x123456789, "23456789"),
    ("%X", UINT32, 0xABC, "ABC"),
    ("%o", UINT32, 8, "10"),
    ("%i", INT32, -7, "-7"),
    ("%d", BOOL, True, "1"),
    ("%s", BOOL, True, "true"),
    ("%c", INT64, 321, "A"),
    ("%c", INT8, 0, "\0"),
    ("%p", UINT64, 0x1000, "0x1000"),
    ("%p", POINTER, 0, "0"),
    ("%p", INT32, -1, "0xffffffffffffffff"),
    ("%s", UINT32, 200, "200"),
    ("%s", INT8, -5, "-5"),
    ("%s", POINTER, 0x1000, "0x1000"),
    ("%s", String(8), b"abc", "abc"),
    ("%s", String(100), b"abc", "abc"),
    ("[%5d]", INT32, 42, "[   42]"),
    ("[%-5d]", INT32, 42, "[42   ]"),
    ("%05d", INT32, -42, "00-42"),
    ("%05d", INT32, 42, "00042"),
    ("%+05d", INT32, 42, "00+42"),
    ("%-05d", INT32, 42, "42000"),
    ("%05s", String(4), b"ab", "000ab"),
    ("%05u", UINT32, 42, "00042"),
    ("%-05u", UINT32, 42, "42000"),
    ("%#08x", UINT32, 255, "00000xff"),
    ("%#X", UINT32, 255, "0XFF"),
    ("%#o", UINT32, 8, "010"),
    ("%#o", UINT32, 0, "0"),
    ("%#x", UINT32, 0, "0"),
    ("%+d", INT32, 42, "+42"),
    ("%+d", INT32, -42, "-42"),
    ("%+u", UINT32, 5, "5"),
    ("% d", INT32, 42, "42"),
    ("%.2s", String(8), b"abcdef", "ab"),
    ("%.2s", String(100), b"abcdef", "ab"),
    ("%.9s", String(8), b"abcdef", "abcdef"),
    ("[%.s]", String(8), b"abcdef", "[]"),
    ("%.*s", String(8), b"abcdef", "abcdef"),
    ("[%5.2s]", String(8), b"abcdef", "[   ab]"),
    ("[%-5.2s]", String(8), b"abcdef", "[ab   ]"),
    ("%05.2s", String(8), b"abcdef", "000ab"),
    ("%.1s", Tuple((INT32, INT32)), (1, 2), "(1, 2)"),
    ("%.1s", COLOUR, 1, "RED"),
    ("%s", COLOUR, 2, "BLUE"),
    ("%s", COLOUR, -1, "NONE"),
    ("%s", COLOUR, 7, "7"),
    ("%d", COLOUR, 2, "2"),
    ("%d", COLOUR, -1, "-1"),
    ("%ld", COLOUR, -1, "-1"),
    ("%x", COLOUR, -1, "ffffffff"),
    ("%lx", COLOUR, -1, "ffffffffffffffff"),
    ("%d", COLOUR, 5000000000, "705032704"),
    ("%c", COLOUR, 65, "A"),
    ("%p", COLOUR, 16, "0x10"),
    ("[%6s]", COLOUR, 1, "[   RED]"),
    ("[%-6s]", COLOUR, 1, "[RED   ]"),
    ("%06s", COLOUR, 1, "000RED"),
    ("%s", SMALL, 1, "ONE"),
    ("%u", SMALL, 2**32 - 1, "4294967295"),
    ("%d", SMALL, 2**32 - 1, "-1"),
    ("%s", PAIR, (1, b"q"), "{ .a = 1, .b = q }"),
    ("[%10s]", PAIR, (1, b"q"), "[        { .a = 1, .b = q }]"),
    ("[%-10s]", PAIR, (1, b"q"), "[{         .a = 1, .b = q }]"),
    ("[%4s]", Array(INT32, 2), [1, 2], "[   [1,2]]"),
    ("%s", POINT, (1, -2), "{ .x = 1, .y = -2 }"),
    ("[%4s]", POINT, (1, -2), "[  { .x = 1, .y = -2 }]"),
    ("%s", FLAGS, (5, 31), "{ .low = 5, .high = 31 }"),
    ("%s", Array(POINT, 2), [(1, 2), (3, 4)], "[{ .x = 1, .y = 2 },{ .x = 3, .y = 4 }]"),
    ("%s", Tuple((UINT8, POINT)), (1, (2, 3)), "(1, { .x = 2, .y = 3 })"),
    ("%.5d", INT32, 42, "42"),
    ("%*d", INT32, 42, "42"),
    ("[%6s]", String(8), b"abc", "[   abc]"),
    ("[%-6s]", String(8), b"abc", "[abc   ]"),
    ("%2s", String(8), b"abcdef", "abcdef"),
    ("[%10s]", Tuple((INT32, INT32)), (1, 2), "[         (1, 2)]"),
    ("[%-10s]", Tuple((INT32, INT32)), (1, 2), "[(         1, 2)]"),
    ("[%8p]", UINT64, 16, "[    0x10]"),
    ("%s", Buffer(8), b'a"\\\x00', 'a"\\\\x00'),
    ("%r", Buffer(8), b"ab\x01\xff", "ab\\x01\\xff"),
    ("%rx", Buffer(8), b"ab\x01\xff", "\\x61\\x62\\x01\\xff"),
    ("%rh", Buffer(8), b"ab\x01\xff", "61 62 01 ff"),
    ("%rh", Buffer(8), b"", ""),
    ("%r", Buffer(1024), b"\0" * 200 + b"\n", "\\x00" * 200 + "\\x0a"),
    ("%rx", Buffer(1024), b"a" * 1020, "\\x61" * 1020),
    ("%rh", Buffer(1024), b"", ""),
    ("[%8r]", Buffer(8), b"ab", "[      ab]"),
    ("[%-8rh]", Buffer(8), b"ab", "[61 62   ]"),
    ("[%06s]", Buffer(80), b"ab", "[0000ab]"),
    ("%s", Tuple((UINT8, Buffer(9))), (1, b"a\n"), "(1, a\\x0a)"),
    ("%gr", UINT32, 0, "0"),
    ("%gr", INT64, 0x40CC0, "GFP_KERNEL|__GFP_COMP"),
    ("%gr", UINT32, 0x80000000, "0x80000000"),
    ("%gr", INT32, -0x80000000, "0xffffffff80000000"),
    ("%gr", UINT64, 0xCC0 | 1 << 22, "GFP_KERNEL_ACCOUNT"),
    ("%gr", UINT64, 0x820, "GFP_ATOMIC"),
    ("%gr", UINT64, 0x2800, "GFP_NOWAIT"),
    ("%gr", UINT64, 0xC00, "GFP_NOIO"),
    ("%gr", UINT64, 0xC40, "GFP_NOFS"),
    ("%gr", UINT64, 0x100CC0, "GFP_USER"),
    ("%gr", UINT64, 0x100CC2, "GFP_HIGHUSER"),
    ("%gr", UINT64, 0x2100CCA, "GFP_HIGHUSER_MOVABLE"),
    ("%gr", UINT64, 0x21C20CA, "GFP_TRANSHUGE_LIGHT"),
    ("%gr", UINT64, 0x21C24CA, "GFP_TRANSHUGE"),
    ("%gr", UINT64, 0x5, "GFP_DMA|GFP_DMA32"),
    ("%gr", UINT64, 0x108, "__GFP_ZERO|0x8"),
    ("%gr", UINT64, 0x800000000000000, "0x800000000000000"),
    ("%gr", BOOL, True, "GFP_DMA"),
    ("[%8gr]", UINT32, 1, "[ GFP_DMA]"),
    ("%%%5%%-%%+%%#%%0%", INT32, None, "%%%%%%"),
    ("[%3c]", INT32, 65, "[  A]"),
    ("[%-3c]", INT32, 65, "[A  ]"),
    ("[%03c]", INT32, 65, "[00A]"),
    ("100%% of %d%", INT32, 4, "100% of 4%"),
    ("%5%%-%%d", INT32, 4, "%%4"),
    ("%q %+-5d %d", INT32, 4, "%q %+-5d 4"),
    ("%l", INT32, None, "%l"),
]


def formatted(spec: str, types: list[Type], values: tuple[Any, ...]) -> str:
    return compile_format(spec.encode(), types, rendering())(values).decode()


@pytest.mark.parametrize(("spec", "type_", "value", "text"), TABLE)
def test_a_directive_writes_what_the_table_says(spec: str, type_: Type, value: Any, text: str) -> None:
    types, values = ([], ()) if value is None else ([type_], (value,))
    assert formatted(spec, types, values) == text


@pytest.mark.parametrize(("spec", "type_", "value", "text"), TABLE)
@pytest.mark.parametrize("count", [1, 2, 300])
def test_events_in_bulk_are_formatted_like_single_values(
    spec: str, type_: Type, value: Any, text: str, count: int
) -> None:
    types, values = ((), ()) if value is None else ((type_,), (value,))
    output = FakeOutput()
    event = EventSpec(4, "printf", types, {"format": spec + "\n"})
    EventDecoder([event], FUNCTIONS, output).decode(record(event, *values) * count)
    assert output.written == (text.encode() + b"\n") * count


def test_common_formats_are_one_operation_on_the_fields_as_they_are_read() -> None:
    writer = compile_writer(b"%d %lld %u %x\n", [UINT32, INT64, UINT64, UINT8], rendering(), None)
    assert writer.template == b"%d %d %d %x\n"
    assert writer.views == (INT32, INT64, UINT32, UINT8)


def test_a_value_that_is_a_tuple_is_not_taken_for_the_arguments() -> None:
    assert formatted("%s", [Tuple((INT32, String(4)))], ((1, b"ab"),)) == "(1, ab)"


@pytest.mark.parametrize(
    ("spec", "types", "message"),
    [
        (b"%d %d", [INT32], "not enough arguments for format string (1 supplied, 2 expected)"),
        (b"%d", [INT32, INT32], "too many arguments for format string (2 supplied, 1 expected)"),
        (b"%%", [INT32], "too many arguments for format string (1 supplied, 0 expected)"),
        (b"%d", [String(4)], "unsupported format specifier for type 'string[4]': d"),
        (b"%x", [Tuple((INT32,))], "unsupported format specifier for type '(int32)': x"),
        (b"%d", [COUNT], "unsupported format specifier for type 'count_t': d"),
        (b"%rx", [INT32], "unsupported format specifier for type 'int32': rx"),
        (b"%rh", [String(4)], "unsupported format specifier for type 'string[4]': rh"),
        (b"%gr", [String(4)], "unsupported format specifier for type 'string[4]': gr"),
        (b"%gr", [COLOUR], "unsupported format specifier for type 'enum colour': gr"),
        (b"%d", [Buffer(8)], "unsupported format specifier for type 'buffer[8]': d"),
        (b"%e", [INT32], "unsupported format specifier: e"),
        (b"%n", [INT32], "unsupported format specifier: n"),
        (b"%A", [INT32], "unsupported format specifier: A"),
        (b"%f", [INT32], "unsupported format specifier: f"),
        (b"%s", [VOID], "unable to print none type for specifier: s"),
        (b"%s", [NOTHING], "unable to print none type for specifier: s"),
        (b"%d", [NOTHING], "unable to print none type for specifier: d"),
        (b"%d", [PAIR], "unsupported format specifier for type 'record { .a = int32, .b = string[4] }': d"),
        (b"%d", [POINT], "unsupported format specifier for type 'struct point': d"),
        (b"%x", [Array(INT32, 2)], "unsupported format specifier for type 'int32[2]': x"),
        (b"%r", [POINT], "unsupported format specifier for type 'struct point': r"),
        (b"%p", [Pointer(POINT, "context")], "unsupported format specifier for type 'struct point *': p"),
        (b"%s", [Tuple((Pointer(POINT, "context"),))], "unsupported format specifier for type '(struct point *)': s"),
    ],
)
def test_a_format_that_does_not_fit_is_refused(spec: bytes, types: list[Type], message: str) -> None:
    found = format_error(spec, types)
    assert found is not None and found[0] == message


@pytest.mark.parametrize("type_", [INT16, BOOL, POINTER, COLOUR])
@pytest.mark.parametrize("specifier", ["d", "i", "u", "o", "x", "X", "c", "p", "s"])
def test_numbers_fit_every_integer_directive(type_: Type, specifier: str) -> None:
    assert format_error(b"%" + specifier.encode(), [type_]) is None


@pytest.mark.parametrize("type_", [PAIR, POINT, Array(POINT, 2), Tuple((PAIR,)), COUNT])
def test_whatever_has_a_value_fits_s(type_: Type) -> None:
    assert format_error(b"%s", [type_]) is None


def test_arrays_and_truncated_strings_show_as_print_shows_them() -> None:
    assert formatted("%s", [Array(INT32, 3)], ([1, -2, 3],)) == "[1,-2,3]"


@pytest.mark.parametrize(
    ("spec", "values", "text"),
    [
        (b"no more", [], b"no more"),
        (b"%d %u %x %lx", [-1, -1, -1, -1], b"-1 4294967295 ffffffff ffffffffffffffff"),
        (b"%d %ld", [5000000000, 5000000000], b"705032704 5000000000"),
        (b"%lu", [(1 << 64) - 1], b"18446744073709551615"),
        (b"%s %s %s", [5, True, b"abc"], b"5 true abc"),
        (b"[%5s] [%-5s] [%05d] %%", [b"ab", b"ab", -42], b"[   ab] [ab   ] [00-42] %"),
        (b"%c%c %p %gr", [65, 0, 16, 1], b"A\0 0x10 GFP_DMA"),
        (b"%d", [True], b"1"),
    ],
)
def test_values_known_to_the_compiler_are_formatted_in_the_same_way(
    spec: bytes, values: list[int | bool | bytes], text: bytes
) -> None:
    assert format_literals(spec, values) == text


class _Unprintable(Function):
    names = ("unprintable",)

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        raise UnprintableValue("no such clock")

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        raise UnprintableValue("no such clock")


def test_a_value_that_cannot_be_shown_says_so_in_its_place() -> None:
    type_ = OwnedType("unprintable", "unprintable_t", 8)
    shown = ValueRendering(Config(), {"unprintable": _Unprintable()}, Symbols())
    spec = b"%d [%s] [%20s]"
    types, values = [INT32, type_, type_], (1, b"", b"")
    assert compile_format(spec, types, shown)(values) == b"1 [!{no such clock}] [    !{no such clock}]"
    assert shown.json(Tuple((INT32, type_)), (1, b"")) == '[1,"!{no such clock}"]'


@pytest.mark.parametrize("size", [8, 200])
def test_buffers_are_arrays_of_signed_numbers_in_json(size: int) -> None:
    event = EventSpec(4, "print", (Buffer(size),), {})
    output = FakeOutput(json=True)
    EventDecoder([event], FUNCTIONS, output).decode(record(event, b"ab\x80") + record(event, b""))
    assert output.written == b'{"type": "value", "data": [97,98,-128]}\n{"type": "value", "data": []}\n'


def test_long_buffers_and_strings_travel_at_their_length() -> None:
    types = (Buffer(300), INT32, String(100), Buffer(6), Buffer(80))
    event = EventSpec(4, "printf", types, {"format": "%r|%d|%s|%r|%rh\n"})
    output = FakeOutput()
    span = record(event, b"\x01" * 3, 7, b"text", b"x", b"yz") + record(event, b"", 8, b"", b"", b"\xff")
    EventDecoder([event], FUNCTIONS, output).decode(span)
    assert output.written == b"\\x01\\x01\\x01|7|text|x|79 7a\n|8|||ff\n"


WIDTHS = {"hh": 8, "h": 16, "": 32, "l": 64, "z": 64}


def modelled(flags: str, width: int, length: str, letter: str, number: int) -> str:
    """The text of an integer under a directive, put together from one rule after the other."""
    bits = WIDTHS[length]
    low = number & (1 << bits) - 1
    match letter:
        case "d" | "i":
            signed = low - (1 << bits) if low >> bits - 1 else low
            text = f"+{signed}" if "+" in flags and signed >= 0 else str(signed)
        case "u":
            text = str(low)
        case "o" | "x" | "X":
            prefix = {"o": "0", "x": "0x", "X": "0X"}[letter] if "#" in flags and low else ""
            text = prefix + format(low, letter)
        case "p":
            text = hex(number & (1 << 64) - 1) if number else "0"
        case _:
            text = chr(number & 0xFF)
    fill = "0" if "0" in flags else " "
    return text.ljust(width, fill) if "-" in flags else text.rjust(width, fill)


@pytest.mark.parametrize("letter", [*"diuoxXcp"])
def test_flags_widths_and_lengths_combine_as_their_rules_say(letter: str) -> None:
    numbers = (0, 1, 65, 0x7F, -1, 2**31, 2**63 - 1, -(2**63))
    for chosen, width, precision, length in itertools.product(range(32), (0, 1, 12), ("", ".3"), WIDTHS):
        flags = "".join(flag for bit, flag in enumerate("-+ #0") if chosen >> bit & 1)
        spec = f"%{flags}{width or ''}{precision}{length}{letter}"
        write = compile_format(spec.encode(), [INT64], rendering())
        for number in numbers:
            assert write((number,)).decode("latin-1") == modelled(flags, width, length, letter, number), (spec, number)
