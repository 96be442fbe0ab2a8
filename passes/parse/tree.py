"""Makes the tree: one method for each rule of `grammar.lark`, called as the parser reduces it.

Every token reaches these methods, punctuation too, because spans come from the first and the last one. Operators arrive
as a flat list and are put together here by the precedence table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from ...core import ast
from ...core.diagnostics import Diagnostics
from ...core.numbers import NumberError, parse_integer
from ...core.source import Source, Span
from .automaton import Token
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
_NO_ADDRESS = "address-of operator (&) can only be used on a map or variable"
_NO_ITERABLE = "expected map or range in for loop"
_PARAMETER_RANGE = "out of integer range [1, 9223372036854775807]"
_LARGEST_PARAMETER = 2**63 - 1
_ATTRIBUTE = re.compile(r"__attribute__[^(]*\(\s*\(.*\)\s*\)", re.DOTALL)

#: Sections have to stand in this order; what is told of one that comes too late.
_SECTIONS: dict[type[ast.Node], int] = {ast.CDefinition: 0, ast.Config: 1, ast.Import: 1}
_ITEMS = 2
_TOO_LATE = {
    ast.CDefinition: "C definitions must appear before probes and functions",
    ast.Config: "config must appear before probes and functions",
    ast.Import: "root imports must appear before probes and functions",
}
#: What the bounds of a range can be; anything else needs parentheses.
_NO_BOUNDS = (ast.Unary, ast.Binary, ast.Ternary, ast.Cast, ast.FieldAccess, ast.Index, ast.Increment, ast.Comptime)

Item = Any  # a Token or a Node
N = TypeVar("N", bound=ast.Node)


class TreeBuilder:
    """Builds a Program of one source; literals and targets that do not fit are recorded as errors.

    `offset` is where the text that is parsed begins in the source. Items are tokens and nodes in the order of the text.
    """

    def __init__(self, source: Source, offset: int, diagnostics: Diagnostics) -> None:
        self._source = source
        self._offset = offset
        self._diagnostics = diagnostics
        # A parenthesised expression keeps its own span; the parentheses count for what is around it.
        self._outer: dict[ast.Node, Span] = {}
        # A cast's own span is that of its parentheses: here is where its operand ends.
        self._cast_ends: dict[ast.Node, int] = {}
        # Of `----1` the inner mistake is told and not the outer one.
        self._refused: set[ast.Node] = set()

    def _span(self, items: Sequence[Item]) -> Span:
        return Span(self.begin(items[0]), self.end(items[-1]), None)

    def _extent(self, item: Item) -> Span:
        return self._span((item,))

    def begin(self, item: Item) -> int:
        """Where a token or node begins in the source, parentheses around it included."""
        if type(item) is Token:
            return item.start
        span: Span = self._outer.get(item, item.span)
        return span.start

    def end(self, item: Item) -> int:
        """Where a token or node, or the last of a list of them, ends in the source."""
        if type(item) is Token:
            return item.end
        if type(item) is list:
            return self.end(item[-1])
        if item in self._outer:
            return self._outer[item].end
        if type(item) is ast.Cast:
            return self._cast_ends[item]
        span: Span = item.span
        return span.end

    def _error(self, message: str, span: Span, *hints: str) -> None:
        """The tree goes on with what was written: nobody reads it after an error."""
        self._diagnostics.error(f"syntax: {message}", span, hints=hints)

    # Structure

    def start(self, items: list[Item]) -> ast.Program:
        nodes = _nodes(items)
        self._check_order(nodes)

        def section(kind: type[N]) -> tuple[N, ...]:
            return tuple(node for node in nodes if type(node) is kind)

        return ast.Program(
            Span(self._offset, len(self._source.text)),
            self._source,
            section(ast.CDefinition),
            section(ast.Config),
            section(ast.Import),
            section(ast.MapDeclaration),
            section(ast.Macro),
            section(ast.Function),
            section(ast.Probe),
        )

    def _check_order(self, nodes: tuple[ast.Node, ...]) -> None:
        section, configs = 0, 0
        for node in nodes:
            own = _SECTIONS.get(type(node), _ITEMS)
            if own < section:
                self._error(_TOO_LATE[type(node)], self._first_word(node))
            elif isinstance(node, ast.Config) and configs:
                self._error("duplicate config block", self._first_word(node))
            configs += isinstance(node, ast.Config)
            section = max(section, own)

    def _first_word(self, node: ast.Node) -> Span:
        found = re.compile(r"#?\w*", re.ASCII).match(self._source.text, node.span.start)
        assert found is not None
        return Span(node.span.start, found.end())

    def c_definition(self, items: list[Item]) -> ast.CDefinition:
        span = self._span(items)
        if items[0].type == "C_LINE":
            return ast.CDefinition(span, items[0].text.rstrip("\r"))
        for item in items:
            if item.type == "C_ATTRIBUTE" and not _ATTRIBUTE.fullmatch(item.text):
                self._error("__attribute__ syntax error, expected '(('", self._extent(item))
        text = self._source.text[span.start : span.end]
        return ast.CDefinition(span, text if items[-1].type == "SEMICOLON" else f"{text};")

    def config(self, items: list[Item]) -> ast.Config:
        return ast.Config(self._span(items), _nodes(items))

    def config_entry(self, items: list[Item]) -> ast.ConfigEntry:
        return ast.ConfigEntry(self._span(items), items[0].text, items[2])

    def root_import(self, items: list[Item]) -> ast.Import:
        return ast.Import(self._span(items), self._bytes(items[1]))

    import_statement = root_import

    def map_declaration(self, items: list[Item]) -> ast.MapDeclaration:
        return ast.MapDeclaration(self._span(items), items[1].text, items[3].text, self._integer(items[5]))

    def macro(self, items: list[Item]) -> ast.Macro:
        *parameters, body = _nodes(items)
        return ast.Macro(self._span(items[:2]), items[1].text, tuple(parameters), body)

    def builtin_parameter(self, items: list[Item]) -> ast.Identifier:
        self._error(f"builtin '{items[0].text}' can't be used as a macro argument", self._extent(items[0]))
        return self.identifier(items)

    def function(self, items: list[Item]) -> ast.Function:
        *parameters, result, body = _nodes(items)
        return ast.Function(self._span(items), items[1].text, tuple(parameters), result, body)

    def parameter(self, items: list[Item]) -> ast.Parameter:
        return ast.Parameter(self._span(items), self.variable(items), items[2])

    def probe(self, items: list[Item]) -> ast.Probe:
        points, body = items[0], items[-1]
        predicate = items[1] if len(items) == 3 else None
        first = points[0].span if points else body.span
        return ast.Probe(first.to(body.span), tuple(points), predicate, body)

    def attach_points(self, items: list[Item]) -> list[ast.AttachPoint]:
        return [ast.AttachPoint(self._extent(item), item.text) for item in items if item.type == "ATTACH_POINT"]

    def predicate(self, items: list[Item]) -> ast.Expression:
        condition: ast.Expression = items[1]
        return condition

    # Blocks

    def body(self, items: list[Item]) -> ast.Block:
        return ast.Block(self._span(items), _nodes(items))

    def block(self, items: list[Item]) -> ast.Block:
        """What stands last without a `;` is the block's value."""
        statements = _nodes(items)
        match items[-2]:
            case ast.ExpressionStatement(_, value) | (ast.If() as value) | (ast.Block() as value):
                return ast.Block(self._span(items), statements[:-1], value)
        return ast.Block(self._span(items), statements)

    macro_body = block_statement = block

    # Statements

    def assignment(self, items: list[Item]) -> ast.Assignment:
        target, operator, value = items
        if not isinstance(target, ast.Variable | ast.Map) or target in self._outer:
            immutable = isinstance(target, ast.FieldAccess) and target not in self._outer
            self._error(_IMMUTABLE if immutable else _NO_TARGET, self._extent(target))
        return ast.Assignment(self._span(items), target, operator.text[:-1] or None, value)

    def discard(self, items: list[Item]) -> ast.Discard:
        return ast.Discard(self._span(items), items[2])

    def let(self, items: list[Item]) -> ast.Let:
        type_ = items[3] if len(items) > 3 and items[2].type == "COLON" else None
        value = items[-1] if items[-2].type == "EQUAL" else None
        declared = items[:4] if type_ is not None else items[:2]
        return ast.Let(self._span(declared), self.variable(items[1:2]), type_, value)

    def expression_statement(self, items: list[Item]) -> ast.ExpressionStatement:
        return ast.ExpressionStatement(self._span(items), items[0])

    def return_statement(self, items: list[Item]) -> ast.Return:
        return ast.Return(self._span(items), next(iter(_nodes(items)), None))

    def break_statement(self, items: list[Item]) -> ast.Break:
        return ast.Break(self._span(items))

    def continue_statement(self, items: list[Item]) -> ast.Continue:
        return ast.Continue(self._span(items))

    def if_statement(self, items: list[Item]) -> ast.If:
        self._check_condition(items[1])
        otherwise = items[4] if len(items) > 4 else None
        if isinstance(otherwise, ast.If):
            otherwise = ast.Block(otherwise.span, (), otherwise)
        return ast.If(self._span(items), items[1], items[2], otherwise)

    if_expression = if_statement

    def _check_condition(self, condition: ast.Expression) -> None:
        """A condition's own parentheses hold an expression: neither a tuple nor a record."""
        if condition in self._outer:
            return  # the type checker has more to say of `((1, 2))`
        match condition:
            case ast.Tuple(span, ()):
                self._error("expected expression", Span(span.end - 1, span.end))
            case ast.Record(_, (field, *_)):
                at = self._source.text.index("=", field.span.start)
                self._error("unexpected '=', expected ')'", Span(at, at + 1))
            case ast.Tuple(_, (element, *_)):
                at = self._source.text.index(",", self.end(element))
                self._error("unexpected ',', expected ')'", Span(at, at + 1))

    def for_statement(self, items: list[Item]) -> ast.For:
        variable, iterable, block = items[-5 if items[1].type == "LPAR" else -4], *_nodes(items)
        match iterable:
            case ast.Range(_, start, end):
                for bound in (start, end):
                    if isinstance(bound, _NO_BOUNDS) and bound not in self._outer:
                        self._error(_NO_ITERABLE, bound.span, "put the bounds of a range in parentheses")
            case ast.Map(_, _, ()) if iterable not in self._outer:
                pass
            case _:
                self._error(_NO_ITERABLE, self._extent(iterable))
        return ast.For(self._span(items), self.variable([variable]), iterable, _body(block))

    def range(self, items: list[Item]) -> ast.Range:
        return ast.Range(self._span(items), items[0], items[2])

    def while_statement(self, items: list[Item]) -> ast.While:
        self._check_condition(items[1])
        return ast.While(self._span(items), items[1], _body(items[2]))

    def unroll_statement(self, items: list[Item]) -> ast.Unroll:
        self._check_condition(items[1])
        return ast.Unroll(self._span(items), items[1], _body(items[2]))

    # Operators

    def ternary(self, items: list[Item]) -> ast.Ternary:
        condition, otherwise = items[0], items[-1]
        # `a ?: b` means `a ? a : b`.
        return ast.Ternary(self._span(items), condition, items[2] if len(items) == 5 else condition, otherwise)

    def binary(self, items: list[Item]) -> ast.Expression:
        """Operator precedence: operands wait on a stack until an operator comes that does not bind tighter."""
        operands: list[ast.Expression] = [items[0]]
        operators: list[str] = []
        for at in range(1, len(items), 2):
            operator = items[at].text
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
        unary = ast.Unary(self._span(items), items[0].text, items[1])
        if unary.operator == "&":
            match items[1]:
                case (ast.Variable() | ast.Map(_, _, ())) as target if target not in self._outer:
                    pass
                case target:
                    if target not in self._refused:
                        self._error(_NO_ADDRESS, unary.span)
                    self._refused.add(unary)
        return unary

    def increment_before(self, items: list[Item]) -> ast.Increment:
        operator, target = items
        return self._increment(items, operator, target, False)

    def increment_after(self, items: list[Item]) -> ast.Increment:
        target, operator = items
        return self._increment(items, operator, target, True)

    def _increment(self, items: list[Item], operator: Token, target: Item, postfix: bool) -> ast.Increment:
        increment = ast.Increment(self._span(items), operator.text, target, postfix)
        if not isinstance(target, ast.Variable | ast.Map):
            if target not in self._refused:
                self._error(_NO_COUNTER, increment.span)
            self._refused.add(increment)
        return increment

    def cast(self, items: list[Item]) -> ast.Cast:
        cast = ast.Cast(self._span(items[:3]), items[1], items[3])
        self._cast_ends[cast] = self.end(items[3])
        return cast

    def comptime(self, items: list[Item]) -> ast.Comptime:
        return ast.Comptime(self._span(items), items[1])

    # What operators stand between

    def field(self, items: list[Item]) -> ast.FieldAccess:
        name = str(self._integer(items[2])) if items[2].type == "NUMBER" else items[2].text
        return ast.FieldAccess(self._span(items), items[0], name)

    def index(self, items: list[Item]) -> ast.Index:
        return ast.Index(self._span(items), items[0], items[2])

    def parenthesis(self, items: list[Item]) -> ast.Expression:
        inner: ast.Expression = items[1]
        self._outer[inner] = self._span(items)
        return inner

    def tuple_literal(self, items: list[Item]) -> ast.Tuple:
        return ast.Tuple(self._span(items), _nodes(items))

    def record(self, items: list[Item]) -> ast.Record:
        fields = _nodes(items)
        known = set()
        for field in fields:
            if field.name in known:
                self._error(f"Named argument list already contains name: {field.name}", field.span)
            known.add(field.name)
        return ast.Record(self._span(items), fields)

    def record_field(self, items: list[Item]) -> ast.RecordField:
        return ast.RecordField(self._span(items), items[0].text, items[2])

    def call(self, items: list[Item]) -> ast.Call:
        return ast.Call(self._span(items), items[0].text, _nodes(items))

    def size_of(self, items: list[Item]) -> ast.SizeOf:
        return ast.SizeOf(self._span(items), items[2])

    def type_info(self, items: list[Item]) -> ast.TypeInfo:
        return ast.TypeInfo(self._span(items), items[2])

    def type_of(self, items: list[Item]) -> ast.TypeOf:
        return ast.TypeOf(self._span(items), items[2])

    def offset_of(self, items: list[Item]) -> ast.OffsetOf:
        return ast.OffsetOf(self._span(items), items[2], tuple(item.text for item in items[4:-1:2]))

    def type(self, items: list[Item]) -> ast.TypeName:
        """A base, then what is made of it, from left to right."""
        base: ast.TypeName
        match items[0]:
            case ast.TypeOf() as type_of:
                base, at = type_of, 1
            case Token(type="TAG") as tag:
                base, at = ast.NamedType(self._span(items[:2]), tag.text, items[1].text), 2
            case name:
                base, at = ast.NamedType(self._extent(name), "", name.text), 1
        while at < len(items):
            if items[at].type == "STAR":
                base = ast.PointerType(self._span((base, items[at])), base)
                at += 1
                continue
            sized = items[at + 1].type == "NUMBER"
            count = self._integer(items[at + 1]) if sized else None
            at += 3 if sized else 2
            base = ast.ArrayType(self._span((base, items[at - 1])), base, count)
        return base

    # Single tokens

    def identifier(self, items: list[Item]) -> ast.Identifier:
        return ast.Identifier(self._extent(items[0]), items[0].text)

    def variable(self, items: list[Item]) -> ast.Variable:
        return ast.Variable(self._extent(items[0]), items[0].text)

    def map(self, items: list[Item]) -> ast.Map:
        return ast.Map(self._span(items), items[0].text, _nodes(items))

    def true(self, items: list[Item]) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(self._extent(items[0]), True)

    def false(self, items: list[Item]) -> ast.BooleanLiteral:
        return ast.BooleanLiteral(self._extent(items[0]), False)

    def positional(self, items: list[Item]) -> ast.PositionalParameter:
        span, digits = self._extent(items[0]), items[0].text[1:].lstrip("0")
        number = int(digits or "0") if len(digits) < 20 else 0
        if not 1 <= number <= _LARGEST_PARAMETER:
            self._error(f"param {items[0].text} is {_PARAMETER_RANGE}", span)
        return ast.PositionalParameter(span, number)

    def positional_count(self, items: list[Item]) -> ast.PositionalCount:
        return ast.PositionalCount(self._extent(items[0]))

    def number(self, items: list[Item]) -> ast.IntegerLiteral:
        return ast.IntegerLiteral(self._extent(items[0]), self._integer(items[0]), items[0].text)

    def string(self, items: list[Item]) -> ast.StringLiteral:
        return ast.StringLiteral(self._extent(items[0]), self._bytes(items[0]))

    def _integer(self, token: Token) -> int:
        try:
            return parse_integer(token.text, binary=False)
        except NumberError as error:
            self._error(str(error), self._extent(token))
            return 0

    def _bytes(self, token: Token) -> bytes:
        try:
            return unescape(token.text[1:-1])
        except EscapeError as error:
            begin = token.start + 1 + error.at
            self._error(str(error), Span(begin, begin + error.length))
            return b""


def _nodes(items: list[Item]) -> tuple[Any, ...]:
    """What is left without tokens. The grammar lets only nodes of the right kind stand there."""
    return tuple(item for item in items if not isinstance(item, Token))


def _body(block: ast.Block) -> ast.Block:
    """A block as the body of a loop, in which an expression without a `;` is a statement like any other."""
    match block.value:
        case None:
            return block
        case (ast.If() | ast.Block()) as last:
            return ast.Block(block.span, (*block.statements, last))
        case value:
            return ast.Block(block.span, (*block.statements, ast.ExpressionStatement(value.span, value)))
