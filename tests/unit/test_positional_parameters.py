"""`$1`, `$#`, and `$1` in attach points."""

from __future__ import annotations

import pytest
from pybpftrace.core import ast
from pybpftrace.passes.parse.attach_points import SplitAttachPoints
from pybpftrace.passes.typecheck.fold import FoldConstants
from pybpftrace.passes.typecheck.positional_parameters import ReplaceParameters
from staged import Staged


def replaced(text: str, *arguments: str) -> Staged:
    return Staged(f"begin {{ f({text}); }}", ReplaceParameters(), FoldConstants(), arguments=arguments)


def value(text: str, *arguments: str) -> object:
    script = replaced(text, *arguments)
    assert script.messages == []
    literal = next(iter(script.body[0].expression.arguments))  # type: ignore[union-attr]  # f(...)
    return literal.value


@pytest.mark.parametrize(
    ("argument", "number"),
    [
        ("5", 5),
        ("-5", -5),
        ("0x10", 16),
        ("0b101", 5),
        ("0755", 0o755),
        ("1e6", 1000000),
        ("5s", 5_000_000_000),
        ("10ull", 10),
        ("1_000", 1000),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_what_reads_as_a_number_is_one(argument: str, number: int) -> None:
    assert value("$1", argument) == number


@pytest.mark.parametrize(
    "argument", ["abc", "5x", "--5", "18446744073709551616", "-9223372036854775809", "1.5", "08", " 5", "-"]
)
def test_anything_else_is_a_string(argument: str) -> None:
    assert value("$1", argument) == argument.encode()


def test_bytes_that_are_no_utf8_stay_as_they_are() -> None:
    assert value("$1", b"\xff\xfe".decode("utf-8", "surrogateescape")) == b"\xff\xfe"


def test_parameters_are_counted_from_one() -> None:
    assert value("$2", "a", "b") == b"b"


@pytest.mark.parametrize("arguments", [(), ("",)])
def test_a_missing_or_empty_one_is_zero_with_a_warning(arguments: tuple[str, ...]) -> None:
    script = replaced("$1", *arguments)
    assert script.message == "WARNING: Positional parameter $1 is empty or not provided."
    assert script.marked() == ["$1"]
    assert script.text() == "{ f(0); }"


def test_a_very_large_number_is_just_missing() -> None:
    assert replaced("$9223372036854775807", "a").text() == "{ f(0); }"


def test_the_count() -> None:
    assert value("$#") == 0
    assert value("$#", "a", "") == 2


@pytest.mark.parametrize("argument", ["5", "0x10", "abc", "-1"])
def test_inside_str_it_is_always_the_text(argument: str) -> None:
    assert value("str($1)", argument) == argument.encode()


def test_inside_str_a_missing_one_is_empty_without_a_warning() -> None:
    assert value("str($1)") == b""


def test_a_number_behind_it_inside_str_drops_characters() -> None:
    assert value("str($1 + 2)", "12345") == b"345"
    assert value("str($1 + $2)", "12345", "1") == b"2345"


def test_the_length_of_str_is_a_number() -> None:
    assert value("str($1, $2)", "12345", "3") == b"123"


def test_the_number_remembers_its_parameter() -> None:
    script = Staged("begin { f($1, $#); }", ReplaceParameters(), arguments=("0x10",))
    literals = [node for node in ast.walk(script.program) if isinstance(node, ast.IntegerLiteral)]
    assert [(literal.value, literal.text) for literal in literals] == [(16, "$1"), (1, "$#")]


def test_a_script_without_parameters_stays_as_it_is() -> None:
    script = Staged("begin { f(1); }")
    assert ReplaceParameters().run(script.program, script.compilation) is script.program


def points(text: str, *arguments: str) -> list[tuple[str, ...]]:
    script = Staged(f"{text} {{ }}", SplitAttachPoints(), arguments=arguments)
    assert script.messages == []
    return [point.parts for point in script.program.probes[0].attach_points]


def test_in_an_attach_point_the_text_is_put_in_before_it_is_cut() -> None:
    assert points("kprobe:$1", "vfs_*") == [("kprobe", "vfs_*")]
    assert points("uprobe:$1", "/bin/sh:main") == [("uprobe", "/bin/sh", "main")]
    assert points("$1:hz:$2,profile:hz:$2$2", "interval", "9") == [("interval", "hz", "9"), ("profile", "hz", "99")]


def test_a_missing_one_is_an_empty_text() -> None:
    assert points("kprobe:a$1", "") == [("kprobe", "a")]
    assert points("kprobe:a$7") == [("kprobe", "a")]


def test_inside_quotes_a_dollar_is_just_a_dollar() -> None:
    assert points('uprobe:/bin/sh:"a$1$b"', "x") == [("uprobe", "/bin/sh", "a$1$b")]


@pytest.mark.parametrize(("point", "other"), [("kprobe:$x", "x"), ("kprobe:a$", ""), ("kprobe:$0", "0")])
def test_another_character_behind_the_dollar_is_an_error(point: str, other: str) -> None:
    script = Staged(f"{point} {{ }}", SplitAttachPoints())
    start = f"ERROR: invalid trailing character for positional param: {other}. Try quoting this entire part"
    assert script.message.startswith(start)
    assert script.marked() == [point]
