"""Parsing by itself what is not a whole script: the text of a C macro, and a file behind the script's own text."""

from __future__ import annotations

import pytest
from parsing import shape
from pybpftrace.core import ast
from pybpftrace.core.diagnostics import Diagnostics, format_all
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.syntax import parse_expression, parse_file


def test_an_expression_has_its_place_in_the_source() -> None:
    diagnostics = Diagnostics()
    source = Source("t", "#define A (1 + B) * 2\n")
    found = parse_expression("(1 + B) * 2", source, 10, diagnostics)
    assert isinstance(found, ast.Binary)
    assert (shape(found), diagnostics.recorded) == ("((1 + B) * 2)", [])
    assert source.text[found.span.start : found.span.end] == "(1 + B) * 2"
    assert source.text[found.left.span.start : found.left.span.end] == "1 + B"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:11-12", "expected expression"),
        ("1 +", "1:14-15", "expected expression"),
        ("1 2", "1:13-14", "unexpected '2'"),
        ("do", "", ""),
        ("1; 2", "1:12-13", "unexpected ';'"),
        ("(" * 300, "1:211-212", "nesting too deep"),
        ("08", "1:11-13", "invalid trailing bytes"),
    ],
)
def test_what_is_no_expression_is_told_where_it_stands(text: str, place: str, message: str) -> None:
    diagnostics = Diagnostics()
    source = Source("t", f"#define A {text}\n")
    parse_expression(text, source, 10, diagnostics)
    report = format_all(diagnostics.recorded, source)
    assert report.startswith(f"t:{place}: ERROR: syntax: {message}\n") if message else not report


def test_a_text_that_does_not_parse_is_no_expression() -> None:
    assert parse_expression("1 +", Source("t", "1 +"), 0, Diagnostics()) is None


def test_a_file_behind_the_script_has_its_spans_in_the_joined_source() -> None:
    script = Source("t.bt", 'import "a.bt";\nBEGIN { }')
    joined, offset = script.with_file("a.bt", "macro m() { 1 }\nEND { m() }\n")
    diagnostics = Diagnostics()
    program = parse_file(joined, offset, diagnostics)
    assert (diagnostics.recorded, len(program.macros), len(program.probes)) == ([], 1, 1)
    assert joined.text[program.probes[0].span.start : program.probes[0].span.end] == "END { m() }"
    assert (program.span.start, program.span.end) == (offset, len(joined.text))


def test_errors_of_a_file_behind_the_script_have_its_name_and_lines() -> None:
    imported = "\nEND { 1 2 }\nBEGIN { $x = ; }\nstruct s { int a;"
    joined, offset = Source("t.bt", "BEGIN { 1 2 }\n").with_file("a.bt", imported)
    diagnostics = Diagnostics()
    program = parse_file(joined, offset, diagnostics)
    reports = [line for line in format_all(diagnostics.recorded, joined).splitlines() if "ERROR" in line]
    assert program.probes == ()
    assert reports == [
        "a.bt:2:8-9: ERROR: syntax: expected ';'",
        "a.bt:3:14-15: ERROR: syntax: expected expression",
        "a.bt:4:18-19: ERROR: syntax: unexpected end of input, expected '{' or '}'",
    ]
