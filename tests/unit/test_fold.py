"""Constant folding: exact arithmetic on literals, and what is said when a result does not fit."""

from __future__ import annotations

import pytest
from parsing import compilation, find, parse, shape, written
from pybpftrace.core import ast
from pybpftrace.core.diagnostics import Diagnostic, Severity
from pybpftrace.passes.typecheck.fold import ALWAYS_EMPTY, ILLEGAL_STRINGS, OVERFLOW, FoldConstants


def fold_with_diagnostics(text: str) -> tuple[ast.Expression, ast.Program, list[Diagnostic]]:
    """What an expression becomes."""
    context = compilation()
    program = FoldConstants().run(parse(f"BEGIN {{ f({text}); }}"), context)
    call = program.probes[0].body.statements[0]
    assert isinstance(call, ast.ExpressionStatement)
    assert isinstance(call.expression, ast.Call)
    return call.expression.arguments[0], program, context.diagnostics.recorded


def fold(text: str) -> ast.Expression:
    folded, _, recorded = fold_with_diagnostics(text)
    assert recorded == []
    return folded


def value(text: str) -> object:
    folded = fold(text)
    assert isinstance(folded, ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral)
    return folded.value


def complaint(text: str) -> str:
    """The one diagnostic, which marks the whole expression."""
    _, program, (diagnostic,) = fold_with_diagnostics(text)
    assert diagnostic.span is not None
    assert program.source.text[diagnostic.span.start : diagnostic.span.end] == text
    return diagnostic.message


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2 * 3", 7),
        ("1 - 2", -1),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("6 & 3 | 8 ^ 1", 11),
        ("1 << 63", 1 << 63),
        ("-16 >> 2", -4),
        ("18446744073709551615 - 1 + 1", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("-(-5)", 5),
        ("~0", 2**64 - 1),
        ("~1", 2**64 - 2),
        ("~-1", 0),
        ("- - 3", 3),
        ("5s / 1ms", 5000),
        ("(2 + 3) * (4 - 1)", 15),
    ],
)
def test_integers_fold_exactly(text: str, result: int) -> None:
    folded = fold(text)
    assert isinstance(folded, ast.IntegerLiteral)
    assert (folded.value, folded.text) == (result, str(result))


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551615 + 1",
        "-9223372036854775808 - 1",
        "4294967296 * 4294967296",
        "1 / 0",
        "1 % 0",
        "1 << 64",
        "1 << -1",
        "1 >> 64",
        "2 << 63",
        "true / false",
    ],
)
def test_a_result_that_does_not_fit_is_an_error(text: str) -> None:
    assert complaint(text) == OVERFLOW == "unable to fold literals due to overflow or underflow"


def test_the_negative_of_a_large_literal_is_an_error() -> None:
    assert complaint("-9223372036854775809") == "negative value will underflow"


def test_an_operation_that_does_not_fold_is_left_as_it_is() -> None:
    folded, _, _ = fold_with_diagnostics("1 / 0")
    assert shape(folded) == "(1 / 0)"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 == 1", True),
        ("1 != 1", False),
        ("-1 < 1", True),
        ("2 <= 1", False),
        ("18446744073709551615 > -1", True),
        ("1 >= 1", True),
        ("1 && 0", False),
        ("0 || 2", True),
        ("true && 2", True),
        ("0 || false", False),
        ("1 == 1 && 2 == 2", True),
        ("true == false", False),
        ("true ^ true", False),
        ("true + true", True),
        ("true | false", True),
        ("!0", True),
        ("!5", False),
        ("!true", False),
        ("!(1 < 2)", False),
    ],
)
def test_comparisons_and_logic_fold_to_a_truth_value(text: str, result: bool) -> None:
    assert value(text) is result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('"ab" + "c"', b"abc"),
        ('"a" + "b" + "c"', b"abc"),
        ('"abc" + 1', b"bc"),
        ('"a" == "a"', True),
        ('"a" != "a"', False),
        ('"a" < "b"', True),
        ('"b" <= "abc"', False),
        ('"\\xff" > "a"', True),
        ('"a" >= "a"', True),
        ('"abc"[1]', ord("b")),
        ('"\\xff"[0]', 255),
        ('"abc"[3]', 0),
        ('("a" + "b")[0 + 1]', ord("b")),
    ],
)
def test_strings_fold(text: str, result: object) -> None:
    assert value(text) == result


@pytest.mark.parametrize("text", ['"a" - "b"', '"a" && "b"', '"a" * 2', '"abc" - 1', '"abc" + -1'])
def test_other_operations_on_literal_strings_are_errors(text: str) -> None:
    assert complaint(text) == ILLEGAL_STRINGS == "illegal literal operation with strings"


def test_a_string_cut_at_its_end_is_a_warning() -> None:
    folded, _, (diagnostic,) = fold_with_diagnostics('"abc" + 3')
    assert isinstance(folded, ast.StringLiteral)
    assert folded.value == b""
    assert (diagnostic.severity, diagnostic.message) == (Severity.WARNING, ALWAYS_EMPTY)


def test_a_character_behind_the_end_of_a_string_does_not_fold() -> None:
    assert shape(fold('"abc"[4]')) == "b'abc'[4]"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("str(5)", b"5"),
        ("str(-5)", b"-5"),
        ("str(2 + 3)", b"5"),
        ('str("hello")', b"hello"),
        ('str("hello", 3)', b"hel"),
        ('str("hello", 9)', b"hello"),
        ('str("hello", 0)', b""),
        ('str("hello" + 2)', b"llo"),
        ('str("a" + "b")', b"ab"),
    ],
)
def test_str_of_a_literal_is_a_literal(text: str, result: bytes) -> None:
    assert value(text) == result


@pytest.mark.parametrize("text", ["str(pid)", 'str("a", pid)', 'str("a", -1)', "str(5, 1)", "str(true)", 'f("a")'])
def test_another_call_stays(text: str) -> None:
    assert isinstance(fold(text), ast.Call)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('(1, "a") == (1, "a")', True),
        ('(1, "a") == (1, "b")', False),
        ("(1, 2) != (1, 3)", True),
        ("(1, (2, true)) == (1, (2, true))", True),
        ("(1 + 1, 2) == (2, 2)", True),
        ("(a=1, b=2) == (b=2, a=1)", True),
        ("(a=1, b=2) != (a=1, b=2)", False),
        ("() == ()", True),
    ],
)
def test_tuples_and_records_of_literals_compare(text: str, result: bool) -> None:
    assert value(text) is result


@pytest.mark.parametrize(
    "text", ['(1, 2) == (1, "a")', "(1, 2) == (1, 2, 3)", "(1, pid) == (1, 2)", "(a=1) == (b=1)", "(1, 2) < (1, 3)"]
)
def test_what_the_type_checker_has_to_see_is_not_compared(text: str) -> None:
    assert isinstance(fold(text), ast.Binary)


@pytest.mark.parametrize(
    ("text", "result"),
    [('(1, "a").1', b"a"), ("(1, (2, 3)).1.0", 2), ('(a=1, b="x").b', b"x"), ("(5,).0 + 1", 6)],
)
def test_an_element_of_literals_is_a_literal(text: str, result: object) -> None:
    assert value(text) == result


@pytest.mark.parametrize("text", ["(1, 2).2", "(a=1).b", "(1, f()).0", "(1, pid).0", "(1, 2).a"])
def test_an_element_that_is_not_there_or_would_lose_an_effect_stays(text: str) -> None:
    assert isinstance(fold(text), ast.FieldAccess)


def test_a_folded_element_stands_where_the_access_stood() -> None:
    program = FoldConstants().run(parse("BEGIN { $x = (1, 2).1; }"), compilation())
    assert written(program, find(program, ast.IntegerLiteral)) == "(1, 2).1"


@pytest.mark.parametrize("text", ["-true", "~true", "1 + true", "true == 1"])
def test_truth_values_are_no_numbers(text: str) -> None:
    assert isinstance(fold(text), ast.Unary | ast.Binary)


def test_a_sum_of_a_thousand_numbers_folds() -> None:
    assert value(" + ".join(["1"] * 1000)) == 1000


@pytest.mark.parametrize("text", ["1 ? 2 : 3", "true ?: 1", "$x + 1", "comm == 1", "pid && 1", "f(1)", "1 + pid + 2"])
def test_what_is_not_an_operation_on_literals_stays(text: str) -> None:
    program = parse(f"BEGIN {{ $y = {text}; if (1) {{ f(2); }} }}")
    assert FoldConstants().run(program, compilation()) is program


def test_folding_reaches_every_place_that_holds_an_expression() -> None:
    program = FoldConstants().run(
        parse(
            "kprobe:f /1 + 1 == pid/ { @x[1 + 1] = f(1 + 1); $y -= 1 + 1; if (1 + 1) { -$z[1 + 1]; } else { a ? 1 + 1 "
            ": 1 + 1; } { @n[1 + 1]++; g(a.b[1 + 1]) } return 1 + 1; }"
        ),
        compilation(),
    )
    values = [node.value for node in ast.walk(program) if isinstance(node, ast.IntegerLiteral)]
    assert values == [2] * 11


def test_a_folded_literal_has_the_span_of_what_it_replaces() -> None:
    program = FoldConstants().run(parse("BEGIN { $x = (1 + 2) * 3; }"), compilation())
    assert written(program, find(program, ast.IntegerLiteral)) == "(1 + 2) * 3"


def test_what_is_beside_a_folded_literal_keeps_its_identity() -> None:
    program = parse("BEGIN { f(pid, 1 + 1); $x = 1; } END { g(); }")
    folded = FoldConstants().run(program, compilation())
    before, after = program.probes[0].body.statements, folded.probes[0].body.statements
    assert folded.probes[1] is program.probes[1]
    assert after[1] is before[1]
    assert after[0] is not before[0]
    assert find(after[0], ast.Identifier) is find(before[0], ast.Identifier)


def test_the_condition_of_a_short_ternary_stays_one_node() -> None:
    folded = fold("(pid + (1 + 1)) ?: 3")
    assert isinstance(folded, ast.Ternary)
    assert shape(folded.condition) == "(pid + 2)"
    assert folded.then is folded.condition


def test_all_errors_of_a_script_are_found_in_one_run() -> None:
    context = compilation()
    FoldConstants().run(parse('BEGIN { $x = 1 / 0; $y = "a" - "b"; }'), context)
    assert [diagnostic.message for diagnostic in context.diagnostics.recorded] == [OVERFLOW, ILLEGAL_STRINGS]
