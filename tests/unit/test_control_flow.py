"""Where jumps may stand, what is never reached, and what `exit()` implies."""

from __future__ import annotations

import pytest
from pybpftrace.core import ast
from pybpftrace.passes.parse.control_flow import CheckControlFlow
from pybpftrace.passes.parse.deprecated import CheckDeprecated
from pybpftrace.passes.parse.macros import ExpandMacros
from pybpftrace.passes.typecheck.fold import FoldConstants
from pybpftrace.passes.typecheck.positional_parameters import ReplaceParameters
from pybpftrace.passes.typecheck.unroll import UnrollLoops
from staged import Staged, written


def flow(script: str) -> Staged:
    return Staged(script, CheckControlFlow())


def body(text: str) -> Staged:
    return flow(f"begin {{ {text} }}")


@pytest.mark.parametrize("word", ["break", "continue"])
def test_a_loop_s_jump_outside_of_a_loop_is_refused(word: str) -> None:
    script = body(f"{word};")
    assert script.message == f"ERROR: '{word}' statement is not allowed in a probe"
    assert script.marked() == [f"{word};"]


@pytest.mark.parametrize("word", ["break", "continue"])
def test_a_loop_s_jump_in_a_loop_is_fine(word: str) -> None:
    assert body(f"for ($i : 0..5) {{ if ($i) {{ {word}; }} }} while (1) {{ {word}; }}").messages == []


@pytest.mark.parametrize("word", ["break", "continue"])
def test_unroll_is_no_loop_to_jump_in(word: str) -> None:
    assert body(f"unroll (5) {{ {word}; }}").message == f"ERROR: '{word}' statement is not allowed in a probe"
    assert body(f"for ($i : 0..5) {{ unroll (5) {{ if ($i) {{ {word}; }} }} }}").messages == []


@pytest.mark.parametrize("word", ["break", "continue", "return"])
def test_no_jump_may_stand_directly_in_a_macro(word: str) -> None:
    script = flow(f"macro m() {{ if (1) {{ {word}; }} }} begin {{ }}")
    assert script.message == f"ERROR: '{word}' statement is not allowed in a macro"


def test_a_loop_in_a_macro_may_have_its_jumps() -> None:
    assert flow("macro m() { for ($i : 0..5) { if ($i) { break; } else { continue; } } } begin { }").messages == []


def test_a_macro_cannot_return_from_a_loop_either() -> None:
    script = flow("macro m() { while (1) { return; } } begin { }")
    assert script.message == "ERROR: 'return' statement is not allowed in a macro"


def test_a_function_returns_but_breaks_from_nothing() -> None:
    script = flow("fn f($a : int64) : int64 { if ($a) { break; } return $a; } begin { }")
    assert script.message == "ERROR: 'break' statement is not allowed in a function"


def test_return_may_stand_in_loops() -> None:
    assert body("for ($i : 0..5) { return; } while (1) { if (1) { return; } }").messages == []


def test_the_returns_of_all_loops_of_a_probe_agree_on_having_a_value() -> None:
    script = body("for ($i : 0..5) { return 1; } while (1) { return; }")
    assert script.message == "ERROR: Return value used in loop is inconsistent"
    assert script.marked() == ["return;"]
    assert body("for ($i : 0..5) { return 1; } return;").messages == []
    assert flow("begin { while (1) { return 1; } } end { while (1) { return; } }").messages == []


@pytest.mark.parametrize(
    "text",
    [
        "return; print(1); print(2);",
        "return 5; print(1);",
        "exit(); print(1);",
        "exit(1); print(1);",
        "if (pid) { return; } else { exit(); } print(1);",
        "if (pid) { return; } else if (tid) { return; } else { return; } print(1);",
        "{ return; } print(1);",
    ],
)
def test_the_first_statement_behind_a_jump_is_unreachable(text: str) -> None:
    script = body(text)
    assert script.message == "WARNING: Unreachable statement."
    assert script.marked() == ["print(1)"]


@pytest.mark.parametrize("word", ["break", "continue", "return"])
def test_so_it_is_in_a_loop(word: str) -> None:
    script = body(f"for ($i : 0..5) {{ {word}; print(1); }} print(2);")
    assert script.message == "WARNING: Unreachable statement."
    assert script.marked() == ["print(1)"]


@pytest.mark.parametrize(
    "text",
    [
        "if (pid) { return; } print(1);",
        "if (pid) { return; } else { print(2); } print(1);",
        "for ($i : 0..5) { return; } print(1);",
        "print(1); return;",
        "{ print(2); } print(1);",
    ],
)
def test_what_may_be_reached_is_not_warned_of(text: str) -> None:
    assert body(text).messages == []


def test_a_value_behind_a_jump_is_no_value() -> None:
    script = body("$x = { return; 5 };")
    assert script.message == "WARNING: Unreachable expression; block type is implicitly none."
    assert script.marked() == ["5"]
    assert script.text() == "{ $x = { return; 5; }; }"


def test_exit_in_a_probe_is_followed_by_a_return() -> None:
    assert body("print(1); exit(); ").text() == "{ print(1); exit(); return; }"
    assert body("if (pid) { exit(5) } print(1);").text() == "{ if (pid) { exit(5); return; } print(1); }"


def test_exit_inside_of_an_expression_returns_too() -> None:
    assert body("pid ? exit() : print(1);").text() == "{ (pid ? { exit(); return; } : print(1)); }"


def test_exit_in_a_macro_lets_the_probe_go_on() -> None:
    script = flow("macro stop() { exit(); print(1) } begin { stop(); print(2); }")
    assert script.messages == []
    assert written(script.program.macros[0].body) == "{ exit(); print(1) }"
    script.program = ExpandMacros().run(script.program, script.compilation)
    assert script.text() == "{ { exit(); print(1) }; print(2); }"


def test_a_macro_that_is_called_exit_is_just_a_macro() -> None:
    script = flow("macro exit() { print(1); } begin { exit(); print(2); }")
    assert script.messages == []
    assert script.text() == "{ exit(); print(2); }"


def test_exit_is_refused_in_a_for_loop_and_allowed_in_while() -> None:
    script = body("for ($i : 0..5) { exit(); }")
    assert script.message == "ERROR: 'return' statement is not allowed in a for-loop"
    assert script.marked() == ["exit()"]
    assert body("while (1) { exit(); }").text() == "{ while (1) { exit(); return; } }"
    assert body("for ($i : 0..5) { while (1) { exit(); } }").message.startswith("ERROR: 'return'")


def test_the_return_that_exit_implies_agrees_with_every_other() -> None:
    assert body("while (1) { if (pid) { return 1; } exit(); }").messages == []


def test_a_probe_without_jumps_keeps_its_identity() -> None:
    script = Staged("begin { print(1); } end { exit(); }")
    checked = CheckControlFlow().run(script.program, script.compilation)
    assert checked.probes[0] is script.program.probes[0]
    script = Staged("begin { for ($i : 0..5) { break; } return; }")
    assert CheckControlFlow().run(script.program, script.compilation) is script.program


def test_a_chain_of_two_thousand_branches_is_no_trouble() -> None:
    block = ast.Block(Staged("begin { return; }").program.span, (ast.Return(Staged("begin { }").program.span, None),))
    chain = block
    for _ in range(2000):
        number = ast.IntegerLiteral(block.span, 1, "1")
        chain = ast.Block(block.span, (ast.If(block.span, number, block, chain),))
    script = Staged("begin { }")
    script.program = ast.Program(
        script.program.span, script.program.source, (), (), (), (), (), (),
        (ast.Probe(block.span, (), None, chain),),
    )  # fmt: skip
    assert CheckControlFlow().run(script.program, script.compilation) is script.program


def test_while_is_deprecated() -> None:
    script = Staged("begin { while (1) { print(1); } }", CheckDeprecated())
    assert script.message == "WARNING: While loops are deprecated and may be removed in the future."
    (hint,) = script.hints
    assert "for ($i : 0..10)" in hint


def test_arguments_on_the_stack_are_gone() -> None:
    script = Staged("kprobe:f { print(sarg0); }", CheckDeprecated())
    assert script.message == (
        "ERROR: sarg* is deleted. This was deprecated in v0.21 and was last available in v0.24."
    )
    assert script.hints == ['Use *(reg("sp") + <stack_offset>) instead.']


def unrolled(text: str, *arguments: str) -> Staged:
    passes = (ReplaceParameters(), FoldConstants(), UnrollLoops())
    return Staged(f"begin {{ {text} }}", *passes, arguments=arguments)


def test_unroll_becomes_that_many_copies_of_its_body() -> None:
    assert unrolled("unroll (3) { print(1); }").text() == "{ { { print(1); } { print(1); } { print(1); } } }"


def test_the_count_may_be_anything_that_folds_to_a_number() -> None:
    assert unrolled("unroll (3 - $1) { f(); }", "1").text() == "{ { { f(); } { f(); } } }"


def test_copies_share_no_node_and_keep_their_places() -> None:
    script = unrolled("unroll (2) { $x = 1 + pid; }")
    first, second = script.body[0].statements  # type: ignore[union-attr]  # a block, as the test above says
    assert not set(ast.walk(first)) & set(ast.walk(second))
    assert [node.span for node in ast.walk(first)] == [node.span for node in ast.walk(second)]


def test_unroll_inside_of_unroll() -> None:
    assert unrolled("unroll (2) { unroll (2) { f(); } }").text().count("f()") == 4


@pytest.mark.parametrize(
    ("count", "message"),
    [
        ("0", "unroll minimum value is 1"),
        ("1 - 2", "unroll minimum value is 1"),
        ("101", "unroll maximum value is 100"),
        ("$x", "invalid unroll value"),
        ('"a"', "invalid unroll value"),
    ],
)
def test_a_bad_count_is_an_error_at_the_count(count: str, message: str) -> None:
    script = unrolled(f"$x = 1; unroll ({count}) {{ f(); }}")
    assert script.message == f"ERROR: {message}"
    assert script.marked() == [count]


def test_copies_of_copies_have_a_limit() -> None:
    script = unrolled("unroll (100) { unroll (100) { unroll (100) { f(); } } }")
    assert script.message == "ERROR: unrolled loops are too large"
