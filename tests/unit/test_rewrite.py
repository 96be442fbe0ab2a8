"""The walk that every pass uses to make a new tree out of an old one."""

from __future__ import annotations

from dataclasses import replace

from parsing import parse, shape
from pybpftrace.core import ast
from pybpftrace.core.rewrite import copied, moved, rewrite
from pybpftrace.core.source import Span


def same(node: ast.Node, written: ast.Node) -> ast.Node:
    return node


def test_a_tree_in_which_nothing_is_replaced_is_the_same_tree() -> None:
    program = parse("begin { f(1 + 2); }")
    assert rewrite(program, same) is program


def test_only_what_is_above_a_replaced_node_is_new() -> None:
    program = parse("begin { f(1, pid); g(2); } end { }")

    def leave(node: ast.Node, written: ast.Node) -> ast.Node:
        return replace(node, value=5) if isinstance(node, ast.IntegerLiteral) and node.value == 1 else node

    rewritten = rewrite(program, leave)
    before, after = program.probes[0].body.statements, rewritten.probes[0].body.statements
    assert after[0] is not before[0]
    assert after[1] is before[1]
    assert rewritten.probes[1] is program.probes[1]


def test_children_come_before_their_parent_and_in_the_order_of_the_text() -> None:
    seen: list[str] = []

    def leave(node: ast.Node, written: ast.Node) -> ast.Node:
        if isinstance(node, ast.Identifier | ast.Call):
            seen.append(node.name)
        return node

    rewrite(parse("begin { f(a, g(b), c); }"), leave)
    assert seen == ["a", "b", "g", "c", "f"]


def test_a_replacement_is_not_looked_into_and_the_old_node_is_told() -> None:
    program = parse("begin { f(a); }")
    pairs: list[tuple[ast.Node, ast.Node]] = []

    def leave(node: ast.Node, written: ast.Node) -> ast.Node:
        if isinstance(node, ast.Call):
            pairs.append((node, written))
        return ast.Call(node.span, "b", (node,)) if isinstance(node, ast.Identifier) else node

    rewrite(program, leave)
    ((new, old),) = pairs
    assert (shape(new), shape(old)) == ("f(b(a))", "f(a)")


def test_a_node_that_is_not_entered_stays_with_all_below_it() -> None:
    entered: list[ast.Node] = []

    def enter(node: ast.Node) -> bool:
        entered.append(node)
        return not isinstance(node, ast.Call)

    program = parse("begin { f(a); }")
    assert rewrite(program, lambda node, _: replace(node), enter).probes[0].body.statements[0] is not None
    assert not [node for node in entered if isinstance(node, ast.Identifier)]


def test_a_node_in_two_places_stays_one() -> None:
    program = copied(parse("begin { $x = (pid + 1) ?: 3; }"))
    ternary = next(node for node in ast.walk(program) if isinstance(node, ast.Ternary))
    assert ternary.then is ternary.condition


def test_a_copy_is_equal_and_shares_nothing() -> None:
    program = parse("begin { f(1, a.b, $x); }")
    copy = copied(program.probes[0].body)
    assert not set(ast.walk(copy)) & set(ast.walk(program))
    assert [node.span for node in ast.walk(copy)] == [node.span for node in ast.walk(program.probes[0].body)]


def test_a_moved_tree_stands_at_one_place() -> None:
    tree = moved(parse("begin { f(1 + 2); }").probes[0].body, Span(3, 5))
    assert {node.span for node in ast.walk(tree)} == {Span(3, 5)}


def test_a_chain_of_ten_thousand_nodes_is_no_trouble() -> None:
    span = Span(0, 1)
    chain: ast.Expression = ast.Identifier(span, "a")
    for _ in range(10_000):
        chain = ast.Binary(span, "+", chain, ast.Identifier(span, "b"))
    assert rewrite(chain, same) is chain
    assert sum(1 for _ in ast.walk(copied(chain))) == 20_001
