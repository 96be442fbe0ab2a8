"""Makes the tree: one method for each rule of `grammar.lark`, called as the parser reduces it.

Every token reaches these methods, punctuation too, because spans come from the first and the last one. Operators arrive
as a flat list and are put together here by the precedence table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token, Transformer

from ...core import ast
from ...core.diagnostics import Diagnostics
from ...core.numbers import NumberError, parse_integer
from ...core.source import Source, Span
from .literals import EscapeError, unescape

#: From the loosest to the tightest; all of one row associate to the left.
PRECEDENCE = {
    operator: level
    for level, row in enumerate(
        ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %"),
    )
    for operator in row.split()
}

_NO_TARGET = "invalid assignment target"
_IMMUTABLE = "Tuples and records are immutable once created"
_NO_COUNTER = "increment/decrement requires a variable or map"

Item = Any  # a Token or a Node: lark's transformers are not typed


class TreeBuilder(Transformer[Token, ast.Program]):
    """Builds a Program of one source; literals and targets that do not fit are recorded as errors.

    `offset` is where the text that is parsed begins in the source.
    """

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        super().__init__(visit_tokens=False)
        self.offset = 0
        self._source = source
        self._diagnostics = diagnostics
        # A parenthesised expression keeps its own span; the parentheses count for what is around it.
        self._outer: dict[ast.Node, Span] = {}
        # Of `----1` the inner mistake is told and not the outer one.
        self._refused: set[ast.Node] = set()

    def _span(self, items: Sequence[Item]) -> Span:
        return Span(self.extent(items[0]).start, self.extent(items[-1]).end)

    def extent(self, item: Item) -> Span:
        """What a token or node takes up in the source, parentheses around it included."""
        if isinstance(item, Token):
            assert item.start_pos is not None and item.end_pos is not None
            return Span(item.start_pos + self.offset, item.end_pos + self.offset)
        span: Span = self._outer.get(item, item.span)
        return span

    def _error(self, message: str, span: Span) -> None:
        """The tree goes on with what was written: nobody reads it after an error."""
        self._diagnostics.error(f"syntax: {message}", span)

    # Structure

    def start(self, items: list[Item]) -> ast.Program:
        return ast.Program(Span(0, len(self._source.text)), self._source, _nodes(items))

    def probe(self, items: list[Item]) -> ast.Probe:
        points, body = items[0], items[-1]
        predicate = items[1] if len(items) == 3 else None
        first = points[0].span if points else body.span
        return ast.Probe(first.to(body.span), tuple(points), predicate, body)

    def attach_points(self, items: list[Item]) -> list[ast.AttachPoint]:
        return [ast.AttachPoint(self.extent(item), str(item)) for item in items if item.type == "ATTACH_POINT"]

    def predicate(self, items: list[Item]) -> ast.Expression:
        condition: ast.Expression = items[1]
        return condition

    def block(self, items: list[Item]) -> ast.Block:
        return ast.Block(self._span(items), _nodes(items))

    body = block

    # Statements

    def assignment(self, items: list[Item]) -> ast.Assignment:
        target, operator, value = items
        if not isinstance(target, ast.Variable | ast.Map) or target in self._outer:
            self._error(_IMMUTABLE if isinstance(target, ast.FieldAccess) else _NO_TARGET, self.extent(target))
        return ast.Assignment(self._span(items), target, str(operator)[:-1] or None, value)

    def expression_statement(self, items: list[Item]) -> ast.ExpressionStatement:
        return ast.ExpressionStatement(self._span(items), items[0])

    def return_statement(self, items: list[Item]) -> ast.Return:
        return ast.Return(self._span(items), next(iter(_nodes(items)), None))

    def if_statement(self, items: list[Item]) -> ast.If:
        condition, then = items[1], items[2]
        otherwise = items[4] if len(items) > 4 else None
        if isinstance(otherwise, ast.If):
            otherwise = ast.Block(otherwise.span, (otherwise,))
        return ast.If(self._span(items), condition, then, otherwise)

    # Expressions

    def ternary(self, items: list[Item]) -> ast.Ternary:
        condition, otherwise = items[0], items[-1]
        # `a ?: b` means `a ? a : b`.
        return ast.Ternary(self._span(items), condition, items[2] if len(items) == 5 else condition, otherwise)

    def binary(self, items: list[Item]) -> ast.Expression:
        """Operator precedence: operands wait on a stack until an operator comes that does not bind tighter."""
        operands: list[ast.Expression] = [items[0]]
        operators: list[str] = []
        for at in range(1, len(items), 2):
            operator = str(items[at])
            while operators and PRECEDENCE[operators[-1]] >= PRECEDENCE[operator]:
                self._combine(operands, operators)
            operators.append(operator)
            operands.append(items[at + 1])
        while operators:
            self._combine(operands, operators)
        return operands[0]

    def _combine(self, operands: list[ast.Expression], operators: list[str]) -> None:
        right, left = operands.pop(), operands.pop()
        operands.append(ast.Binary(self._span((left, right)), operators.pop(), left, right))

    def prefix(self, items: list[Item]) -> ast.Unary:
        return ast.Unary(self._span(items), str(items[0]), items[1])

    def increment_before(self, items: list[Item]) -> ast.Increment:
        operator, target = items
        return self._increment(items, operator, target, False)

    def increment_after(self, items: list[Item]) -> ast.Increment:
        target, operator = items
        return self._increment(items, operator, target, True)

    def _increment(self, items: list[Item], operator: Token, target: Item, postfix: bool) -> ast.Increment:
        increment = ast.Increment(self._span(items), str(operator), target, postfix)
        if not isinstance(target, ast.Variable | ast.Map):
            if target not in self._refused:
                self._error(_NO_COUNTER, increment.span)
            self._refused.add(increment)
        return increment

    def field(self, items: list[Item]) -> ast.FieldAccess:
        return ast.FieldAccess(self._span(items), items[0], str(items[2]))

    def index(self, items: list[Item]) -> ast.Index:
        return ast.Index(self._span(items), items[0], items[2])

    def parenthesis(self, items: list[Item]) -> ast.Expression:
        inner: ast.Expression = items[1]
        self._outer[inner] = self._span(items)
        return inner

    def call(self, items: list[Item]) -> ast.Call:
        return ast.Call(self._span(items), str(items[0]), _nodes(items))

    def identifier(self, items: list[Item]) -> ast.Identifier:
        return ast.Identifier(self.extent(items[0]), str(items[0]))

    def variable(self, items: list[Item]) -> ast.Variable:
        return ast.Variable(self.extent(items[0]), str(items[0]))

    def map(self, items: list[Item]) -> ast.Map:
        return ast.Map(self._span(items), str(items[0]), _nodes(items))

    def true(self, items: list[Item]) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(self.extent(items[0]), True)

    def false(self, items: list[Item]) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(self.extent(items[0]), False)

    def number(self, items: list[Item]) -> ast.IntegerLiteral:
        span, text = self.extent(items[0]), str(items[0])
        try:
            value = parse_integer(text, binary=False)
        except NumberError as error:
            self._error(str(error), span)
            value = 0
        return ast.IntegerLiteral(span, value, text)

    def string(self, items: list[Item]) -> ast.StringLiteral:
        span, text = self.extent(items[0]), str(items[0])
        try:
            value = unescape(text[1:-1])
        except EscapeError as error:
            begin = span.start + 1 + error.at
            self._error(str(error), Span(begin, begin + error.length))
            value = b""
        return ast.StringLiteral(span, value)


def _nodes(items: list[Item]) -> tuple[Any, ...]:
    """What is left without tokens. The grammar lets only nodes of the right kind stand there."""
    return tuple(item for item in items if not isinstance(item, Token))
