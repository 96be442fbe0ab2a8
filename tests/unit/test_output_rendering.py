"""Values as text and as JSON, literally as the specification of the output has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from output_fakes import rendering
from pybpftrace.core.json_text import json_string
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT32,
    INT64,
    NOTHING,
    UINT8,
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

STATS = OwnedType("stats", "stats_t", 16, (), True)
COLOUR = Enum("enum colour", 8, True, (("RED", 1), ("BLUE", 2), ("AZURE", 2), ("NONE", -1)))
INNER = Struct("struct inner", 16, (Field("z", INT32, 0), Field("s", Pointer(INT8), 8)))
OUTER = Struct(
    "struct outer",
    64,
    (Field("a", INT32, 0), Field("b", String(8), 4), Field("d", INNER, 16), Field("arr", Array(INT64, 2), 32)),
)


@pytest.mark.parametrize(
    ("type_", "value", "text", "data"),
    [
        (INT64, -5, "-5", "-5"),
        (UINT8, 200, "200", "200"),
        (INT64, 2**53 + 1, "9007199254740993", '"9007199254740993"'),
        (UINT64, 2**64 - 1, "18446744073709551615", '"18446744073709551615"'),
        (INT64, 2**60, "1152921504606846976", "1152921504606846976"),
        (BOOL, True, "true", "true"),
        (BOOL, False, "false", "false"),
        (String(8), b"abc", "abc", '"abc"'),
        (String(8), b"12345678", "12345678..", '"12345678.."'),
        (Pointer(INT8), 0x1000, "0x1000", "4096"),
        (Pointer(INT8), 0, "0x0", "0"),
        (Array(INT64, 3), [1, -2, 3], "[1,-2,3]", "[1,-2,3]"),
        (
            Tuple((INT64, Tuple((INT64, String(4))), BOOL)),
            (1, (2, b"abc"), True),
            "(1, (2, abc), true)",
            '[1,[2,"abc"],true]',
        ),
        (Tuple((INT64,)), (1,), "(1)", "[1]"),
        (Tuple(()), (), "()", "[]"),
        (COLOUR, 1, "RED", "1"),
        (COLOUR, 2, "BLUE", "2"),
        (COLOUR, -1, "NONE", "-1"),
        (COLOUR, 7, "7", "7"),
        (COLOUR, 2**53 + 1, "9007199254740993", '"9007199254740993"'),
        (Record((("a", INT64), ("b", String(4)))), (1, b"q"), "{ .a = 1, .b = q }", '{"a": 1, "b": "q"}'),
        (Record((("x", Tuple((BOOL, COLOUR))),)), ((True, 2),), "{ .x = (true, BLUE) }", '{"x": [true,2]}'),
        (Struct("struct empty", 0), (), "{}", "{}"),
        (
            OUTER,
            (-5, b"xyz", (9, 0x402004), [1, -2]),
            "{ .a = -5, .b = xyz, .d = { .z = 9, .s = 0x402004 }, .arr = [1,-2] }",
            '{"a": -5, "b": "xyz", "d": {"z": 9, "s": 4202500}, "arr": [1,-2]}',
        ),
        (
            Array(INNER, 2),
            [(0, 0), (1, 16)],
            "[{ .z = 0, .s = 0x0 },{ .z = 1, .s = 0x10 }]",
            '[{"z": 0, "s": 0},{"z": 1, "s": 16}]',
        ),
        (Struct("struct s", 16, (Field("ld", VOID, 0),)), (None,), "{ .ld = null }", '{"ld": null}'),
        (Array(Array(INT8, 2), 2), [[97, 98], [0, -1]], "[[97,98],[0,-1]]", "[[97,98],[0,-1]]"),
        (
            STATS,
            (1, 7, 7),
            "{ .count = 1, .average = 7, .total = 7 }",
            '{"count": 1, "average": 7, "total": 7}',
        ),
    ],
)
def test_a_value_shows_as_the_specification_says(type_: Type, value: Any, text: str, data: str) -> None:
    assert rendering().text(type_, value) == text.encode()
    assert rendering().json(type_, value) == data


def test_nothing_is_not_shown() -> None:
    for show in (rendering().text, rendering().json):
        with pytest.raises(ValueError, match="none"):
            show(NOTHING, None)


def test_a_string_inside_of_a_struct_gets_the_trailer_too() -> None:
    struct = Struct("struct s", 8, (Field("full", String(8), 0),))
    assert rendering().text(struct, (b"12345678",)) == b"{ .full = 12345678.. }"
    assert rendering().json(struct, (b"12345678",)) == '{"full": "12345678.."}'


def test_a_string_that_fills_its_storage_gets_the_trailer_of_the_configuration() -> None:
    assert rendering(str_trunc_trailer="~").text(String(3), b"abc") == b"abc~"
    assert rendering(str_trunc_trailer="").text(String(3), b"abc") == b"abc"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'a"b\\c', '"a\\"b\\\\c"'),
        (b"\n\r\t\x01\x1f\x7f", '"\\n\\r\\t\\u0001\\u001f\x7f"'),
        ("grün €".encode(), '"grün €"'),
        (b"\x80\xc2\x85", '"\\\\x80\\u0085"'),
        (b"a\xffb", '"a\\\\xffb"'),
    ],
)
def test_json_strings_are_escaped_and_always_valid(raw: bytes, text: str) -> None:
    assert json_string(raw) == text
    assert json.loads(json_string(raw)) == raw.decode("utf-8", "backslashreplace")
