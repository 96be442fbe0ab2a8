"""Types where the language has them: in `let`, casts, parameters, and in `sizeof` and its relatives."""

from __future__ import annotations

import pytest
from parsing import error, expression, find, parse, shape, statement, written
from pybpftrace.core import ast

TYPES = [
    ("int8", "type int8"),
    ("foo", "type foo"),
    ("struct foo", "type struct foo"),
    ("union foo *", "type union foo*"),
    ("enum foo", "type enum foo"),
    ("int32*[4]", "type int32*[4]"),
    ("int32[4]*", "type int32[4]*"),
    ("int8[]", "type int8[]"),
    ("string[0x10]", "type string[16]"),
    ("typeof($x)", "typeof($x)"),
    ("typeof(struct s *)[2]", "typeof(type struct s*)[2]"),
    ("struct /* a */ foo // b\n *", "type struct foo*"),
]


@pytest.mark.parametrize(("text", "meaning"), TYPES)
def test_a_variable_is_declared_with_a_type(text: str, meaning: str) -> None:
    declared = statement(f"let $x : {text};")
    assert isinstance(declared, ast.Let)
    assert declared.type is not None
    assert (shape(declared.type), declared.value) == (meaning, None)


@pytest.mark.parametrize(("text", "meaning"), TYPES)
def test_a_type_and_a_value_go_together(text: str, meaning: str) -> None:
    declared = statement(f"let $x:{text}=-1;")
    assert isinstance(declared, ast.Let)
    assert declared.type is not None
    assert declared.value is not None
    assert (shape(declared.type), shape(declared.value)) == (meaning, "(-1)")


def test_a_declaration_needs_neither_type_nor_value() -> None:
    declared = statement("let $x")
    assert isinstance(declared, ast.Let)
    assert (declared.variable.name, declared.type, declared.value) == ("$x", None, None)


@pytest.mark.parametrize("value", ["", " = 1 + 2"])
@pytest.mark.parametrize("declared", ["let $x", "let $x : struct s *[2]"])
def test_the_span_of_a_declaration_is_that_of_variable_and_type(declared: str, value: str) -> None:
    program = parse(f"BEGIN {{ {declared}{value}; }}")
    assert written(program, find(program, ast.Let)) == declared


def test_the_spans_of_a_type_and_its_parts() -> None:
    program = parse("BEGIN { let $x : struct s * [ 2 ]; }")
    assert written(program, find(program, ast.ArrayType)) == "struct s * [ 2 ]"
    assert written(program, find(program, ast.PointerType)) == "struct s *"
    assert written(program, find(program, ast.NamedType)) == "struct s"


@pytest.mark.parametrize("word", ["sizeof", "typeinfo", "typeof"])
@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        # Types.
        ("uint64", "type uint64"),
        ("bool", "type bool"),
        ("string", "type string"),
        ("count_t", "type count_t"),
        ("uint64[2]", "type uint64[2]"),
        ("struct foo", "type struct foo"),
        ("struct foo *", "type struct foo*"),
        ("foo *", "type foo*"),
        ("foo[1]", "type foo[1]"),
        ("foo[]", "type foo[]"),
        ("foo * [2] *", "type foo*[2]*"),
        ("foo /* , */ * // )\n", "type foo*"),
        ("typeof(foo)", "typeof(foo)"),
        ("typeof(foo *)*", "typeof(type foo*)*"),
        # Expressions.
        ("foo", "foo"),
        ("(foo)[1]", "foo[1]"),
        ("(foo[1])", "foo[1]"),
        ("foo[$i]", "foo[$i]"),
        ("foo[1].x", "foo[1].x"),
        ("foo[1] + 2", "(foo[1] + 2)"),
        ("foo * bar", "(foo * bar)"),
        ("foo * 2", "(foo * 2)"),
        ("foo()", "foo()"),
        ("foo.bar", "foo.bar"),
        ("args[1]", "args[1]"),
        ("pid", "pid"),
        ("*$x", "(*$x)"),
        ("$x", "$x"),
        ("@m", "@m"),
        ("@m[1]", "@m[1]"),
        ("(uint8)1", "({type uint8} 1)"),
        ("((uint8)1)", "({type uint8} 1)"),
        ("1 + 2", "(1 + 2)"),
        ("uint64_t", "uint64_t"),
        ("structure", "structure"),
        ("int8x", "int8x"),
    ],
)
def test_a_type_is_what_can_be_nothing_else(word: str, text: str, meaning: str) -> None:
    outer = expression(f"f({word}({text}))")
    assert isinstance(outer, ast.Call)
    assert shape(outer.arguments[0]) == f"{word}({meaning})"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("offsetof(struct foo, a)", "offsetof(type struct foo, a)"),
        ("offsetof(foo, a.b.c)", "offsetof(foo, a.b.c)"),
        ("offsetof(foo *, if)", "offsetof(type foo*, if)"),
        ("offsetof(*$p, a . b)", "offsetof((*$p), a.b)"),
        ("offsetof(typeof($p), a)", "offsetof(typeof($p), a)"),
        ("offsetof(uint8, a)", "offsetof(type uint8, a)"),
    ],
)
def test_an_offset_has_a_type_or_expression_and_a_path(text: str, meaning: str) -> None:
    assert shape(expression(text)) == meaning


def test_typeof_is_an_argument_of_a_call_and_nothing_else() -> None:
    assert shape(expression("f(typeof(int8), 1, typeof($x))")) == "f(typeof(type int8), 1, typeof($x))"
    assert isinstance(expression("typeof(1)"), ast.Call)


@pytest.mark.parametrize("text", ["sizeof(struct s)", "typeinfo( $x )", "offsetof(s, a.b)"])
def test_the_span_goes_from_the_word_to_the_closing_parenthesis(text: str) -> None:
    program = parse(f"BEGIN {{ f( {text} ); }}")
    call = find(program, ast.Call)
    assert written(program, call.arguments[0]) == text


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("BEGIN { let $x : 5; }", "1:18-19 unexpected '5', expected a name"),
        ("BEGIN { let $x : ; }", "1:18-19 unexpected ';', expected a name"),
        ("BEGIN { let $x : int8[x]; }", "1:23-24 unexpected 'x', expected ']' or a number"),
        ("BEGIN { let $x : int8[08]; }", "1:23-25 invalid trailing bytes"),
        ("BEGIN { let $x : int8 1; }", "1:22-23 expected ';'"),
        ("BEGIN { let x = 1; }", "1:13-14 unexpected 'x', expected a variable"),
        ("BEGIN { let @x = 1; }", "1:13-15 unexpected '@x', expected a variable"),
        ("BEGIN { let $x += 1; }", "1:15-16 expected ';'"),
        ("BEGIN { sizeof(); }", "1:16-17 expected expression"),
        ("BEGIN { sizeof 1; }", "1:16-17 unexpected '1', expected '('"),
        ("BEGIN { offsetof(struct s); }", "1:26-27 unexpected ')', expected ','"),
        ("BEGIN { offsetof(s, 1); }", "1:21-22 unexpected '1', expected a name"),
        ("BEGIN { offsetof(s, a.); }", "1:23-24 unexpected ')', expected a name"),
        ("BEGIN { f(typeof(int8) + 1); }", "1:24-25 unexpected '+', expected ')' or ','"),
    ],
)
def test_what_is_no_type(script: str, report: str) -> None:
    assert error(script) == report
