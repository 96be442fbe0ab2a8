"""How `--fmt` writes expressions and types."""

from __future__ import annotations

import pytest
from formatting import expression, formatted, statements
from parsing import find, parse, shape
from pybpftrace.core import ast


@pytest.mark.parametrize(
    "script",
    [
        "1", "0xFF", "1_000", "1e6", "5ms", "10ull", "0755", "true", "false", "$1", "$#", "comm", "$x", "@", "@m",
        "$if", "f()", "f(1, $x, g(2))", "args.filename", "$t.0.1", "$x[1][2]", "@m[1]", "@m[a, b]", "@m[(a, b)]",
        "@m[1][2]",
        "()", "(1,)", "(a, b)", "(a=1, b=2)", "str($1)", "sizeof(struct foo)", "sizeof($x)", "typeinfo(@m)",
        "offsetof(struct foo, a.b.c)", "f(typeof(uint32))", "-$x", "!$x", "~$x", "*$p", "&$x", "&@m", "!!$x", "*&@m",
        "$x++", "--@m[1]", "-$x++", "(int64)-16", "(uint8)$x", "(uint8)(uint64)$x", "*(uint8 *)$p", "(typeof($x))$y",
        "comptime $x", "comptime (1 + 2)",
    ],
)  # fmt: skip
def test_what_is_written_as_it_should_be_stays(script: str) -> None:
    assert expression(script) == script


@pytest.mark.parametrize(
    "script, written",
    [
        ("a+b", "a + b"),
        ("(a)+1", "a + 1"),
        ("a*b+c", "(a * b) + c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a+b+c", "(a + b) + c"),
        ("a-(b-c)", "a - (b - c)"),
        ("-a+b", "(-a) + b"),
        ("a - -7", "a - -7"),
        ("(uint8)$x+1", "((uint8)$x) + 1"),
        ("$x++ + 1", "($x++) + 1"),
        ("((a))+((f(1)))", "a + f(1)"),
        ("(a == 1) == (1, 2)", "(a == 1) == (1, 2)"),
        ("a == 1 && b == 2", "(a == 1) && (b == 2)"),
    ],
)
def test_every_operand_that_is_no_name_literal_or_call_gets_parentheses(script: str, written: str) -> None:
    assert expression(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        ("(a&&b)&&c", "a && b && c"),
        ("a||b||c||d", "a || b || c || d"),
        ("a&&b||c&&d", "(a && b) || (c && d)"),
        ("a && (b && c)", "a && (b && c)"),
    ],
)
def test_a_chain_of_the_same_logical_operator_is_flat(script: str, written: str) -> None:
    assert expression(script) == written


def test_a_long_row_of_operators_has_only_the_parentheses_that_it_needs() -> None:
    row = " + ".join(["bc"] * 22)
    assert statements(f"$x = {row};") == "$x =\n  " + " +\n  ".join(["bc"] * 22) + ";"
    assert statements(f"$x = ({row}) * 2;").count("(") == 1


@pytest.mark.parametrize(
    "script, written",
    [
        ("a==1?b+1:c", "a == 1 ? b + 1 : c"),
        ("a?:b", "a ?: b"),
        ("a?b:c?d:e", "a ? b : (c ? d : e)"),
        ("(a?b:c)?d:e", "(a ? b : c) ? d : e"),
        ("(a?b:c)+1", "(a ? b : c) + 1"),
    ],
)
def test_a_ternary_has_blanks_and_one_inside_of_it_parentheses(script: str, written: str) -> None:
    assert expression(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        ("- -$x", "-(-$x)"),
        ("-(--$x)", "-(--$x)"),
        ("!(a+b)", "!(a + b)"),
        ("!(comptime a)", "!(comptime a)"),
        ("(uint8)(++$x)", "(uint8)(++$x)"),
        ("(uint8)({ 1 })", "(uint8)({ 1 })"),
        ("(foo)-1", "(foo)-1"),
        ("(pid)-1", "pid - 1"),
        ("comptime (if a { 1 } else { 2 })", "comptime (if a { 1 } else { 2 })"),
    ],
)
def test_prefixes_and_casts_keep_what_they_stand_before(script: str, written: str) -> None:
    assert expression(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        ("args->a->b", "args.a.b"),
        ("$t . 0", "$t.0"),
        ("((struct s*)arg0)->f", "((struct s *)arg0).f"),
        ("(struct s*)arg0->f", "(struct s *)arg0.f"),
        ("(@m)[1]", "(@m)[1]"),
        ("(*$p).x", "(*$p).x"),
        ("({ $x })[1]", "({ $x })[1]"),
        ("(1,2).0", "(1, 2).0"),
    ],
)
def test_fields_and_indexes_have_points_and_a_base_in_parentheses_if_it_is_complex(script: str, written: str) -> None:
    assert expression(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        ("sizeof((x))", "sizeof((x))"),
        ("sizeof(x)", "sizeof(x)"),
        ("sizeof((uint8))", "sizeof((uint8))"),
        ("sizeof((x[1]))", "sizeof((x[1]))"),
        ("sizeof((x)[1])", "sizeof((x[1]))"),
        ("sizeof(x [ 1 ])", "sizeof(x[1])"),
        ("sizeof(args[1])", "sizeof(args[1])"),
        ("sizeof(typeof(x)*)", "sizeof(typeof(x) *)"),
        ("sizeof(int32*[0x4]*)", "sizeof(int32 *[0x4] *)"),
        ("sizeof(struct  foo**)", "sizeof(struct foo **)"),
        ("sizeof(string[])", "sizeof(string[])"),
    ],
)
def test_types_stay_types_and_expressions_expressions(script: str, written: str) -> None:
    assert expression(script) == written


@pytest.mark.parametrize(
    "script, written",
    [
        (r'"a\"b\\c\n\t\r"', r'"a\"b\\c\n\t\r"'),
        (r'"\x41\101\7\033"', r'"AA\x07\x1b"'),
        (r'"\xc3\xa9\xff"', r'"é\xff"'),
        ('"é中"', '"é中"'),
        (r'"\xc3(\xed\xa0\x80"', r'"\xc3(\xed\xa0\x80"'),
    ],
)
def test_strings_are_escaped_anew(script: str, written: str) -> None:
    assert expression(script) == written


def test_a_list_that_is_too_long_has_lines_of_similar_widths_behind_its_bracket() -> None:
    long = 'printf("%s %d %d %d %d %d %d\\n", comm, pid, tid, uid, gid, first_value, second_value, third_value);'
    assert statements(long) == (
        'printf("%s %d %d %d %d %d %d\\n", comm, pid, tid, uid,\n'
        "       gid, first_value, second_value, third_value);"
    )
    keys = "@m[first_value_of_all, second_value_of_all, third_value_of_all, fourth_value_of_all] = 1;"
    assert statements(keys) == (
        "@m[first_value_of_all, second_value_of_all,\n   third_value_of_all, fourth_value_of_all] = 1;"
    )


def test_a_list_that_does_not_fit_behind_its_bracket_is_on_lines_of_its_own() -> None:
    text = f'"{"a" * 80}"'
    assert statements(f"a_function_with_a_name({text}, 1, 2);") == (
        f"a_function_with_a_name(\n  {text},\n  1, 2\n);"
    )


def test_a_block_as_the_last_argument_begins_behind_the_others() -> None:
    assert statements("apply($x, { $y = 1; $y });") == "apply($x, {\n  $y = 1;\n  $y\n});"


def test_a_chain_that_is_too_long_has_an_operand_a_line() -> None:
    one, two, three = (f"${letter * 30}" for letter in "abc")
    assert statements(f"$x = {one} && {two} && {three};") == f"$x =\n  {one} &&\n  {two} &&\n  {three};"
    assert statements(f"if ({one} || {two} || {three}) {{ }}") == (
        f"if ({one} ||\n    {two} ||\n    {three}) {{\n}}"
    )


def test_a_ternary_that_is_too_long_has_three_lines() -> None:
    one, two = (f"{letter * 40}" for letter in "ab")
    assert statements(f"$x = $y ? {one} : {two};") == f"$x = $y\n  ? {one}\n  : {two};"


def test_a_value_that_does_not_fit_behind_its_equals_sign_begins_a_line() -> None:
    name, value = "n" * 50, "v" * 50
    assert statements(f"@{name} = {value};") == f"@{name} =\n  {value};"
    assert statements(f"@{name} = {value}.f;") == f"@{name} =\n  {value}.f;"


def test_the_columns_of_a_character_are_counted_once() -> None:
    text = f'"{"é" * 60}"'
    assert statements(f"print({text}, 12345, 1);") == f"print({text}, 12345, 1);"


@pytest.mark.parametrize(
    "script", ["$x - -1", "(foo)*$a", "(foo)(1)", "-5 ? 1 : 2", "a / *$p", "a ?: b ?: c", "((a, b),)"]
)
def test_the_tree_stays_the_same(script: str) -> None:
    before = find(parse(f"begin {{ $x = {script}; }}"), ast.Assignment).value
    after = find(parse(formatted(f"begin {{ $x = {script}; }}")), ast.Assignment).value
    assert shape(after) == shape(before)
