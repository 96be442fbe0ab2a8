"""The layout of what a script is made of: C definitions, the config block, macros, functions, probes.

They stand in the order of the text, with an empty line between two where the text has one.
"""

from __future__ import annotations

import re

from ....core import ast
from .layout import HARD, Document, Hard, Text, align, arguments, concat, render, text
from .literals import string_text
from .places import first_offset, last_offset
from .statements import Lines, StatementLayout, comment_lines

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_DECLARED = re.compile(r"\(\s*(\w+)")
_COMMENT = re.compile(r"//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/")
#: Between two attach points, or behind the last one.
_BEHIND_POINT = re.compile(r"(?:[ \t\r\n,]|//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*\*/)*")
#: What an attach point cannot be the first one of, because an item of another kind would begin.
_ITEM_WORD = re.compile(r"(?:config|import|let|macro|fn|struct|union|enum|typedef)(?![\w:])", re.ASCII)

Item = ast.CDefinition | ast.Config | ast.Import | ast.MapDeclaration | ast.Macro | ast.Function | ast.Probe


class ItemLayout(StatementLayout):
    def program(self, program: ast.Program) -> Document:
        lines = Lines()
        at = 0
        if self.comments.shebang is not None:
            begin, at = self.comments.shebang
            lines.add(0, Text(self.text[begin:at].rstrip(" \t\r"), 0))
        items: list[Item] = [
            *program.preamble,
            *program.configs,
            *program.imports,
            *program.maps,
            *program.macros,
            *program.functions,
            *program.probes,
        ]
        for item in sorted(items, key=_begin):
            begin, end = _begin(item), _end(item)
            at = self._add_top_comments(lines, at, begin)
            blank = min(1, self.comments.blank_lines(at, begin))
            document = self.item(item)
            behind = self.comments.take(end) + self.comments.take_rest_of_line(end)
            lines.add(blank, document, behind)
            at = max([end, *(comment.end for comment in behind)])
        self._add_top_comments(lines, at, len(self.text))
        if not lines.documents:
            return text("")
        # A backslash at the very end would have another line to go on in.
        ends_open = bool(program.preamble) and self.text.endswith("\\") and program.preamble[-1].span.end == at
        return concat(_joined(lines), text("") if ends_open else HARD)

    def _add_top_comments(self, lines: Lines, at: int, before: int) -> int:
        for comment in self.comments.take(before):
            lines.add_comment(min(1, self.comments.blank_lines(at, comment.start)), comment.own_lines())
            at = max(at, comment.end)
        return at

    def item(self, item: Item) -> Document:
        match item:
            case ast.CDefinition(_, content):
                return Text(content, 0)
            case ast.Config():
                return self._config(item)
            case ast.Import(_, path):
                return text(f"import {string_text(path)};")
            case ast.MapDeclaration():
                return self._map_declaration(item)
            case ast.Macro():
                return self._macro(item)
            case ast.Function():
                return self._function(item)
            case ast.Probe():
                return self._probe(item)

    def _map_declaration(self, item: ast.MapDeclaration) -> Document:
        found = _DECLARED.search(_COMMENT.sub("", self.text[item.span.start : item.span.end]))
        assert found is not None
        return text(f"let {item.name} = {item.kind}({found[1]});")

    # Config

    def _config(self, config: ast.Config) -> Document:
        begin = self.comments.behind(self.comments.behind(config.span.start + len("config")) + 1)

        def add(lines: Lines, at: int) -> int:
            for entry in config.entries:
                at = self.add_comments(lines, at, entry.span.start)
                blank = self.comments.blank_lines(at, entry.span.start)
                document = concat(f"{entry.key} = {_config_value(entry.value)};")
                at = self.add_ended(lines, blank, document, entry, entry.span.end)
            return at

        return self.enclosed(text("config = {"), begin, config.span.end, config.span.start, add)

    # What has a body

    def _macro(self, macro: ast.Macro) -> Document:
        items = [concat(*self._lead(each.span.start), each.name) for each in macro.parameters]
        end = macro.parameters[-1].span.end if macro.parameters else macro.span.end
        return self._with_body(arguments(f"macro {macro.name}(", items, ")"), end, macro.body, is_value=True)

    def _function(self, function: ast.Function) -> Document:
        items = [
            concat(*self._lead(each.span.start), f"{each.variable.name} : ", self.type(each.type))
            for each in function.parameters
        ]
        head = concat(arguments(f"fn {function.name}(", items, ") : "), self.type(function.result))
        return self._with_body(head, function.result.span.end, function.body, is_value=False)

    def _probe(self, probe: ast.Probe) -> Document:
        lines = Lines()
        for number, point in enumerate(probe.attach_points):
            content = point.text
            if not number and _ITEM_WORD.match(content):
                content = f", {content}"
            if number < len(probe.attach_points) - 1:
                content += ","
            at = point.span.end
            self._add_headed(lines, Text(content, 0), at, self._behind_point(at))
        if probe.predicate is not None:
            at = self.comments.behind(last_offset(probe.predicate))
            self._add_headed(lines, self._predicate(probe.predicate, at), at + 1, probe.body.span.start)
        lines.add(0, self.body(probe.body, is_value=False))
        return _joined(lines)

    def _behind_point(self, offset: int) -> int:
        found = _BEHIND_POINT.match(self.text, offset)
        assert found is not None
        return found.end()

    def _predicate(self, predicate: ast.Expression, end: int) -> Document:
        lead = self._lead(first_offset(predicate))
        inner = concat(*lead, self.expression(predicate))
        behind = self._inline(end)
        # A blank, so that there is no comment where none should be, nor the end of one.
        blank = " " if lead or render(inner).startswith("*") else ""
        return concat(f"/{blank}", align(inner, *behind), " /" if behind else "/")

    def _with_body(self, head: Document, head_end: int, body: ast.Block, *, is_value: bool) -> Document:
        lines = Lines()
        self._add_headed(lines, head, head_end, body.span.start)
        lines.add(0, self.body(body, is_value=is_value))
        return _joined(lines)

    def _add_headed(self, lines: Lines, document: Document, end: int, before: int) -> None:
        """Adds a line, with the comments that are behind it in the text's line, and those below."""
        comments = self.comments.take(before)
        behind = [comment for comment in comments if "\n" not in self.text[end : comment.start]]
        lines.add(0, document, behind)
        lines.add_comment(0, comment_lines(comments[len(behind) :]))


def _joined(lines: Lines) -> Document:
    parts: list[Document] = []
    for blank, document in lines.documents:
        parts += [Hard(blank), document] if parts else [document]
    return concat(*parts)


def _begin(item: Item) -> int:
    """The span of a probe does not cover its predicate when it has no attach point."""
    if isinstance(item, ast.Probe) and item.predicate is not None:
        return min(item.span.start, first_offset(item.predicate))
    return item.span.start


def _end(item: Item) -> int:
    return item.body.span.end if isinstance(item, ast.Macro) else item.span.end


def _config_value(value: ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral | ast.Identifier) -> str:
    match value:
        case ast.IntegerLiteral(_, _, content) | ast.Identifier(_, content):
            return content
        case ast.BooleanLiteral(_, content):
            return "true" if content else "false"
        case ast.StringLiteral(_, content):
            word = content.decode("latin-1")
            return word if _WORD.fullmatch(word) and word not in ("true", "false") else string_text(content)
