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


# The value of a block


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("$x = { 1 };", "{ 1 }"),
        ("$x = { f(); 1 };", "{ f(); 1 }"),
        ("$x = { f(); };", "{ f(); }"),
        ("$x = { };", "{ }"),
        ("$x = { { 1 } };", "{ { 1 } }"),
        ("$x = { { 1 }; };", "{ { 1 }; }"),
        ("$x = { if 1 { 2 } else { 3 } };", "{ if 1 { 2 } else { 3 } }"),
        ("$x = { if 1 { 2 } ; };", "{ if 1 { 2 }; }"),
        ("$x = { $y++ };", "{ ($y++) }"),
        ("$x = if (1) { 2 } else { 3 };", "if 1 { 2 } else { 3 }"),
        ("$x = if 1 { 2 } else if (3) { 4 } else { 5 };", "if 1 { 2 } else { if 3 { 4 } else { 5 } }"),
        ("$x = if comptime (1) { 2 } else { 3 } + 1;", "(if (comptime 1) { 2 } else { 3 } + 1)"),
        ("$x = { (a=1) }.a;", "{ <a=1> }.a"),
        ("$x = -{ 1 };", "(-{ 1 })"),
        ("@x = { f(); count() };", "{ f(); count() }"),
        ("$x = f({ 1 }, if 1 { 2 });", "f({ 1 }, if 1 { 2 })"),
    ],
)
def test_blocks_and_ifs_are_expressions(text: str, meaning: str) -> None:
    found = statement(text)
    assert isinstance(found, ast.Assignment)
    assert shape(found.value) == meaning


@pytest.mark.parametrize(
    ("script", "meaning"),
    [
        ("BEGIN { 1 }", "{ 1; }"),
        ("BEGIN { if 1 { 2 } }", "{ if 1 { 2 }; }"),
        ("BEGIN { { 1 } }", "{ { 1 }; }"),
        ("fn f() : void { f() } BEGIN { }", "{ f(); }"),
        ("BEGIN { while 1 { f(); 2 } }", "{ f(); 2; }"),
        ("BEGIN { unroll 1 { { 2 } } }", "{ { 2 }; }"),
        ("BEGIN { for $x : @m { if 1 { 2 } } }", "{ if 1 { 2 }; }"),
        ("BEGIN { for $x : @m { } }", "{ }"),
    ],
)
def test_the_body_of_a_probe_function_or_loop_has_no_value(script: str, meaning: str) -> None:
    program = parse(script)
    found: ast.Node = program.functions[0] if program.functions else program.probes[0]
    loops = [node for node in ast.walk(found) if isinstance(node, ast.For | ast.While | ast.Unroll)]
    body = (loops[0] if loops else found).body  # type: ignore[attr-defined]  # all of them have one
    assert body.value is None
    assert shape(body) == meaning


def test_the_last_assignment_of_a_block_is_no_value() -> None:
    found = statement("$x = { $y = 1 };")
    assert isinstance(found, ast.Assignment)
    assert isinstance(found.value, ast.Block)
    assert found.value.value is None
    assert [type(item) for item in found.value.statements] == [ast.Assignment]


# Loops


@pytest.mark.parametrize(
    ("head", "variable", "iterable"),
    [
        ("for ($kv : @m)", "$kv", "@m"),
        ("for $kv : @m", "$kv", "@m"),
        ("for($kv:@)", "$kv", "@"),
        ("for ($i : 0..5)", "$i", "0..5"),
        ("for $i : 0..5", "$i", "0..5"),
        ("for ($i:$a..$b)", "$i", "$a..$b"),
        ("for ($i : 0 .. f(1, 2))", "$i", "0..f(1, 2)"),
        ("for ($i : (-5)..(1 + 2))", "$i", "(-5)..(1 + 2)"),
        ("for ($i : ($x.y)..$1)", "$i", "$x.y..$1"),
        ("for ($i : a..@m[1])", "$i", "a..@m[1]"),
        ("for $i : 0..$# ", "$i", "0..$#"),
        ("for $for : 0..sizeof(int8)", "$for", "0..sizeof(type int8)"),
        ("for /* a */ ( // b\n$i /* c */ : 1 /* d */ .. 2)", "$i", "1..2"),
    ],
)
def test_for_goes_over_a_map_or_a_range(head: str, variable: str, iterable: str) -> None:
    found = statement(f"{head} {{ f(); }}")
    assert isinstance(found, ast.For)
    assert (found.variable.name, shape(found.iterable), shape(found.body)) == (variable, iterable, "{ f(); }")


@pytest.mark.parametrize(
    ("iterable", "mark"),
    [
        ("$x", "$x"),
        ("@m[1]", "@m[1]"),
        ("(@m)", "(@m)"),
        ("1 + 2", "1 + 2"),
        ("-5..5", "-5"),
        ("$x.y..9", "$x.y"),
        ("0..$n+1", "$n+1"),
    ],
)
def test_for_goes_over_nothing_else(iterable: str, mark: str) -> None:
    at = 19 + iterable.index(mark)
    report = error(f"BEGIN {{ for ($i : {iterable}) {{ }} }}")
    assert report == f"1:{at}-{at + len(mark)} expected map or range in for loop"


@pytest.mark.parametrize("condition", ["(1 + 2)", "$x", "f(1)", "comptime (1 + 2)", "(a) == 1 "])
def test_while_has_a_condition_like_if(condition: str) -> None:
    if condition.endswith(" "):
        assert error(f"BEGIN {{ while {condition}{{ }} }}") == "1:19-21 unexpected '==', expected '{'"
    else:
        assert isinstance(statement(f"while {condition} {{ }}"), ast.While)


@pytest.mark.parametrize("count", ["(3)", "3", "($1)", "$1", "(1 + 2)"])
def test_unroll_has_a_count(count: str) -> None:
    assert isinstance(statement(f"unroll {count} {{ }}"), ast.Unroll)


@pytest.mark.parametrize("loop", ["for $x : @m { }", "while 1 { }", "unroll (2) { }"])
def test_a_loop_needs_no_semicolon_and_takes_none(loop: str) -> None:
    assert len(statements(f"{loop} {loop} f();")) == 3
    assert error(f"BEGIN {{ {loop}; }}").endswith(" expected expression")


@pytest.mark.parametrize("loop", ["for ($x : @m) { 1 }", "while (1) { 2 }", "unroll 3 { 4; }"])
def test_the_span_of_a_loop_goes_from_its_word_to_its_brace(loop: str) -> None:
    program = parse(f"BEGIN {{ {loop} f(); }}")
    assert written(program, program.probes[0].body.statements[0]) == loop


def test_break_and_continue_are_statements_with_their_semicolon() -> None:
    program = parse("BEGIN { while 1 { break; continue ; break } }")
    (loop,) = program.probes[0].body.statements
    assert isinstance(loop, ast.While)
    assert [written(program, item) for item in loop.body.statements] == ["break;", "continue ;", "break"]
    assert kinds("continue") == ["Continue"]


# The rest


def test_an_underscore_takes_a_value_that_nobody_wants() -> None:
    found = statement("_ = 1 + 2;")
    assert isinstance(found, ast.Discard)
    assert shape(found.value) == "(1 + 2)"
    assert kinds("_ == 1; _; _(1)") == ["ExpressionStatement"] * 3


def test_an_import_may_be_a_statement() -> None:
    program = parse('BEGIN { import "a.bpf.c"; 1 }')
    found = find(program, ast.Import)
    assert (found.path, written(program, found)) == (b"a.bpf.c", 'import "a.bpf.c";')


@pytest.mark.parametrize("word", ["let", "for", "while", "unroll", "break", "continue", "return", "import", "if", "_"])
def test_a_word_of_a_statement_counts_only_as_a_whole(word: str) -> None:
    assert kinds(f"{word}x; {word}_(1)") == ["ExpressionStatement"] * 2


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
