"""Integer and string literals: values, and what is said about those that are none."""

from __future__ import annotations

import pytest
from parsing import error, errors, expression
from pybpftrace.core import ast


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("1_000_000", 1_000_000),
        ("0755", 0o755),
        ("0", 0),
        ("0xDead_beef", 0xDEADBEEF),
        ("0XFF", 255),
        ("1e6", 1_000_000),
        ("5E3", 5000),
        ("10u", 10),
        ("10l", 10),
        ("10ul", 10),
        ("10ll", 10),
        ("10ULL", 10),
        ("0xffUL", 255),
        ("5ns", 5),
        ("5us", 5_000),
        ("5ms", 5_000_000),
        ("5s", 5_000_000_000),
        ("5m", 300_000_000_000),
        ("5h", 18_000_000_000_000),
        ("5d", 432_000_000_000_000),
        ("1e3us", 1_000_000),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_an_integer_literal_has_its_value_and_keeps_its_spelling(text: str, value: int) -> None:
    literal = expression(text)
    assert isinstance(literal, ast.IntegerLiteral)
    assert (literal.value, literal.text) == (value, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10_", "trailing underscore in integer literal"),
        ("08", "invalid trailing bytes"),
        ("019", "invalid trailing bytes"),
        ("18446744073709551616", "overflow error, maximum value is 18446744073709551615"),
        ("4294967296u", "overflow error, maximum value is 4294967295"),
        ("9223372036854775808ll", "overflow error, maximum value is 9223372036854775807"),
        ("18446744073709551615s", "overflow error, maximum value is 18446744073709551615"),
        ("12e3", "coefficient part of scientific literal must be 1-9"),
        ("0e3", "coefficient part of scientific literal must be 1-9"),
        ("1e0", "exponent part of scientific literal must begin with 1-9"),
        ("5xyz", "invalid integer suffix 'xyz'"),
        ("0b101", "invalid integer suffix 'b101'"),
    ],
)
def test_a_malformed_integer_literal_is_marked_as_a_whole(text: str, message: str) -> None:
    assert error(f"BEGIN {{ {text}; }}") == f"1:9-{9 + len(text)} {message}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"", b""),
        (r"a\n\t\r\"\\", b'a\n\t\r"\\'),
        (r"\0\18\377\1234", b"\0\x018\xffS4"),
        (r"\x4a\X4A\xfg", b"JJ\x0fg"),
        ("// no /* comment {", b"// no /* comment {"),
        ("é", "é".encode()),
    ],
)
def test_a_string_literal_has_its_bytes(text: str, value: bytes) -> None:
    literal = expression(f'"{text}"')
    assert isinstance(literal, ast.StringLiteral)
    assert literal.value == value


@pytest.mark.parametrize(
    ("text", "message", "length"),
    [
        (r"\q", r"invalid escape character '\q'", 2),
        (r"\é", r"invalid escape character '\é'", 3),
        ("\\\x1b", r"invalid escape character '\\x1b'", 2),
        (r"\400", "octal escape sequence out of range", 4),
        (r"\xg", "invalid hex escape sequence", 2),
        (r"\x", "invalid hex escape sequence", 2),
    ],
)
def test_a_malformed_escape_is_marked_alone(text: str, message: str, length: int) -> None:
    assert error(f'BEGIN {{ "ab{text}"; }}') == f"1:12-{12 + length} {message}"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n }", '\\"', "\\\n\";}"])
def test_a_string_that_does_not_end_in_its_line(ending: str) -> None:
    assert error(f'BEGIN {{ "ab{ending}').startswith("1:9-")
    assert error(f'BEGIN {{ "ab{ending}').endswith(" unterminated string")


def test_several_bad_literals_are_reported_together_with_a_syntax_error() -> None:
    assert errors('BEGIN { f(08, 5q, "\\q"); $x 1 }') == [
        "1:11-13 invalid trailing bytes",
        "1:15-17 invalid integer suffix 'q'",
        "1:20-22 invalid escape character '\\q'",
        "1:28-29 expected ';'",
    ]
