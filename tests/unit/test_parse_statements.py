"""Statements: where a `;` is needed, where one is allowed, and what an `if` ends with."""

from __future__ import annotations

import pytest
from parsing import error, find, parse, shape, statement, statements, written
from pybpftrace.core import ast


def kinds(body: str) -> list[str]:
    return [type(item).__name__ for item in statements(body)]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"])
@pytest.mark.parametrize("target", ["$x", "@x", "@x[1]", "@"])
def test_compound_assignments_keep_their_operator(operator: str, target: str) -> None:
    found = statement(f"{target} {operator}= 2;")
    assert isinstance(found, ast.Assignment)
    assert (shape(found.target), found.operator, shape(found.value)) == (target, operator, "2")


def test_a_plain_assignment_has_no_operator() -> None:
    found = statement("$x=1")
    assert isinstance(found, ast.Assignment)
    assert found.operator is None


def test_the_last_statement_needs_no_semicolon() -> None:
    assert kinds("$x = 1; $x") == ["Assignment", "ExpressionStatement"]


@pytest.mark.parametrize("first", ["if (1) {}", "if (1) {} else {}", "{}"])
@pytest.mark.parametrize("between", ["", ";"])
def test_a_semicolon_behind_a_closing_brace_is_allowed_and_not_needed(first: str, between: str) -> None:
    assert kinds(f"{first}{between} $x = 1;")[1:] == ["Assignment"]


@pytest.mark.parametrize("first", ["if (1) { }", "if 1 { } else { }", "if 1 { } else if 2 { }", "{ 1 }", "{ }"])
@pytest.mark.parametrize("next_", ["-1", "*$x", "&$x", "(1)", "--$x", "{ }", "$x++"])
def test_a_statement_if_or_block_ends_at_its_closing_brace(first: str, next_: str) -> None:
    assert len(statements(f"{first} {next_};")) == 2


@pytest.mark.parametrize("continuation", ["+1", "[1]", ".a", "&& 1", "++", "? 1 : 2"])
def test_a_statement_if_cannot_go_on_as_an_expression(continuation: str) -> None:
    assert error(f"BEGIN {{ if (1) {{ }} {continuation}; }}")


@pytest.mark.parametrize("condition", ["(1 + 2)", "$x", "!$x", "f(1)", "@m[1]", "args.a", "-1"])
def test_a_condition_is_in_parentheses_or_a_unary_expression(condition: str) -> None:
    found = statement(f"if {condition} {{ }}")
    assert isinstance(found, ast.If)


def test_a_binary_condition_needs_parentheses() -> None:
    assert error("BEGIN { if 1 + 2 { } }") == "1:14-15 unexpected '+', expected '{'"


def test_else_if_is_a_block_with_one_if() -> None:
    found = statement("if (1) { } else if (2) { $a } else { $b }")
    assert isinstance(found, ast.If)
    assert found.otherwise is not None
    assert found.otherwise.statements == ()
    inner = found.otherwise.value
    assert isinstance(inner, ast.If)
    assert shape(inner.condition) == "2"
    assert inner.otherwise is not None
    assert inner.otherwise.span != found.otherwise.span


def test_blocks_nest() -> None:
    outer = statement("{ $x = 1; { $y = 2 }; }")
    assert isinstance(outer, ast.Block)
    assert [type(item) for item in outer.statements] == [ast.Assignment, ast.Block]


def test_return_with_and_without_a_value() -> None:
    assert kinds("return; return 1 + 2; return") == ["Return"] * 3
    found = statement("return 1 + 2")
    assert isinstance(found, ast.Return)
    assert found.value is not None
    assert shape(found.value) == "(1 + 2)"


@pytest.mark.parametrize("text", ['$a == 1 ? print("t") : print("f");', "@m ? f() : g();", "$a ?: f();"])
def test_a_ternary_can_be_a_statement_that_begins_with_a_variable_or_map(text: str) -> None:
    found = statement(text)
    assert isinstance(found, ast.ExpressionStatement)
    assert isinstance(found.expression, ast.Ternary)


@pytest.mark.parametrize("text", ["$x++", "@m[1]--", "++$x", "--@m"])
def test_increments_are_statements_too(text: str) -> None:
    found = statement(f"{text};")
    assert isinstance(found, ast.ExpressionStatement)
    assert isinstance(found.expression, ast.Increment)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ast.Assignment, "@m[1] = (2)"),
        (ast.ExpressionStatement, "f(1)"),
        (ast.If, "if (1) { } else { 2 }"),
        (ast.Block, "{ 1; }"),
        (ast.Return, "return 1;"),
        (ast.Return, "return;"),
    ],
)
def test_the_span_of_a_statement(kind: type[ast.Node], text: str) -> None:
    behind = "" if text.endswith((";", "}")) else ";"
    program = parse(f"BEGIN {{ {text}{behind} $z = 3; }}")
    first = program.probes[0].body.statements[0]
    assert isinstance(first, kind)
    assert written(program, first) == text


def test_a_return_without_its_semicolon_ends_with_its_value() -> None:
    program = parse("BEGIN { return (1) }")
    assert written(program, find(program, ast.Return)) == "return (1)"
