"""Replaces `unroll(N) {...}` by N copies of its body, each in a block of its own.

The count has been folded before; the copies are made of new nodes, since what is found out about one copy is no fact
about another.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from ...core.rewrite import copied, rewrite

MAXIMUM = 100
#: Nodes that all copies of a script may have together: `unroll` inside `unroll` multiplies.
MAXIMUM_NODES = 200_000


@dataclass(frozen=True, slots=True)
class UnrollLoops:
    """Program -> Program without Unroll."""

    name: str = "unroll"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not ast.mentions(program, "unroll"):
            return program
        diagnostics = compilation.diagnostics
        made = 0

        def leave(node: ast.Node, written: ast.Node) -> ast.Node:
            nonlocal made
            if not isinstance(node, ast.Unroll):
                return node
            wrong = _count_error(node.count)
            count = 0 if wrong or not isinstance(node.count, ast.IntegerLiteral) else node.count.value
            made += count * sum(1 for _ in ast.walk(node.body))
            if made > MAXIMUM_NODES:
                wrong = "unrolled loops are too large"
            if wrong:
                diagnostics.error(wrong, node.count.span)
                return node
            return ast.Block(node.span, tuple(copied(node.body) for _ in range(count)))

        return rewrite(program, leave)


def _count_error(count: ast.Expression) -> str | None:
    match count:
        case ast.IntegerLiteral(value=value):
            if value < 1:
                return "unroll minimum value is 1"
            return f"unroll maximum value is {MAXIMUM}" if value > MAXIMUM else None
    return "invalid unroll value"
