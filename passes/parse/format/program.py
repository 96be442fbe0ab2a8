"""The layout of a whole script: its items in the order of the source."""

from __future__ import annotations

import re

from ....core import ast
from ....core.source import Span
from .comments import Comments
from .document import HARD, Document, align, bracketed, concat, first_text, group, nest, text
from .expressions import leftmost, string
from .lines import Lines
from .statements import ALL, Statements

_SHEBANG = re.compile(r"(?:[ \t\r\n]|//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*(?P<line>#![^\n]*)")
_BARE_VALUE = re.compile(r"(?!(?:true|false)\Z)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class ProgramLayout:
    """Lays out one script. Its C definitions are kept as they are, comments in them too."""

    def __init__(self, program: ast.Program) -> None:
        self._program = program
        self._text = program.source.text
        shebang = _SHEBANG.match(self._text)
        self._shebang = Span(*shebang.span("line")) if shebang else None
        verbatim = [point.span for probe in program.probes for point in probe.attach_points]
        verbatim += [definition.span for definition in program.preamble]
        verbatim += [self._shebang] if self._shebang else []
        self._comments = Comments(self._text, sorted(verbatim, key=lambda span: span.start))
        self._statements = Statements(self._comments)
        self._expressions = self._statements.expressions

    def document(self) -> Document:
        """All of the script; what is empty has no lines."""
        lines = Lines(self._comments, 1)
        if self._shebang:
            lines.add(text(self._text[self._shebang.start : self._shebang.end].rstrip()), self._shebang.start)
        for item in self._items():
            lines.comments(item.span.start)
            lines.add(self._item(item), item.span.start)
        lines.comments(len(self._text))
        return lines.document()

    def _items(self) -> list[ast.Node]:
        program = self._program
        return sorted(
            (*program.preamble, *program.configs, *program.imports, *program.maps, *program.macros, *program.functions,
             *program.probes),
            key=lambda item: item.span.start,
        )  # fmt: skip

    def _item(self, item: ast.Node) -> Document:
        match item:
            case ast.CDefinition(_, definition):
                return text(definition)
            case ast.Config():
                return self._config(item)
            case ast.Import(_, path):
                return text(f"import {string(path)};")
            case ast.MapDeclaration(_, name, kind):
                return text(f"let {name} = {kind}({self._entries(item)});")
            case ast.Macro(span, name, parameters, body):
                written = [self._expressions.expression(parameter) for parameter in parameters]
                return self._headed(bracketed(f"macro {name}(", written, ")"), span.start, body, True)
            case ast.Function(span, name, parameters, result, body):
                listed = bracketed(f"fn {name}(", [self._parameter(parameter) for parameter in parameters], ")")
                return self._headed(concat(listed, " : ", self._expressions.type(result)), span.start, body, False)
            case ast.Probe():
                return self._probe(item)
        raise AssertionError(item)

    def _headed(self, header: Document, start: int, body: ast.Block, has_value: bool) -> Document:
        """A macro or a function, whose body is below its header."""
        lines = Lines(self._comments, 0)
        lines.add(header, start)
        return self._with_body(lines, body, has_value)

    def _with_body(self, lines: Lines, body: ast.Block, has_value: bool) -> Document:
        lines.comments(body.span.start)
        lines.add(self._statements.block(body, has_value), body.span.start)
        return lines.document()

    def _parameter(self, parameter: ast.Parameter) -> Document:
        return concat(self._expressions.expression(parameter.variable), " : ", self._expressions.type(parameter.type))

    def _entries(self, item: ast.MapDeclaration) -> str:
        """The size in its own spelling, which the tree does not have."""
        code = self._comments.code
        begin = code.index("(", item.span.start) + 1
        return code[begin : code.index(")", begin)].strip()

    def _config(self, item: ast.Config) -> Document:
        end = item.span.end - 1
        if not item.entries and not self._comments.any_before(end):
            return text("config = {}")
        lines = Lines(self._comments, ALL, "config = {")
        for entry in item.entries:
            lines.comments(entry.span.start)
            lines.add(text(f"{entry.key} = {_config_value(entry.value)};"), entry.span.start)
        lines.comments(end)
        return concat(nest(lines.document()), HARD, "}")

    def _probe(self, item: ast.Probe) -> Document:
        lines = Lines(self._comments, 0)
        for point in item.attach_points:
            comma = "" if point is item.attach_points[-1] else ","
            lines.comments(point.span.start)
            lines.add(text(point.text + comma), point.span.start)
        if item.predicate is not None:
            self._predicate(lines, item.predicate, item.body.span.start)
        return self._with_body(lines, item.body, False)

    def _predicate(self, lines: Lines, predicate: ast.Expression, body: int) -> None:
        """The expression on a line of its own, unless it is too long for one."""
        code = self._comments.code
        opening = code.rindex("/", 0, leftmost(predicate))
        lines.comments(opening)
        written = self._expressions.expression(predicate)
        behind = self._expressions.comments_behind(code.rindex("/", opening + 1, body))
        # `//` and `/*` would begin a comment.
        blank = " " if first_text(written)[:1] in ("/", "*") else ""
        lines.add(concat(f"/{blank}", group(align(written)), *behind, " /" if behind else "/"), opening)


def _config_value(value: ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral | ast.Identifier) -> str:
    match value:
        case ast.IntegerLiteral(_, _, spelling):
            return spelling
        case ast.BooleanLiteral(_, truth):
            return "true" if truth else "false"
        case ast.Identifier(_, name):
            return name
        case ast.StringLiteral(_, content):
            bare = content.decode("latin-1")
            return bare if _BARE_VALUE.fullmatch(bare) else string(content)
