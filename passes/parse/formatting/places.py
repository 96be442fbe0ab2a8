"""Where the text of a node begins and ends, as far as its span does not say it.

Parentheses around a node belong to what is outside of it.
"""

from __future__ import annotations

from ....core import ast


def first_offset(node: ast.Node) -> int:
    """The offset of the first operand in an expression: comments before it are those before the expression."""
    while True:
        match node:
            case ast.Binary(_, _, inner) | ast.Ternary(_, inner) | ast.FieldAccess(_, inner) | ast.Index(_, inner):
                node = inner
            case ast.Unary(_, _, inner) | ast.Increment(_, _, inner) | ast.Cast(_, _, inner) | ast.Comptime(_, inner):
                node = inner
            case _:
                return node.span.start


def last_offset(node: ast.Node) -> int:
    """The offset behind an expression. The span of a cast does not cover its operand."""
    while isinstance(node, ast.Cast):
        node = node.operand
    return node.span.end


def leftmost(node: ast.Expression) -> ast.Expression:
    """The operand that an expression begins with, where it has nothing before it."""
    while True:
        match node:
            case ast.Binary(_, _, inner) | ast.Ternary(_, inner) | ast.FieldAccess(_, inner) | ast.Index(_, inner):
                node = inner
            case ast.Increment(_, _, inner, True):
                node = inner
            case _:
                return node


def statement_offsets(statement: ast.Statement) -> tuple[int, int]:
    """Where a statement begins, and where it ends, its `;` not counted but for jumps."""
    match statement:
        case ast.ExpressionStatement(span, expression):
            return first_offset(expression), max(span.end, last_offset(expression))
        case ast.Assignment(span, target):
            return target.span.start, span.end
        case ast.Let(span, _, _, value) if value is not None:
            return span.start, last_offset(value)
    return statement.span.start, statement.span.end
