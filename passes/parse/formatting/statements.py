"""The layout of statements and blocks.

A statement has a line of its own, and so have the comments before it; those behind it stay there. Empty lines between
statements are kept. A block that has only a value may stand on one line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....core import ast
from .comments import Comment
from .expressions import ExpressionLayout
from .layout import BLANK, HARD, WIDTH, Document, Hard, Text, concat, group, nest, text
from .literals import string_text
from .places import first_offset, last_offset, leftmost, statement_offsets

#: What begins a statement of another kind, or goes on with the one before it.
_STATEMENT_WORDS = ("import", "while", "unroll", "for", "break", "continue", "return", "let", "if", "else")
_JUMPS = ast.Return | ast.Break | ast.Continue | ast.Import


class Lines:
    """The lines of a block, or of the script: documents with the empty lines before each."""

    def __init__(self) -> None:
        self.documents: list[tuple[int, Document]] = []
        self.has_comments = False

    def add(self, blank: int, document: Document, behind: Sequence[Comment] = ()) -> None:
        """A line with the comments behind it, of which only the first has room there."""
        lines = comment_lines(behind)
        if lines:
            document = concat(document, Text(f" {lines[0]}", 0))
        self.documents.append((blank if self.documents else 0, document))
        self.add_comment(0, lines[1:])
        self.has_comments |= bool(lines)

    def add_comment(self, blank: int, lines: Sequence[str]) -> None:
        for number, line in enumerate(lines):
            self.documents.append((blank if self.documents and not number else 0, Text(line, 0)))
            self.has_comments = True


def comment_lines(comments: Sequence[Comment]) -> list[str]:
    return [line for comment in comments for line in comment.own_lines()]


class StatementLayout(ExpressionLayout):
    def block_value(self, block: ast.Block) -> Document:
        return group(self._block(block, block.span.start, flat=True, is_value=True))

    def if_value(self, branch: ast.If) -> Document:
        return group(self._if(branch, flat=True))

    def body(self, block: ast.Block, *, is_value: bool) -> Document:
        """The body of a macro, which has a value, or of a probe or a function."""
        body = self._block(block, block.span.start, flat=False, is_value=is_value, ends_freely=not is_value)
        return concat("{", HARD, "}") if body.width == len("{}") else body

    # Blocks

    def _block(
        self,
        block: ast.Block,
        header_end: int,
        *,
        flat: bool,
        is_value: bool,
        ends_freely: bool = False,
        moved: Sequence[Comment] = (),
    ) -> Document:
        """A block may be `flat` if it is short and has no statements. What `ends_freely` has no value, even without a
        `;` at its end.

        Comments between `header_end`, where that ends to which the block belongs, and its bracket go into the block,
        and so do those that were `moved` here.
        """

        def add(lines: Lines, at: int) -> int:
            return self._add_statements(lines, block, at, is_value=is_value, ends_freely=ends_freely)

        begin, end = block.span.start, block.span.end
        return self.enclosed(text("{"), begin, end, header_end, add, flat=flat and not block.statements, moved=moved)

    def enclosed(
        self,
        opening: Document,
        begin: int,
        end: int,
        header_end: int,
        add: Callable[[Lines, int], int],
        *,
        flat: bool = False,
        moved: Sequence[Comment] = (),
    ) -> Document:
        """What is in braces, from offset `begin` to `end`: `add` adds its lines and returns where they end."""
        header = [*moved, *self.comments.take(begin)]
        first = [*header, *self.comments.take_rest_of_line(begin + 1)]
        beside = bool(first) and not (header and "\n" in self.text[header_end : header[0].start])
        opened = comment_lines(first)
        if beside:
            opening = concat(opening, Text(f" {opened[0]}", 0))
        lines = Lines()
        lines.add_comment(0, opened[1:] if beside else opened)
        lines.has_comments |= beside
        at = add(lines, max([begin + 1, *(comment.end for comment in first)]))
        self.add_comments(lines, at, end)
        if not lines.documents:
            return concat(opening, HARD, "}") if beside else concat(opening, "}")
        flat = flat and not lines.has_comments and not any(blank for blank, _ in lines.documents)
        inner: list[Document] = []
        for blank, document in lines.documents:
            inner += [BLANK if flat else Hard(blank), document]
        return concat(opening, nest(*inner), BLANK if flat else HARD, "}")

    def _add_statements(self, lines: Lines, block: ast.Block, at: int, *, is_value: bool, ends_freely: bool) -> int:
        """Adds a block's statements and its value to its lines; returns the offset behind them."""
        for statement in block.statements:
            begin, end = statement_offsets(statement)
            at = self.add_comments(lines, at, begin)
            blank = self.comments.blank_lines(at, statement.span.start)
            document = self.statement(statement)
            if isinstance(statement, ast.If | ast.Block):
                # As the last one it would be the block's value.
                would_be_value = statement is block.statements[-1] and block.value is None and not ends_freely
                document = concat(document, ";") if would_be_value else document
            at = self.add_ended(lines, blank, document, statement, end)
        value = block.value
        if value is None:
            return at
        at = self.add_comments(lines, at, first_offset(value))
        blank = self.comments.blank_lines(at, leftmost(value).span.start)
        end = self.comments.closed(last_offset(value))
        document = self._value(value, is_value)
        behind = self.comments.take(end) + self.comments.take_rest_of_line(end)
        lines.add(blank, document, behind)
        return max([end, *(comment.end for comment in behind)])

    def add_comments(self, lines: Lines, at: int, before: int) -> int:
        for comment in self.comments.take(before):
            lines.add_comment(self.comments.blank_lines(at, comment.start), comment.own_lines())
            at = comment.end
        return at

    def add_ended(self, lines: Lines, blank: int, document: Document, node: ast.Node, end: int) -> int:
        """Adds a statement with what is behind it, its `;` and comments, and returns where that ends."""
        behind: list[Comment] = []
        if not isinstance(node, _JUMPS) or self.text[end - 1] != ";":
            token = self.comments.behind(end)
            if self.text.startswith(";", token):
                behind, end = self.comments.take(token), token + 1
            else:
                end = self.comments.closed(end)
        behind += self.comments.take(end) + self.comments.take_rest_of_line(end)
        lines.add(blank, document, behind)
        return max([end, *(comment.end for comment in behind)])

    def _value(self, value: ast.Expression, is_value: bool) -> Document:
        """What a block ends with. It is no value of anything when nobody asks for the block's."""
        match value:
            case ast.If():
                return self.if_value(value) if is_value else self._if(value, flat=False)
            case ast.Block():
                return self.block_value(value) if is_value else self._plain_block(value)
            case _:
                return self._begun(value)

    def _plain_block(self, block: ast.Block) -> Document:
        return self._block(block, block.span.start, flat=False, is_value=False)

    def _begun(self, expression: ast.Expression) -> Document:
        """An expression at the beginning of a statement, in parentheses where it would be another statement."""
        match leftmost(expression):
            case ast.Identifier(_, name) | ast.Call(_, name) if name in _STATEMENT_WORDS:
                return self.parenthesised(expression)
            case _ if isinstance(expression, ast.If | ast.Block):
                return self.parenthesised(expression)
        return self.expression(expression)

    # Statements

    def statement(self, statement: ast.Statement) -> Document:
        """With its `;` if it needs one."""
        match statement:
            case ast.If():
                return self._if(statement, flat=False)
            case ast.Block():
                return self._plain_block(statement)
            case ast.For(_, variable, iterable, body):
                head = concat("for ", self.expression(variable), " : ", self._iterable(iterable), " ")
                return concat(head, self._loop(body, last_offset(iterable)))
            case ast.While(_, condition, body):
                return concat("while ", self.condition(condition), " ", self._loop(body, last_offset(condition)))
            case ast.Unroll(_, count, body):
                return concat("unroll ", self.parenthesised(count), " ", self._loop(body, last_offset(count)))
            case _:
                return concat(self._simple(statement), ";")

    def _simple(self, statement: ast.Statement) -> Document:
        match statement:
            case ast.ExpressionStatement(_, expression):
                return self._begun(expression)
            case ast.Assignment(_, target, operator, value):
                return self._assignment(self.expression(target), f" {operator or ''}=", self.expression(value))
            case ast.Discard(_, value):
                return concat("_ = ", self.expression(value))
            case ast.Let():
                return self._let(statement)
            case ast.Return(_, returned):
                return concat("return ", self.expression(returned)) if returned is not None else text("return")
            case ast.Break():
                return text("break")
            case ast.Continue():
                return text("continue")
            case ast.Import(_, path):
                return text(f"import {string_text(path)}")
        raise AssertionError(statement)

    def _assignment(self, target: Document, operator: str, value: Document) -> Document:
        """Behind a long target the value has its own line, rather than what little is left of that one."""
        if target.width > WIDTH // 2:
            return concat(target, operator, group(nest(BLANK, value)))
        return concat(target, operator, " ", value)

    def _let(self, statement: ast.Let) -> Document:
        parts = ["let ", self.expression(statement.variable)]
        if statement.type is not None:
            parts += [" : ", self.type(statement.type)]
        if statement.value is not None:
            parts += [" = ", self.expression(statement.value)]
        return concat(*parts)

    def _iterable(self, iterable: ast.Map | ast.Range) -> Document:
        match iterable:
            case ast.Range(_, start, end):
                first = self.bound(start)
                return concat(first, *self._behind(start, 2), "..", self.bound(end))
            case ast.Map():
                return self.expression(iterable)

    def _loop(self, body: ast.Block, header_end: int) -> Document:
        return self._block(body, header_end, flat=False, is_value=False, ends_freely=True)

    def _if(self, branch: ast.If, *, flat: bool) -> Document:
        """With its `else if`s, of which there may be a thousand."""
        condition = branch.condition
        parts = ["if ", self.condition(condition), " "]
        parts.append(self._block(branch.then, last_offset(condition), flat=flat, is_value=flat))
        while branch.otherwise is not None:
            then_end = branch.then.span.end
            match branch.otherwise:
                case ast.Block(span, (), ast.If() as following) if following.span.start == span.start:
                    moved = self.comments.take(span.start)
                    parts += [" else if ", self.condition(following.condition), " "]
                    header_end = then_end if moved else last_offset(following.condition)
                    parts.append(self._block(following.then, header_end, flat=flat, is_value=flat, moved=moved))
                    branch = following
                case otherwise:
                    parts += [" else ", self._block(otherwise, then_end, flat=flat, is_value=flat)]
                    break
        return concat(*parts)
