"""The layout of expressions and types.

Every operand that is no simple one gets parentheses, so that nobody has to know the table of precedence; a tree that
is too deep for so many of them keeps those that it cannot do without (`sparing`). Comments go where the token is
that they stand at: `/* ... */` before an operand, or behind one.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from ....core import ast
from ..tree import PRECEDENCE
from .comments import Comments
from .layout import BLANK, Document, align, arguments, concat, group, nest, text
from .literals import string_text
from .places import first_offset, last_offset

#: What never needs parentheses around it, because it ends at a name, a literal or a bracket of its own.
_SIMPLE = (
    ast.IntegerLiteral
    | ast.StringLiteral
    | ast.BooleanLiteral
    | ast.PositionalParameter
    | ast.PositionalCount
    | ast.Identifier
    | ast.Variable
    | ast.Map
    | ast.Call
    | ast.FieldAccess
    | ast.Index
    | ast.Tuple
    | ast.Record
    | ast.SizeOf
    | ast.OffsetOf
    | ast.TypeInfo
    | ast.TypeOf
)
#: What an operator can stand before, as it is itself one with its operand.
_PREFIXED = ast.Unary | ast.Increment | ast.Cast | ast.Comptime
#: The operators of which a row needs no parentheses.
_CHAINED = ("&&", "||")
#: The words that are types by themselves in `sizeof(...)` and the like.
_TYPE_WORD = re.compile(
    r"bool|u?int(?:8|16|32|64)|void|string|buffer|inet|timestamp|macaddr_t|username_t|cgroup_path_t|count_t"
    r"|u?(?:sum|min|max|avg|stats)_t|[lt]?hist_t|tseries_t|[ku](?:stack|sym)_t"
)
_COMMENT = re.compile(r"//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/")


class ExpressionLayout(ABC):
    """Turns the expressions of one script into documents, in the order of the text: comments are taken on the way."""

    def __init__(self, comments: Comments, *, sparing: bool) -> None:
        self.comments = comments
        self.text = comments.text
        self._sparing = sparing

    @abstractmethod
    def block_value(self, block: ast.Block) -> Document:
        """A block where an expression can stand."""

    @abstractmethod
    def if_value(self, branch: ast.If) -> Document:
        """An `if` where an expression can stand."""

    def expression(self, node: ast.Expression) -> Document:
        match node:
            case ast.Block():
                return concat(*self._lead(node.span.start), self.block_value(node))
            case ast.If():
                return concat(*self._lead(node.span.start), self.if_value(node))
            case ast.Binary():
                return self._binary(node)
            case ast.Ternary():
                return self._ternary(node)
            case ast.Unary(_, operator, operand):
                lead = self._lead(first_offset(operand))
                return concat(*lead, operator, self._prefixed(operator, operand))
            case ast.Increment(_, operator, target, postfix):
                lead = self._lead(first_offset(target))
                parts = (self.expression(target), operator) if postfix else (operator, self.expression(target))
                return concat(*lead, *parts)
            case ast.Cast(_, type_, operand):
                lead = self._lead(first_offset(operand))
                return concat(*lead, "(", self.type(type_), ")", self._cast_operand(operand))
            case ast.Comptime(_, operand):
                return concat(*self._lead(first_offset(operand)), "comptime ", self._operand(operand))
            case ast.FieldAccess() | ast.Index():
                return self._postfix(node)
            case _:
                return concat(*self._lead(node.span.start), self._primary(node))

    def condition(self, node: ast.Expression) -> Document:
        """What follows `if` and `while`."""
        return self._operand(node, bare=isinstance(node, ast.Comptime))

    def parenthesised(self, node: ast.Expression) -> Document:
        return concat("(", align(self.expression(node)), ")")

    def bound(self, node: ast.Expression) -> Document:
        """An end of a range."""
        literal = isinstance(node, ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral)
        return self.expression(node) if literal else self.parenthesised(node)

    # Operators

    def _operand(self, node: ast.Expression, *, bare: bool = False) -> Document:
        if bare or isinstance(node, _SIMPLE) or (self._sparing and isinstance(node, _PREFIXED)):
            return self.expression(node)
        return self.parenthesised(node)

    def _prefixed(self, operator: str, node: ast.Expression) -> Document:
        """The operand of an operator. Two of them without a blank may be another operator: `--`."""
        blank = isinstance(node, ast.Unary | ast.Increment) and self._sparing
        return concat(" " if blank else "", self._operand(node, bare=isinstance(node, ast.Cast)))

    def _cast_operand(self, node: ast.Expression) -> Document:
        """`(type)++$x` would not be a cast."""
        if isinstance(node, ast.Increment) and not node.postfix:
            return self.parenthesised(node)
        return self._operand(node, bare=isinstance(node, ast.Cast) or _is_negative_literal(node))

    def _binary(self, node: ast.Binary) -> Document:
        """The left side of each operator is walked down without recursion: there may be a thousand."""
        spine = [node]
        while isinstance(spine[-1].left, ast.Binary):
            spine.append(spine[-1].left)
        spine.reverse()
        parts = [self._side(spine[0].left, bare=False)]
        for at, binary in enumerate(spine):
            behind = self._behind(binary.left, len(binary.operator))
            right = self._side(binary.right, bare=self._binds_tighter(binary, binary.right))
            parts += [concat(*behind, f" {binary.operator}"), BLANK, right]
            outer = spine[at + 1] if at + 1 < len(spine) else None
            if outer is None:
                break
            chained = outer.operator in _CHAINED and outer.operator == binary.operator
            if not chained and not self._binds_tighter(outer, binary, same=True):
                parts = [concat("(", align(group(*parts)), ")")]
        return group(align(*parts))

    def _side(self, node: ast.Expression, *, bare: bool) -> Document:
        return self._operand(node, bare=bare or _is_negative_literal(node))

    def _binds_tighter(self, outer: ast.Binary, inner: ast.Expression, *, same: bool = False) -> bool:
        """Whether an operand may do without parentheses, which is never asked but when there are too many."""
        if not self._sparing or not isinstance(inner, ast.Binary):
            return False
        return PRECEDENCE[inner.operator] >= PRECEDENCE[outer.operator] + (not same)

    def _ternary(self, node: ast.Ternary) -> Document:
        condition, then, otherwise = node.condition, node.then, node.otherwise
        parts = [self._operand(condition, bare=isinstance(condition, ast.Binary | _PREFIXED))]
        parts += self._behind(condition, 1)
        if then is condition:
            return group(*parts, nest(BLANK, "?: ", self._branch(otherwise, last=True)))
        middle = [self._branch(then, last=False), *self._behind(then, 1)]
        last = self._branch(otherwise, last=True)
        return group(*parts, nest(BLANK, "? ", *middle, BLANK, ": ", last))

    def _branch(self, node: ast.Expression, *, last: bool) -> Document:
        """`a ? b : c ? d : e` is a list of cases; the other way round it would be a riddle."""
        bare = last or self._sparing if isinstance(node, ast.Ternary) else isinstance(node, ast.Binary | _PREFIXED)
        return self._operand(node, bare=bare)

    def _postfix(self, node: ast.Expression) -> Document:
        """`.name` and `[index]`, of which there may be many in a row."""
        suffixes: list[ast.FieldAccess | ast.Index] = []
        while isinstance(node, ast.FieldAccess | ast.Index):
            suffixes.append(node)
            node = node.base
        # `@m[1]` is a map with a key.
        whole = isinstance(node, ast.Map) and not node.keys and isinstance(suffixes[-1], ast.Index)
        bare = isinstance(node, _SIMPLE) and not whole
        parts = [self.expression(node) if bare else self.parenthesised(node)]
        for suffix in reversed(suffixes):
            match suffix:
                case ast.FieldAccess(_, _, name):
                    parts.append(text(f".{name}"))
                case ast.Index(span, _, index):
                    parts.append(self.bracketed("[", (index,), "]", span.end))
        return concat(*parts)

    # Comments

    def _lead(self, before: int) -> list[Document]:
        return [text(f"{comment.inline()} ") for comment in self.comments.take(before)]

    def _inline(self, before: int) -> list[Document]:
        return [text(f" {comment.inline()}") for comment in self.comments.take(before)]

    def _behind(self, node: ast.Expression, length: int) -> list[Document]:
        """The comments up to the operator or comma of this length behind a node, and those at the end of its line."""
        token = self.comments.behind(last_offset(node))
        found = self.comments.take(token) + self.comments.take_rest_of_line(token + length)
        return [text(f" {comment.inline()}") for comment in found]

    # What operators stand between

    def _primary(self, node: ast.Expression) -> Document:
        match node:
            case ast.IntegerLiteral():
                return text(node.text)
            case ast.StringLiteral(_, value):
                return text(string_text(value))
            case ast.BooleanLiteral(_, value):
                return text("true" if value else "false")
            case ast.PositionalParameter(_, number):
                return text(f"${number}")
            case ast.PositionalCount():
                return text("$#")
            case ast.Identifier(_, name) | ast.Variable(_, name) | ast.Map(_, name, ()):
                return text(name)
            case ast.Map(span, name, keys):
                return self.bracketed(f"{name}[", keys, "]", span.end)
            case ast.Call(span, name, given):
                return self.bracketed(f"{name}(", given, ")", span.end)
            case ast.Tuple(span, (only,)):
                inner = concat(self.expression(only), *self._inline(span.end - 1), ",")
                return concat("(", align(inner), ")")
            case ast.Tuple(span, elements):
                return self.bracketed("(", elements, ")", span.end)
            case ast.Record(span, fields):
                return self._record(span.end, fields)
            case ast.SizeOf() | ast.TypeInfo() | ast.OffsetOf():
                return self._type_query(node)
            case ast.TypeOf():
                return self.type(node)
        raise AssertionError(node)

    def bracketed(self, opening: str, nodes: Sequence[ast.Expression], closing: str, end: int) -> Document:
        """A list of expressions; `end` is the offset behind the closing bracket."""
        items: list[Document] = []
        for at, node in enumerate(nodes):
            item = self.expression(node)
            behind = self._behind(node, 1) if at < len(nodes) - 1 else self._inline(end - 1)
            items.append(concat(item, *behind) if behind else item)
        inside = self.comments.take(end) if not nodes else ()
        if inside:
            items = [text(" ".join(comment.inline() for comment in inside))]
        return arguments(opening, items, closing)

    def _record(self, end: int, fields: Sequence[ast.RecordField]) -> Document:
        items = []
        for at, field in enumerate(fields):
            lead = self._lead(field.span.start)
            value = concat(f"{field.name}=", align(self.expression(field.value)))
            behind = self._behind(field.value, 1) if at < len(fields) - 1 else self._inline(end - 1)
            items.append(concat(*lead, value, *behind))
        return arguments("(", items, ")")

    def _type_query(self, node: ast.SizeOf | ast.TypeInfo | ast.OffsetOf) -> Document:
        operand, end = self._type_operand(node.operand), node.span.end
        match node:
            case ast.OffsetOf(_, _, path):
                return concat("offsetof(", align(operand, f", {'.'.join(path)}", *self._inline(end)), ")")
            case ast.TypeInfo():
                return concat("typeinfo(", align(operand, *self._inline(end)), ")")
            case ast.SizeOf():
                return concat("sizeof(", align(operand, *self._inline(end)), ")")

    def _type_operand(self, node: ast.Expression | ast.TypeName) -> Document:
        match node:
            case ast.NamedType() | ast.PointerType() | ast.ArrayType() | ast.TypeOf():
                return self.type(node)
            case _ if _looks_like_a_type(node):
                return self.parenthesised(node)
            case _:
                return self.expression(node)

    # Types

    def type(self, node: ast.TypeName) -> Document:
        match node:
            case ast.NamedType(_, tag, name):
                return text(f"{tag} {name}" if tag else name)
            case ast.PointerType(_, pointee):
                return concat(self.type(pointee), "*" if isinstance(pointee, ast.PointerType) else " *")
            case ast.ArrayType(span, element):
                suffix = _COMMENT.sub("", self.text[element.span.end : span.end])
                return concat(self.type(element), "".join(suffix.split()))
            case ast.TypeOf(span, operand):
                inner = self._type_operand(operand)
                return concat("typeof(", align(inner, *self._inline(span.end)), ")")


def _is_negative_literal(node: ast.Expression) -> bool:
    return isinstance(node, ast.Unary) and node.operator == "-" and isinstance(node.operand, ast.IntegerLiteral)


def _looks_like_a_type(node: ast.Expression) -> bool:
    """What would be a type in `sizeof(...)` is an expression in parentheses."""
    if isinstance(node, ast.Identifier):
        return _TYPE_WORD.fullmatch(node.name) is not None
    while isinstance(node, ast.Index) and isinstance(node.index, ast.IntegerLiteral):
        node = node.base
        if isinstance(node, ast.Identifier):
            return True
    return False
