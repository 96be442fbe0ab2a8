"""The layout of expressions and types.

Operands that are more than a name, a literal or a call get parentheses, whether the precedence of operators asks for
them or not, and nothing else does unless the text would mean something else without. Comments are written in front of
the token that followed them. What a block or an `if` looks like is known to `statements.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from math import inf

from ....core import ast
from ..tree import PRECEDENCE
from .comments import Comments
from .document import BLANK, EMPTY, HARD, NOTHING, Document, align, bracketed, concat, group, nest, text

#: What is an operand without parentheses.
PRIMARY = (
    ast.IntegerLiteral, ast.StringLiteral, ast.BooleanLiteral, ast.PositionalParameter, ast.PositionalCount,
    ast.Identifier, ast.Variable, ast.Map, ast.Call, ast.FieldAccess, ast.Index, ast.Tuple, ast.Record,
    ast.SizeOf, ast.OffsetOf, ast.TypeInfo, ast.TypeOf,
)  # fmt: skip
#: What binds as tightly as a prefix operator.
_PREFIXED = (ast.Unary, ast.Cast)
#: A longer row of operators would nest too deep with parentheses at each of them.
_LONGEST_ROW = 20
_FLATTENED = ("&&", "||")
_TYPE = (ast.NamedType, ast.PointerType, ast.ArrayType)
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
#: What is not written as it is: control characters, and bytes that are no part of a UTF-8 character.
_ESCAPED = re.compile(
    r'(?P<good>[\xc2-\xdf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]'
    r"|[\xf1-\xf3][\x80-\xbf]{3}|\xf0[\x90-\xbf][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf]{2})|[\x00-\x1f\x7f-\xff\"\\]"
)


def string(value: bytes) -> str:
    """A literal with this value. UTF-8 stays as it is."""

    def escape(found: re.Match[str]) -> str:
        character = found.group()
        if found["good"]:
            return character
        return _ESCAPES.get(character) or f"\\x{ord(character):02x}"

    return f'"{_ESCAPED.sub(escape, value.decode("latin-1"))}"'


def leftmost(expression: ast.Expression) -> int:
    """Where the first token begins that the expression is made of, not counting parentheses around it."""
    while True:
        match expression:
            case ast.Binary(_, _, inner) | ast.Ternary(_, inner) | ast.FieldAccess(_, inner) | ast.Index(_, inner):
                expression = inner
            case ast.Increment(_, _, target, True):
                return target.span.start
            case _:
                return expression.span.start


class Expressions:
    """Lays out one script's expressions, in the order of the source, because comments are taken as they come."""

    def __init__(self, comments: Comments, block: Callable[[ast.If | ast.Block], Document]) -> None:
        self._comments = comments
        self._block = block

    def expression(self, node: ast.Expression) -> Document:
        match node:
            case ast.Identifier(span, name) | ast.Variable(span, name):
                return self.token(span.start, name)
            case ast.IntegerLiteral(span, _, spelling):
                return self.token(span.start, spelling)
            case ast.StringLiteral(span, value):
                return self.token(span.start, string(value))
            case ast.BooleanLiteral(span, truth):
                return self.token(span.start, "true" if truth else "false")
            case ast.PositionalParameter(span, number):
                return self.token(span.start, f"${number}")
            case ast.PositionalCount(span):
                return self.token(span.start, "$#")
            case ast.Binary():
                return self._binary(node)
            case ast.Map() | ast.Call() | ast.Tuple() | ast.Record() | ast.Index():
                return self._list(node)
            case ast.FieldAccess(_, base, name):
                return concat(self.operand(base), group(nest(NOTHING)), f".{name}")
            case ast.Unary() | ast.Increment() | ast.Cast() | ast.Comptime():
                return self._prefixed(node)
            case ast.Ternary():
                return self._ternary(node)
            case ast.If() | ast.Block():
                return concat(*self.comments(node.span.start), self._block(node))
            case ast.SizeOf(span) | ast.TypeInfo(span) | ast.TypeOf(span):
                word = type(node).__name__.lower()
                head = self.comments(span.start)
                return concat(*head, self.bracketed(f"{word}(", [self._type_or_expression(node)], ")", span.end - 1))
            case ast.OffsetOf(span, _, path):
                head = self.comments(span.start)
                items = [self._type_or_expression(node), text(".".join(path))]
                return concat(*head, self.bracketed("offsetof(", items, ")", span.end - 1))

    def operand(self, node: ast.Expression) -> Document:
        return self.expression(node) if isinstance(node, PRIMARY) else self.parenthesised(node)

    def parenthesised(self, node: ast.Expression) -> Document:
        return bracketed("(", [self.expression(node)], ")", hugs=True)

    # Comments and tokens

    def comments(self, until: int) -> list[Document]:
        """The comments in front of an offset, each with a blank behind it."""
        found: list[Document] = []
        for comment in self._comments.take(until):
            written = comment.inside()
            found += [text(written), HARD if written.startswith("//") else group(BLANK)]
        return found

    def comments_behind(self, until: int) -> list[Document]:
        """The comments in front of an offset, each with a blank in front of it."""
        found: list[Document] = []
        for comment in self._comments.take(until):
            written = comment.inside()
            found += [group(BLANK), text(written), HARD if written.startswith("//") else EMPTY]
        return found

    def token(self, offset: int, content: str) -> Document:
        """A token, behind the comments that are in front of it in the source."""
        return concat(*self.comments(offset), content)

    def bracketed(self, opening: str, items: Iterable[Document], closing: str, end: int) -> Document:
        """A list in brackets; `end` is the offset of the closing one."""
        found = list(items)
        behind = self.comments_behind(end)
        if behind:
            found[-1:] = [concat(found[-1], *behind) if found else concat(*behind[1:])]
        return bracketed(opening, found, closing)

    # Operators

    def _binary(self, node: ast.Binary) -> Document:
        """Operators in a row are a tree that is deep on its left."""
        row: list[tuple[str, ast.Expression]] = []
        first: ast.Expression = node
        while isinstance(first, ast.Binary):
            row.append((first.operator, first.right))
            first = first.left
        row.reverse()
        is_long = len(row) > _LONGEST_ROW
        parts: list[Document | str] = [self._binary_operand(first)]
        previous = row[0][0]
        for operator, right in row:
            goes_on = PRECEDENCE[previous] >= PRECEDENCE[operator] if is_long else previous == operator in _FLATTENED
            if len(parts) > 1 and not goes_on:
                parts = [bracketed("(", [_row(parts)], ")", hugs=True)]
            parts += [f" {operator}", BLANK, self._binary_operand(right)]
            previous = operator
        return _row(parts)

    def _binary_operand(self, node: ast.Expression) -> Document:
        """A negative number reads as well as any other literal."""
        match node:
            case ast.Unary(operator="-", operand=ast.IntegerLiteral()):
                return self.expression(node)
        return self.operand(node)

    def _prefixed(self, node: ast.Unary | ast.Increment | ast.Cast | ast.Comptime) -> Document:
        match node:
            case ast.Increment(_, operator, target, True):
                return concat(self.expression(target), operator)
            case ast.Increment(span, operator, target):
                return concat(self.token(span.start, operator), self.expression(target))
            case ast.Unary(span, operator, operand):
                # `--` would be another operator.
                doubled = operator == "-" and isinstance(operand, ast.Unary) and operand.operator == "-"
                head = self.token(span.start, operator)
                return concat(head, self.parenthesised(operand) if doubled else self._prefix_operand(operand))
            case ast.Cast(span, type_, operand):
                head, inside = self.token(span.start, "("), self.type(type_)
                return concat(head, inside, ")", group(nest(NOTHING)), self._prefix_operand(operand))
            case ast.Comptime(span, operand):
                head = self.token(span.start, "comptime")
                return concat(head, group(nest(BLANK)), self._prefix_operand(operand))

    def _prefix_operand(self, node: ast.Expression) -> Document:
        if isinstance(node, _PREFIXED) or (isinstance(node, ast.Increment) and node.postfix):
            return self.expression(node)
        return self.operand(node)

    def _ternary(self, node: ast.Ternary) -> Document:
        condition = self._choice(node.condition, ast.Ternary, ast.If, ast.Block)
        if node.then is node.condition:
            return group(condition, nest(BLANK, "?: ", align(self._choice(node.otherwise, ast.Ternary))))
        then = align(self._choice(node.then, ast.Ternary))
        otherwise = align(self._choice(node.otherwise, ast.Ternary))
        return group(condition, nest(BLANK, "? ", then, BLANK, ": ", otherwise))

    def _choice(self, node: ast.Expression, *parenthesised: type[ast.Node]) -> Document:
        return self.parenthesised(node) if isinstance(node, parenthesised) else self.expression(node)

    # Lists

    def _list(self, node: ast.Map | ast.Call | ast.Tuple | ast.Record | ast.Index) -> Document:
        end = node.span.end - 1
        match node:
            case ast.Map(span, name, ()):
                return self.token(span.start, name)
            case ast.Map(span, name, keys):
                head = self.token(span.start, name)
                return concat(head, self.bracketed("[", map(self.expression, keys), "]", end))
            case ast.Call(span, name, arguments):
                head = self.token(span.start, name)
                return concat(head, self.bracketed("(", map(self.expression, arguments), ")", end))
            case ast.Tuple(span, elements):
                before = self.comments(span.start)
                closing = ",)" if len(elements) == 1 else ")"
                return concat(*before, self.bracketed("(", map(self.expression, elements), closing, end))
            case ast.Record(span, fields):
                before = self.comments(span.start)
                return concat(*before, self.bracketed("(", map(self._field, fields), ")", end))
            case ast.Index(_, base, index):
                # `@m[1]` would be a map with a key.
                keyless = isinstance(base, ast.Map) and not base.keys
                head = self.parenthesised(base) if keyless else self.operand(base)
                return concat(head, self.bracketed("[", [self.expression(index)], "]", end))

    def _field(self, field: ast.RecordField) -> Document:
        return concat(self.token(field.span.start, f"{field.name}="), self.expression(field.value))

    # Types

    def type(self, node: ast.TypeName) -> Document:
        suffixes: list[str] = []
        while isinstance(node, ast.PointerType | ast.ArrayType):
            suffixes.append("*" if isinstance(node, ast.PointerType) else f"[{self._count(node)}]")
            node = node.pointee if isinstance(node, ast.PointerType) else node.element
        suffix = "".join(reversed(suffixes))
        # A blank in front of the first `*`, but none between two.
        suffix = re.sub(r"(?<!\*)\*", " *", suffix)
        if isinstance(node, ast.TypeOf):
            return concat(self.expression(node), suffix)
        name = f"{node.tag} {node.name}" if node.tag else node.name
        return self.token(node.span.start, name + suffix)

    def _count(self, node: ast.ArrayType) -> str:
        """The size in its own spelling, which the tree does not have."""
        if node.count is None:
            return ""
        code, end = self._comments.code, node.span.end - 1
        return code[code.rindex("[", 0, end) + 1 : end].strip()

    def _type_or_expression(self, node: ast.SizeOf | ast.TypeInfo | ast.TypeOf | ast.OffsetOf) -> Document:
        """Parentheses can make a name, or `name[1]`, an expression that would be a type without."""
        operand = node.operand
        if isinstance(operand, _TYPE):
            return self.type(operand)
        inner: ast.Expression = operand
        while isinstance(inner, ast.Index) and isinstance(inner.index, ast.IntegerLiteral):
            inner = inner.base
        if isinstance(inner, ast.Identifier):
            before = self._comments.code[node.span.start : inner.span.start]
            if before.count("(") > 1:
                return bracketed("(", [self.expression(operand)], ")")
        return self.expression(operand)


def _row(parts: list[Document | str]) -> Document:
    """Operands below each other if they do not fit on a line. A block among them breaks its own lines only."""
    row = concat(*parts)
    if row.width < inf:
        return group(align(row))
    return concat(*(group(nest(part)) if part is BLANK else part for part in parts))


def is_hugged(value: ast.Expression) -> bool:
    """Whether a long value is broken inside of itself rather than in front of it."""
    while isinstance(value, ast.Cast | ast.Comptime | ast.Unary):
        value = value.operand
    match value:
        case ast.Call(_, _, arguments):
            return bool(arguments)
        case ast.Tuple() | ast.Record() | ast.Ternary() | ast.If() | ast.Block():
            return True
    return False
