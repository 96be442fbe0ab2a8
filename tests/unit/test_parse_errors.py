"""What a user is told about a script that does not parse, and where the mark goes."""

from __future__ import annotations

import re

import pytest
from parsing import error, errors, parse_with_diagnostics


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("BEGIN { f($x += 1); }", "1:14-16 unexpected '+=', expected ')' or ','"),
        ("BEGIN { $x <<= ; }", "1:16-17 expected expression"),
        ("BEGIN { f() <<= 1; }", "1:9-12 invalid assignment target"),
        # Something is missing: the mark stands where the text before it ends.
        ("BEGIN { $x = 1 $y = 2 }", "1:15-16 expected ';'"),
        ("BEGIN { $x = (1) // one\n $y = 2 }", "1:17-18 expected ';'"),
        ("BEGIN { f() /* { */ g() }", "1:12-13 expected ';'"),
        ("BEGIN { @1 = 2 }", "1:10-11 expected ';'"),
        ("kprobe:f /1 {}", "1:12-13 expected '/' to close predicate"),
        ("kprobe:f /pid == (1)\n{}", "1:21-22 expected '/' to close predicate"),
        ("BEGIN { $ }", "1:10-11 expected identifier after '$'"),
        ("BEGIN { $; }", "1:10-11 expected identifier after '$'"),
        # Something does not fit: it is marked.
        ("BEGIN { $x = ; }", "1:14-15 expected expression"),
        ("BEGIN { if (a = 1) {} }", "1:15-16 unexpected '=', expected ')'"),
        ("BEGIN { 1 + }", "1:13-14 expected expression"),
        ("BEGIN { f(1, ) }", "1:14-15 expected expression"),
        ("BEGIN { 1;; }", "1:11-12 expected expression"),
        ("BEGIN { ; }", "1:9-10 expected expression"),
        ("BEGIN { if {} }", "1:15-16 unexpected '}', expected '{'"),
        ("kprobe:f // {}\n/ / {}", "2:3-4 expected expression"),
        ("BEGIN { f(1 }", "1:13-14 unexpected '}', expected ')' or ','"),
        ("BEGIN { f(1 22) }", "1:13-15 unexpected '22', expected ')' or ','"),
        ("BEGIN { $x[1 }", "1:14-15 unexpected '}', expected ']'"),
        ("BEGIN { if (1, 2) {} }", "1:14-15 unexpected ',', expected ')'"),
        ("BEGIN { while () {} }", "1:16-17 expected expression"),
        ("BEGIN { (1 2) }", "1:12-13 unexpected '2', expected ')' or ','"),
        ("BEGIN { 1 ? 2 }", "1:15-16 unexpected '}', expected ':'"),
        ("BEGIN { args. }", "1:15-16 unexpected '}', expected a name or a number"),
        ("BEGIN { ) }", "1:9-10 unexpected ')', expected '}' or a statement"),
        ("BEGIN { if (1) f(); }", "1:16-17 unexpected 'f', expected '{'"),
        ("BEGIN { é }", "1:9-11 unexpected 'é', expected '}' or a statement"),
        ("BEGIN { \0 }", "1:9-10 unexpected '\\x00', expected '}' or a statement"),
        ("BEGIN {} }", "1:10-11 unexpected '}', expected a probe"),
        ("BEGIN {}; END {}", "1:9-10 unexpected ';', expected a probe"),
        (":f {}", "1:1-2 unexpected ':', expected a probe"),
        ("kprobe:f kprobe:g {}", "1:10-16 unexpected 'kprobe', expected ',' or '{'"),
        ('kprobe:f "x" {}', "1:10-13 unexpected '\"x\"', expected ',' or '{'"),
        # The script ends too early: the mark stands behind the last token.
        ("BEGIN", "1:6-7 unexpected end of input, expected ',' or '{'"),
        ("BEGIN\n\n// c\n", "1:6-7 unexpected end of input, expected ',' or '{'"),
        ("BEGIN { f(", "1:11-12 expected expression"),
        ("BEGIN { f(1", "1:12-13 unexpected end of input, expected ')' or ','"),
        ("BEGIN { f()", "1:12-13 unexpected end of input, expected ';' or '}'"),
        ("BEGIN { 1; /* }", "1:11-12 unexpected end of input, expected '}' or a statement"),
        ('kprobe:"abc {}', "1:8-15 unterminated string"),
        # What only variables and maps can do.
        ("BEGIN { comm = 1; }", "1:9-13 invalid assignment target"),
        ("BEGIN { ($x) = 1; }", "1:9-13 invalid assignment target"),
        ("BEGIN { $a == 1 = 2; }", "1:9-16 invalid assignment target"),
        ("BEGIN { args.a += 1; }", "1:9-15 Tuples and records are immutable once created"),
        ("BEGIN { 1++; }", "1:9-12 increment/decrement requires a variable or map"),
        ("BEGIN { args.a--; }", "1:9-17 increment/decrement requires a variable or map"),
        ("BEGIN { ++$x.a; }", "1:9-15 increment/decrement requires a variable or map"),
        ("BEGIN { ----1; }", "1:11-14 increment/decrement requires a variable or map"),
        ("BEGIN { --$x++; }", "1:9-15 increment/decrement requires a variable or map"),
        ("BEGIN { ++f(); }", "1:9-14 increment/decrement requires a variable or map"),
    ],
)
def test_a_syntax_error_in_words_with_its_place(script: str, report: str) -> None:
    assert error(script) == report


def test_each_probe_reports_its_own_error() -> None:
    script = 'BEGIN { $x 1 }\nkprobe:f { f( }\nuprobe:/a/*/b//c:g { @x = 1; }\nEND { "{" ; ; }\n/* } */ BEGIN /1 { }'
    assert errors(script) == [
        "1:11-12 expected ';'",
        "2:15-16 expected expression",
        "4:13-14 expected expression",
        "5:17-18 expected '/' to close predicate",
    ]


def test_an_unterminated_string_does_not_hide_the_next_probe() -> None:
    assert errors('BEGIN { f("a); }\nEND { 1 2 }') == ["1:11-17 unterminated string", "2:8-9 expected ';'"]


def test_a_missing_brace_does_not_hide_the_error_before_it() -> None:
    assert errors("BEGIN { $x 1 \nEND { }") == ["1:11-12 expected ';'"]


@pytest.mark.parametrize(
    "script",
    ["BEGIN { (", "BEGIN { 1 2 }", "%", "BEGIN { @x[ }", "BEGIN { } x", "BEGIN { if", "BEGIN { if (1) {} else }"],
)
def test_no_name_of_the_grammar_is_shown(script: str) -> None:
    assert not re.search(r"[A-Z_]{4,}|\$END", error(script).replace("BEGIN", ""))


def test_a_long_token_is_shown_short() -> None:
    report = error(f"BEGIN {{ f(1 {'9' * 500}) }}")
    assert report == f"1:13-513 unexpected '{'9' * 37}...', expected ')' or ','"


@pytest.mark.parametrize(
    ("script", "hints"),
    [
        ('printf("hello")', ["statements stand inside of a probe: begin { ... }"]),
        ("print(1); exit(); ", ["statements stand inside of a probe: begin { ... }"]),
        ("@a = 1", ["statements stand inside of a probe: begin { ... }"]),
        ("BEGIN { } $a = 1", ["statements stand inside of a probe: begin { ... }"]),
        ("kprobe:f /pid = 1/ { }", ["'==' compares"]),
        ("BEGIN { if (pid = 1) { } }", ["'==' compares"]),
        ("BEGIN { if pid = 1 { } }", ["'==' compares"]),
        ("kprobe:f kprobe:g { }", []),
        ('uprobe:/bin/a:cpp:"f(int)" /pid /', []),
        ("BEGIN { $a = 1 $b = 2 }", []),
        ("BEGIN { $a = = 2 }", []),
        ("BEGIN", []),
    ],
)
def test_what_a_beginner_meant_is_said(script: str, hints: list[str]) -> None:
    [diagnostic] = parse_with_diagnostics(script)[1].recorded
    assert list(diagnostic.hints) == hints
