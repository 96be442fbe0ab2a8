"""How integers may be written in attach points, parameters and scripts."""

from __future__ import annotations

import pytest
from pybpftrace.core.numbers import NumberError, parse_integer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1_000_000", 1_000_000),
        ("0755", 0o755),
        ("0XfF", 255),
        ("0xdead_beef", 0xDEADBEEF),
        ("0b101", 5),
        ("1e6", 1_000_000),
        ("5E3", 5_000),
        ("10ULL", 10),
        ("0x10ul", 16),
        ("5us", 5_000),
        ("2m", 120_000_000_000),
        ("1e3ms", 1_000_000_000),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_every_form_of_an_integer_has_its_value(text: str, value: int) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "invalid integer"),
        ("-1", "invalid integer"),
        ("1.5", "invalid integer"),
        ("٣", "invalid integer"),
        ("08", "invalid trailing bytes"),
        ("1_", "trailing underscore in integer literal"),
        ("0xf_", "trailing underscore in integer literal"),
        ("12e3", "coefficient part of scientific literal must be 1-9"),
        ("0e3", "coefficient part of scientific literal must be 1-9"),
        ("1e0", "exponent part of scientific literal must begin with 1-9"),
        ("5parsecs", "invalid integer suffix 'parsecs'"),
        ("0x1ms", "invalid integer suffix 'ms'"),
        ("18446744073709551616", "overflow error, maximum value is 18446744073709551615"),
        ("4294967296u", "overflow error, maximum value is 4294967295"),
        ("9e999999999", "overflow error, maximum value is 18446744073709551615"),
        ("9" * 5000, "overflow error, maximum value is 18446744073709551615"),
        ("300000d", "overflow error, maximum value is 18446744073709551615"),
    ],
)
def test_what_is_no_integer_is_refused_with_the_rule_it_breaks(text: str, complaint: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_integer(text)
    assert str(caught.value) == complaint


def test_a_binary_number_is_refused_where_scripts_do_not_have_them() -> None:
    with pytest.raises(NumberError, match="invalid integer suffix 'b101'"):
        parse_integer("0b101", binary=False)


def test_a_number_must_lie_between_the_bounds_of_its_place() -> None:
    with pytest.raises(NumberError, match="maximum value is 10"):
        parse_integer("11", maximum=10)
    with pytest.raises(NumberError, match="minimum value is 5"):
        parse_integer("4", minimum=5)
