"""The layout of blocks and statements.

A block is a line for each statement, except a short one that is only a value. Where a `;` would make another tree (the
last expression of a block is its value, and so is a last `if`) there is one exactly if the source has one.
"""

from __future__ import annotations

import re
from math import inf

from ....core import ast
from .comments import Comments
from .document import BLANK, EMPTY, HARD, NOTHING, Document, concat, first_text, group, nest, text
from .expressions import Expressions, is_hugged, leftmost, string
from .lines import Lines

#: What is another statement, or none, if it is the first word of an expression.
_STATEMENT_WORD = re.compile(r"\{|(?:if|import|let|return|break|continue|for|while|unroll)\b")
#: Rather than begin a line with a value of so many columns, the keys in front of the `=` are broken.
_SHORT = 20
#: Blank lines in blocks are all kept.
ALL = 1_000_000_000


class Statements:
    """Lays out one script's blocks."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self.expressions = Expressions(comments, self._value)

    def block(self, block: ast.Block, has_value: bool, *, folds: bool = False) -> Document:
        """One that is empty or only a value may be on one line if it `folds`."""
        end = block.span.end - 1
        if folds and not block.statements and not self._comments.any_before(end):
            if block.value is None:
                return concat("{", NOTHING, "}")
            return concat("{", nest(BLANK, self.expressions.expression(block.value)), BLANK, "}")
        lines = Lines(self._comments, ALL, "{")
        for statement in block.statements:
            lines.comments(_first_token(statement))
            lines.add(self._statement(statement), statement.span.start)
        last = block.statements[-1] if block.statements else None
        if block.value is not None:
            lines.comments(leftmost(block.value))
            lines.add(self._whole(block.value), block.value.span.start)
        elif has_value and isinstance(last, ast.If | ast.Block):
            lines.end_with(";")
        lines.comments(end)
        return concat(nest(lines.document()), HARD, "}")

    def _value(self, node: ast.If | ast.Block) -> Document:
        """A block or an `if` as an expression."""
        if isinstance(node, ast.If):
            return group(self._if(node, folds=True))
        return group(self.block(node, True, folds=True))

    def _loop_body(self, block: ast.Block) -> Document:
        head = concat(" ", *self.expressions.comments(block.span.start))
        return concat(head, self.block(block, False))

    # Statements

    def _statement(self, node: ast.Statement) -> Document:
        expressions = self.expressions
        match node:
            case ast.If():
                return self._if(node, folds=False)
            case ast.Block():
                return self.block(node, True)
            case ast.ExpressionStatement(_, expression):
                return concat(self._whole(expression, is_statement=True), ";")
            case ast.Assignment(_, target, operator, value):
                has_keys = isinstance(target, ast.Map) and bool(target.keys)
                head, equals = expressions.expression(target), f" {operator or ''}="
                return concat(head, self._assigned(equals, value, behind_keys=has_keys), ";")
            case ast.Discard(_, value):
                return concat("_", self._assigned(" =", value), ";")
            case ast.Let(_, variable, type_, value):
                head = concat("let ", expressions.expression(variable))
                typed = EMPTY if type_ is None else concat(" : ", expressions.type(type_))
                return concat(head, typed, EMPTY if value is None else self._assigned(" =", value), ";")
            case ast.For(_, variable, iterable, body):
                head = concat("for ", expressions.expression(variable), " : ", self._iterable(iterable))
                return concat(head, self._loop_body(body))
            case ast.While(_, condition, body):
                return concat("while ", self._condition(condition), self._loop_body(body))
            case ast.Unroll(_, count, body):
                return concat("unroll ", expressions.parenthesised(count), self._loop_body(body))
            case ast.Return(_, value):
                if value is None:
                    return text("return;")
                return concat("return ", _continued(value, expressions.expression(value)), ";")
            case ast.Break():
                return text("break;")
            case ast.Continue():
                return text("continue;")
            case ast.Import(_, path):
                return text(f"import {string(path)};")

    def _whole(self, expression: ast.Expression, *, is_statement: bool = False) -> Document:
        """An expression as a statement, or as a block's value."""
        written = self.expressions.expression(expression)
        is_closed = isinstance(expression, ast.If | ast.Block)
        if _STATEMENT_WORD.match(first_text(written)) and (is_statement or not is_closed):
            return concat("(", written, ")")
        return _continued(expression, written)

    def _assigned(self, operator: str, value: ast.Expression, *, behind_keys: bool = False) -> Document:
        written = self.expressions.expression(value)
        if behind_keys and written.width <= _SHORT:
            return concat(f"{operator} ", written)
        if is_hugged(value) or written.width == inf:
            return concat(operator, group(nest(BLANK)), written)
        return concat(operator, group(nest(BLANK, written)))

    def _iterable(self, iterable: ast.Map | ast.Range) -> Document:
        if isinstance(iterable, ast.Map):
            return self.expressions.expression(iterable)
        start = self._bound(iterable.start)
        return concat(start, "..", group(nest(NOTHING)), self._bound(iterable.end))

    def _bound(self, bound: ast.Expression) -> Document:
        if isinstance(bound, ast.IntegerLiteral):
            return self.expressions.expression(bound)
        return self.expressions.parenthesised(bound)

    def _if(self, node: ast.If, *, folds: bool) -> Document:
        """One that is only a value may be on one line if it `folds`."""
        parts: list[Document | str] = []
        branch: ast.If | None = node
        while branch is not None:
            condition = self._condition(branch.condition)
            otherwise = branch.otherwise
            folds = folds and otherwise is not None
            before = self.expressions.comments(branch.then.span.start)
            then = self.block(branch.then, True, folds=folds)
            parts += ["if ", condition, " ", *before, then]
            branch = None
            if otherwise is not None:
                parts += [" ", *self.expressions.comments(otherwise.span.start), "else "]
                match otherwise:
                    case ast.Block(span, (), ast.If() as following) if span.start == following.span.start:
                        branch = following
                    case _:
                        parts.append(self.block(otherwise, True, folds=folds))
        return concat(*parts)

    def _condition(self, condition: ast.Expression) -> Document:
        if isinstance(condition, ast.Comptime):
            return self.expressions.expression(condition)
        if isinstance(condition, ast.Tuple | ast.Record):
            # The statement's own parenthesis would be taken for that of the tuple.
            return self.expressions.parenthesised(condition)
        return self.expressions.operand(condition)


def _continued(expression: ast.Expression, written: Document) -> Document:
    """An expression whose further lines are indented, except those of a list or a block in it."""
    return written if is_hugged(expression) or written.width == inf else group(nest(written))


def _first_token(statement: ast.Statement) -> int:
    match statement:
        case ast.ExpressionStatement(_, expression):
            return leftmost(expression)
        case _:
            return statement.span.start
