"""How `--fmt` writes blocks and statements."""

from __future__ import annotations

import pytest
from formatting import formatted, statements


def test_there_is_one_statement_a_line() -> None:
    assert statements("$x=1;@m[1]+=2 ; f( 1 );_=g();return 1;") == "$x = 1;\n@m[1] += 2;\nf(1);\n_ = g();\nreturn 1;"


def test_a_missing_semicolon_at_the_end_of_a_body_is_added() -> None:
    assert statements("for $i : 0..2 { f() } return") == "for $i : 0..2 {\n  f();\n}\nreturn;"


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"])
def test_a_compound_assignment_keeps_its_operator(operator: str) -> None:
    assert statements(f"$x{operator}=1;") == f"$x {operator}= 1;"


@pytest.mark.parametrize(
    "script, written",
    [
        ("let $x;", "let $x;"),
        ("let $x=1;", "let $x = 1;"),
        ("let $x:uint8;", "let $x : uint8;"),
        ("let $x:struct foo*=$y;", "let $x : struct foo * = $y;"),
        ("break;", "break;"),
        ("continue ;", "continue;"),
        ("return ( 1 ) ;", "return 1;"),
        ('import  "a.bt" ;', 'import "a.bt";'),
        ("++@n;", "++@n;"),
        ("$a==1?print(1):print(2);", "$a == 1 ? print(1) : print(2);"),
    ],
)
def test_simple_statements(script: str, written: str) -> None:
    assert statements(script) == written


def test_an_if_has_its_branches_below_each_other() -> None:
    script = "if ($x) {f();} else if ($y>1) {g();} else {h();}"
    assert statements(script) == "if $x {\n  f();\n} else if ($y > 1) {\n  g();\n} else {\n  h();\n}"


@pytest.mark.parametrize(
    "condition, written",
    [
        ("(1)", "1"),
        ("(@m[1])", "@m[1]"),
        ("(f(1))", "f(1)"),
        ("(args.x)", "args.x"),
        ("($x[1])", "$x[1]"),
        ("(comptime (a))", "comptime a"),
        ("comptime (a==1)", "comptime (a == 1)"),
        ("!$x", "(!$x)"),
        ("((a && b))", "(a && b)"),
    ],
)
def test_a_condition_has_parentheses_if_it_is_no_single_thing(condition: str, written: str) -> None:
    assert statements(f"if {condition} {{ }}") == f"if {written} {{\n}}"
    assert statements(f"while {condition} {{ }}") == f"while {written} {{\n}}"


@pytest.mark.parametrize(
    "script, written",
    [
        ("for ($x : @m) {}", "for $x : @m {\n}"),
        ("for ($i : 1..10) {}", "for $i : 1..10 {\n}"),
        ("for $i:$a..(-5) {}", "for $i : ($a)..(-5) {\n}"),
        ("for $i : f(1)..(n) {}", "for $i : (f(1))..(n) {\n}"),
        ("unroll(5) {}", "unroll (5) {\n}"),
        ("unroll $1 {}", "unroll ($1) {\n}"),
        ("while(($x--) > 1) {f()}", "while (($x--) > 1) {\n  f();\n}"),
    ],
)
def test_loops(script: str, written: str) -> None:
    assert statements(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        ("$x = if ($y) {1} else {2};", "$x = if $y { 1 } else { 2 };"),
        ("$x = if $y {1} else if $z {2} else {3};", "$x = if $y { 1 } else if $z { 2 } else { 3 };"),
        ("$x = { 1 };", "$x = { 1 };"),
        ("f({});", "f({});"),
        ("$x = { $y = 1; $y };", "$x = {\n  $y = 1;\n  $y\n};"),
        ("$x = if $y { f(); 1 } else { 2 };", "$x = if $y {\n  f();\n  1\n} else {\n  2\n};"),
        ("$x = if $y { 1 };", "$x = if $y {\n  1\n};"),
    ],
)
def test_a_value_is_on_one_line_if_it_has_no_statements(script: str, written: str) -> None:
    assert statements(script) == written


def test_a_value_that_is_too_long_has_its_branches_below_each_other() -> None:
    one, two = "a" * 40, "b" * 40
    assert statements(f"$x = if $y {{ {one} }} else {{ {two} }};") == (
        f"$x = if $y {{\n  {one}\n}} else {{\n  {two}\n}};"
    )


@pytest.mark.parametrize(
    "script",
    [
        "{\n  $x = 1;\n  $x\n}",
        "{\n  $x = 1;\n  $x;\n}",
        "{\n  if $x {\n    f();\n  }\n}",
        "{\n  if $x {\n    f();\n  };\n}",
        "{\n  {\n    f();\n  };\n}",
        "{\n  if $x { 1 } else { 2 }\n}",
        "{\n  for $i : 0..2 {\n  }\n}",
        "if $x {\n  1\n} else {\n  2\n}",
    ],
)
def test_a_semicolon_that_decides_whether_there_is_a_value_is_kept(script: str) -> None:
    assert statements(script) == script


def test_a_semicolon_that_decides_nothing_goes() -> None:
    assert statements("if $x { f(); }; { g(); };") == "if $x {\n  f();\n}\n{\n  g();\n}"


@pytest.mark.parametrize(
    "script", ["(if $x { 1 } else { 2 });", "({ 1 });", "(break);", "(for(1));", "(let);", "(return) + 1;", "_;"]
)
def test_an_expression_that_would_be_another_statement_keeps_its_parentheses(script: str) -> None:
    written = script if script != "(return) + 1;" else "(return + 1);"
    assert statements(script) == written


def test_blank_lines_between_statements_stay_and_others_go() -> None:
    assert statements("\n\n\n $x = 1;\n\n\n $y = 1; \n\n $z = 1;\n\n") == "$x = 1;\n\n\n$y = 1;\n\n$z = 1;"
    assert statements("if $x {\n\n f();\n\n g();\n\n}") == "if $x {\n  f();\n\n  g();\n}"


def test_no_line_ends_with_a_blank() -> None:
    written = formatted("begin {  \n $x = 1;  \n  \n  f();  // a  \n }")
    assert written == "begin\n{\n  $x = 1;\n\n  f(); // a\n}\n"


@pytest.mark.parametrize("script", ["if ((1, 2)) {\n}", "while ((1, 2)) {\n}", "if ((a=1)) {\n}"])
def test_a_tuple_as_a_condition_keeps_the_statement_s_own_parentheses(script: str) -> None:
    assert statements(script) == script
