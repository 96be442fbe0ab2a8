"""printf formats: what each directive accepts and writes (checked against `bytes %` being used where it can be)."""

from __future__ import annotations

from typing import Any

import pytest
from output_fakes import FUNCTIONS, FakeOutput, record, rendering
from pybpftrace.core.artifacts import EventSpec
from pybpftrace.core.printf_format import compile_format, compile_writer, format_error
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
        (b"%gr", [INT32], "unsupported format specifier for type 'int32': gr"),
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
