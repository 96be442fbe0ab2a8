"""Macros: which one a call means, what it becomes, and what is refused."""

from __future__ import annotations

import pytest
from pybpftrace.core import ast
from pybpftrace.passes.parse.macro_expansion import MAXIMUM_CALLS
from pybpftrace.passes.parse.macros import ExpandMacros
from staged import Staged


def expanded(script: str) -> Staged:
    return Staged(script, ExpandMacros())


def text(script: str) -> str:
    staged = expanded(script)
    assert staged.messages == []
    return staged.text()


def notes(script: Staged) -> list[str]:
    return [note.message for diagnostic in script.diagnostics.recorded for note in diagnostic.notes]


# What a call becomes


def test_a_call_becomes_a_block_made_of_the_body() -> None:
    script = "macro add($x, y) { $x += y; $x } begin { $a = 1; $b = add($a, 2); }"
    assert text(script) == "{ $a = 1; $b = { $a += 2; $a }; }"


def test_the_definitions_are_gone_afterwards() -> None:
    assert expanded("macro m() { 1 } begin { }").program.macros == ()


def test_a_script_without_macros_stays_as_it_is() -> None:
    script = Staged("begin { f(); }")
    assert ExpandMacros().run(script.program, script.compilation) is script.program


def test_a_macro_without_parameters_is_also_called_by_its_bare_name() -> None:
    assert text("macro two() { 2 } begin { print(two + two()); }") == "{ print((2 + 2)); }"


def test_a_call_as_a_statement_becomes_a_block_where_it_has_no_value() -> None:
    script = expanded("macro m() { f(); } begin { m(); }")
    assert isinstance(script.body[0], ast.Block)
    script = expanded("macro m() { f(); 5 } begin { m(); }")
    assert isinstance(script.body[0], ast.ExpressionStatement)


def test_a_macro_that_is_just_a_value_is_that_value() -> None:
    assert text('macro format() { "%d\\n" } begin { printf(format, 1); }') == '{ printf("%d\n", 1); }'


def test_calls_are_expanded_wherever_an_expression_stands() -> None:
    script = (
        "macro one() { 1 } kprobe:f /one/ { @a[one] = f(one); if (one) { g(one) } for ($i : one()..2) { } return one; }"
    )
    program = expanded(script).program
    assert isinstance(program.probes[0].predicate, ast.IntegerLiteral)
    assert not [node for node in ast.walk(program) if isinstance(node, ast.Identifier)]


def test_functions_are_expanded_too() -> None:
    function = expanded("macro one() { 1 } fn f($a : int64) : int64 { return one; } begin { }").program.functions[0]
    assert not [node for node in ast.walk(function) if isinstance(node, ast.Identifier)]


def test_a_macro_may_call_another_one() -> None:
    script = "macro inc($x) { $x += 1; $x } macro twice($y) { inc($y) + inc($y) } begin { $a = 0; print(twice($a)); }"
    assert text(script) == "{ $a = 0; print(({ $a += 1; $a } + { $a += 1; $a })); }"


def test_a_name_that_no_macro_has_is_left_alone() -> None:
    assert text("macro m() { 1 } begin { f(1); comm; }") == "{ f(1); comm; }"


# Parameters


def test_a_map_is_passed_by_reference_and_keeps_its_keys() -> None:
    script = "macro set(@m, k) { @m[k] = 1; print(@m); } begin { set(@x, 5); }"
    assert text(script) == "{ { @x[5] = 1; print(@x); } }"


def test_an_expression_is_put_in_each_time_its_parameter_occurs() -> None:
    script = expanded("macro twice(x) { x + x } begin { print(twice(f(1))); }")
    assert script.text() == "{ print((f(1) + f(1))); }"
    calls = [node for node in ast.walk(script.program) if isinstance(node, ast.Call) and node.name == "f"]
    assert calls[0] is not calls[1]


def test_a_variable_or_map_for_an_expression_cannot_be_changed() -> None:
    script = "macro show(x) { print(x); x } begin { $a = 1; show($a); show(@m); show(@m[1]); }"
    assert text(script) == (
        "{ $a = 1; { print({ $a }); { $a } }; { print({ @m }); { @m } }; { print(@m[1]); @m[1] }; }"
    )


def test_an_argument_may_itself_be_a_call() -> None:
    assert text("macro inc(x) { x + 1 } begin { print(inc(inc(inc(0)))); }") == "{ print((((0 + 1) + 1) + 1)); }"


@pytest.mark.parametrize(
    ("parameters", "kind"), [("$a, $a", "Variable"), ("@a, @a", "Map"), ("a, b, a", "Ident")]
)
def test_a_parameter_s_name_is_used_once(parameters: str, kind: str) -> None:
    script = expanded(f"macro m({parameters}) {{ 1 }} begin {{ }}")
    assert script.message.startswith(f"ERROR: {kind} for macro argument has already been used")


# Types


def test_a_type_takes_the_place_of_its_parameter() -> None:
    script = "macro cast(t, p) { ((t*)p, (t[4])p, sizeof(t)) } begin { cast(typeof(uint8), 5); }"
    assert text(script) == "{ ((uint8*)5, (uint8[4])5, sizeof(uint8)); }"


def test_a_struct_parameter_gets_its_tag_from_the_body() -> None:
    script = "macro cast(t, p) { (struct t*)p } begin { cast(typeof(struct foo), 5); cast(typeof(bar), 6); }"
    assert text(script) == "{ (struct foo*)5; (struct bar*)6; }"


def test_the_type_of_an_expression_is_a_type() -> None:
    assert text("macro m(t) { (t)1 } begin { m(typeof($x + 1)); }") == "{ (typeof(($x + 1)))1; }"
    assert text("macro m(t) { sizeof(t) } begin { m(typeof($x)); }") == "{ sizeof($x); }"


def test_a_type_is_handed_on_to_another_macro() -> None:
    script = "macro size(t) { sizeof(t) } macro outer(u) { size(u) } begin { outer(typeof(struct foo)); }"
    assert text(script) == "{ sizeof(struct foo); }"


def test_the_size_of_an_expression_parameter_is_that_of_the_expression() -> None:
    assert text("macro m(x) { sizeof(x) } begin { m($a); }") == "{ sizeof($a); }"


def test_an_identifier_or_a_path_fills_the_second_argument_of_offsetof() -> None:
    script = "macro o(t, f) { offsetof(t, f) } begin { o(typeof(struct foo), a); o(typeof(struct foo), a.b.c); }"
    assert text(script) == "{ offsetof(struct foo, a); offsetof(struct foo, a.b.c); }"


def test_a_path_is_what_was_written_even_where_a_macro_has_its_name() -> None:
    script = "macro a() { 7 } macro o(f) { offsetof(struct foo, f) } macro p(g) { o(g) } begin { o(a); p(a); }"
    assert text(script) == "{ offsetof(struct foo, a); offsetof(struct foo, a); }"


@pytest.mark.parametrize(
    ("body", "argument"),
    [
        ("(t*)0", "5"),
        ("(t*)0", "$x"),
        ("(struct t*)0", "typeof(union foo)"),
        ("(struct t*)0", "typeof(uint8*)"),
        ("t + 1", "typeof(uint8)"),
        ("offsetof(struct foo, t)", "5"),
    ],
)
def test_what_cannot_take_a_type_s_place_is_refused(body: str, argument: str) -> None:
    script = expanded(f"macro M(t) {{ {body} }} begin {{ $x = 1; M({argument}); }}")
    assert script.message == "ERROR: Invalid replacement for macro 'M' type parameter 't'"


def test_a_bare_name_in_sizeof_is_a_type_and_never_a_macro() -> None:
    script = "macro foo() { 5 } begin { sizeof(foo); typeinfo(foo); offsetof(foo, a); sizeof(foo()); sizeof(foo + 1); }"
    assert text(script) == "{ sizeof(foo); typeinfo(foo); offsetof(foo, a); sizeof(5); sizeof((5 + 1)); }"


# Hygiene


def test_variables_of_the_body_are_renamed_and_show_their_own_names() -> None:
    script = expanded("macro m() { $x = 1; let $y; $x + $y } begin { $x = 5; m(); m(); }")
    assert script.text() == (
        "{ $x = 5; { $x#1 = 1; let $y#1; ($x#1 + $y#1) }; { $x#2 = 1; let $y#2; ($x#2 + $y#2) }; }"
    )
    names = {node.name for node in ast.walk(script.program) if isinstance(node, ast.Variable)}
    assert {ast.shown(name) for name in names} == {"$x", "$y"}


def test_the_variable_of_a_loop_is_private_too() -> None:
    assert text("macro m() { for ($i : 0..5) { f($i); } } begin { m(); }") == "{ { for ($i#1 : 0..5) { f($i#1); } } }"


def test_a_macro_never_sees_the_caller_s_variables() -> None:
    assert text("macro m() { $x } begin { $x = 1; m(); }") == "{ $x = 1; { $x#1 }; }"


def test_a_private_variable_can_be_handed_on_by_reference() -> None:
    script = "macro inc($v) { $v += 1; } macro m() { $x = 1; inc($x); $x } begin { m(); }"
    assert text(script) == "{ { $x#1 = 1; { $x#1 += 1; } $x#1 }; }"


@pytest.mark.parametrize("body", ["let $x = 1;", "let $x;", "for ($x : 0..5) { }"])
def test_a_declaration_may_not_shadow_a_parameter(body: str) -> None:
    script = expanded(f"macro m($x) {{ {body} }} begin {{ $a = 1; m($a); }}")
    assert script.messages[0] == "ERROR: Variable declaration shadows macro arg $x"


def test_a_map_that_is_no_parameter_is_refused() -> None:
    script = expanded("macro m() { @x[1]++; } begin { m(); }")
    assert script.message == (
        "ERROR: Unhygienic access to map: @x. Maps must be passed into the macro as arguments."
    )
    assert script.marked() == ["@x[1]"]


# Places


def test_what_comes_from_a_body_is_shown_there_with_the_calls_that_it_was_expanded_from() -> None:
    script = expanded("macro inner() { @x = 1; }\nmacro outer() { inner(); }\nbegin { outer(); }")
    assert script.printed() == (
        "t:1:17-19: ERROR: Unhygienic access to map: @x. Maps must be passed into the macro as arguments.\n"
        "macro inner() { @x = 1; }\n"
        "                ~~\n"
        "t:2:17-24: ERROR: expanded from\n"
        "macro outer() { inner(); }\n"
        "                ~~~~~~~\n"
        "t:3:9-16: ERROR: expanded from\n"
        "begin { outer(); }\n"
        "        ~~~~~~~\n"
    )


def test_arguments_keep_the_caller_s_place() -> None:
    script = expanded("macro m(x) { x + 1 } begin { print(m(pid)); }")
    nodes = {type(node): node for node in ast.walk(script.program)}
    assert nodes[ast.Binary].span.expanded_from is not None
    assert nodes[ast.Identifier].span.expanded_from is None


# Which macro


def test_macros_of_one_name_are_told_apart_by_their_parameters() -> None:
    script = (
        'macro m() { "none" } macro m($x) { "variable" } macro m(@x) { "map" } macro m(x) { "expression" } '
        "begin { f(m, m(), m($a), m(@a), m(@a[1]), m(5)); }"
    )
    assert text(script) == '{ f("none", "none", "variable", "map", "expression", "expression"); }'


@pytest.mark.parametrize(
    ("first", "second"), [("", ""), ("x", "$x"), ("x", "@x"), ("x", "y"), ("$x", "$y"), ("@x, y", "@y, $z")]
)
def test_a_macro_whose_parameters_an_earlier_one_takes_is_a_redefinition(first: str, second: str) -> None:
    script = expanded(f"macro m({first}) {{ 1 }} macro m({second}) {{ 2 }} begin {{ }}")
    assert script.message == "ERROR: Redefinition of macro: m"
    assert notes(script) == ["This is the original definition."]


def test_a_different_number_of_arguments_is_told() -> None:
    script = expanded("macro m(a, b) { 1 } begin { m(1); }")
    assert script.message == "ERROR: Call to m() has arguments that do not match any definition."
    assert notes(script) == [
        "The closest definition of m() has a different number of arguments. Expected: 2 but got 1"
    ]


def test_a_bare_name_of_a_macro_with_parameters_is_a_mismatch() -> None:
    assert "Expected: 1 but got 0" in notes(expanded("macro m(a) { 1 } begin { m; }"))[0]


@pytest.mark.parametrize(
    ("parameter", "argument", "note"),
    [
        ("@x", "$a", "Mismatched arg. m() expects a map for arg @x but got a variable."),
        ("@x", "5", "Mismatched arg. m() expects a map for arg @x but got an expression."),
        ("@x", "@a[1]", "Mismatched arg. m() expects a map for arg @x but got an expression."),
        ("$x", "@a", "Mismatched arg. m() expects a variable for arg $x but got a map."),
        ("$x", "$a + 1", "Mismatched arg. m() expects a variable for arg $x but got an expression."),
    ],
)
def test_an_argument_of_the_wrong_kind_is_told(parameter: str, argument: str, note: str) -> None:
    script = expanded(f"macro m({parameter}) {{ 1 }} begin {{ $a = 1; m({argument}); }}")
    assert script.message == "ERROR: Call to m() has arguments that do not match any definition."
    assert notes(script) == [note]
    (diagnostic,) = script.diagnostics.recorded
    span = diagnostic.notes[0].span
    assert script.program.source.text[span.start : span.end] == argument


# Limits


def test_recursion_is_an_error_with_the_chain_of_calls() -> None:
    script = expanded("macro a() { b() } macro b() { a() } begin { a(); }")
    assert script.message == "ERROR: Recursive macro call detected. Call chain: a > b > a"


def test_a_macro_that_calls_another_one_of_its_name_is_not_recursive() -> None:
    assert text("macro m($x) { m($x, 1) } macro m($x, y) { $x + y } begin { m($a); }") == "{ ($a + 1); }"


def test_expansions_that_double_at_every_level_come_to_an_end() -> None:
    chain = " ".join(f"macro m{n}(x) {{ m{n + 1}(x + x) + m{n + 1}(x) }}" for n in range(40))
    script = expanded(f"{chain} macro m40(x) {{ x }} begin {{ m0(1); }}")
    assert script.message == "ERROR: macro expansion is too large"
    assert script.marked() == ["m0(1)"]


def test_arguments_that_double_at_every_level_come_to_an_end() -> None:
    script = expanded("macro m(x) { x + x } begin { " + "m(" * 60 + "1" + ")" * 60 + "; }")
    assert script.message == "ERROR: macro expansion is too large"


def test_calls_inside_of_calls_have_a_limit() -> None:
    chain = " ".join(f"macro m{n}() {{ m{n + 1}() }}" for n in range(MAXIMUM_CALLS + 1))
    script = expanded(f"{chain} macro m{MAXIMUM_CALLS + 1}() {{ 1 }} begin {{ m0(); }}")
    assert script.message == f"ERROR: macro calls nest deeper than {MAXIMUM_CALLS}"


def test_a_tree_that_becomes_too_deep_is_refused() -> None:
    nested = "m(" * 100 + "1" + ")" * 100
    script = expanded(f"macro m(x) {{ f(g(h(x))) }} begin {{ {nested}; }}")
    assert script.message == "ERROR: macro expansion nests too deep"
