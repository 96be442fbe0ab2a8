"""Turns a document into text: the one place that chooses where lines end.

Each decision looks at what is left of the line and at what follows up to the next place where a line may end, never
further, so that the time is proportional to the text.
"""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from .document import (
    HARD,
    HUGGING_COLUMNS,
    INDENT,
    WIDTH,
    Align,
    Bracketed,
    Concat,
    Document,
    Group,
    Hard,
    Line,
    Nest,
    Text,
    columns,
    concat,
    even_lines,
    first_text,
    text,
)

#: (indentation, whether it is on one line, document)
_Command: TypeAlias = tuple[int, bool, Document]


def render(document: Document) -> str:
    """The text, without an end of line behind the last one."""
    return _Renderer(document).run()


class _Renderer:
    """Commands wait on a stack; what a broken document is made of is put back on it."""

    def __init__(self, document: Document) -> None:
        self._stack: list[_Command] = [(0, False, document)]
        self._out: list[str] = []
        self._column = 0
        self._indent = 0  # of a line that has no text yet

    def run(self) -> str:
        stack = self._stack
        while stack:
            indent, flat, document = stack.pop()
            match document:
                case Text(content):
                    self._write(content)
                case Line(content):
                    if flat:
                        self._write(content)
                    else:
                        self._end_line(indent, 0)
                case Hard(blank):
                    self._end_line(indent, blank)
                case Concat(parts):
                    stack.extend((indent, flat, part) for part in reversed(parts))
                case Group(inner):
                    stack.append((indent, flat or self._fits(inner), inner))
                case Nest(inner):
                    stack.append((indent + INDENT, flat, inner))
                case Align(inner):
                    stack.append((self._column, flat, inner))
                case Bracketed():
                    if flat or self._fits(document):
                        self._bracket_flat(document)
                    else:
                        self._bracket_broken(indent, document)
        return "".join(self._out)

    def _write(self, content: str) -> None:
        if content:
            if self._indent:
                self._out.append(" " * self._indent)
                self._indent = 0
            self._out.append(content)
            self._column += columns(content)

    def _end_line(self, indent: int, blank: int) -> None:
        self._out.append("\n" * (blank + 1))
        self._column = self._indent = indent

    def _fits(self, document: Document) -> bool:
        room = WIDTH - self._column - document.width
        return room >= 0 and self._following(room) <= room

    def _following(self, room: float) -> float:
        """The width of what follows up to the next possible end of a line, or more than `room`."""
        used = 0.0
        at = len(self._stack)
        pending: list[_Command] = []
        while used <= room:
            if pending:
                indent, flat, document = pending.pop()
            elif at:
                at -= 1
                indent, flat, document = self._stack[at]
            else:
                break
            match document:
                case Hard():
                    break
                case Text(_, width):
                    used += width
                case _ if flat:
                    used += document.width
                case Line():
                    break
                case Concat(parts):
                    pending.extend((indent, flat, part) for part in reversed(parts))
                case Group(inner) | Nest(inner) | Align(inner):
                    pending.append((indent, flat, inner))
                case Bracketed(opening):
                    used += len(opening)
                    break
        return used

    def _bracket_flat(self, document: Bracketed) -> None:
        last = len(document.items) - 1
        self._stack.append((0, True, text(document.closing)))
        for at in range(last, -1, -1):
            self._stack.append((0, True, concat(document.items[at], ", ") if at < last else document.items[at]))
        self._stack.append((0, True, text(document.opening)))

    def _bracket_broken(self, indent: int, document: Bracketed) -> None:
        """Behind the opening bracket if everything fits there, else on lines of their own."""
        items = document.items
        column = self._column + len(document.opening)
        tail = len(document.closing) + self._following(WIDTH)
        widths = [item.width + 1 for item in items[:-1]] + [items[-1].width + tail]
        room = WIDTH - column
        inside = WIDTH - indent - INDENT
        opening, closing = text(document.opening), text(document.closing)
        if max(widths) <= room:
            self._stack.append((indent, False, closing))
            self._push_lines(column, items, even_lines(widths, room))
            self._stack.append((indent, False, opening))
        elif self._hugs(document, sum(widths[:-1]) + len(items) - 1, column, inside):
            self._stack.append((indent, False, closing))
            # A block is not aligned: its end belongs below the line that it begins in.
            aligned = column if len(items) == 1 and items[-1].width < inf else indent
            self._push_lines(aligned, items, [len(items)], last_is_flat=False)
            self._stack.append((indent, False, opening))
        else:
            self._stack.append((indent, False, closing))
            self._stack.append((indent, False, HARD))
            self._push_lines(indent + INDENT, items, _lines_of(items, inside))
            self._stack.append((indent + INDENT, False, HARD))
            self._stack.append((indent, False, opening))

    def _hugs(self, document: Bracketed, before: float, column: int, inside: float) -> bool:
        """Whether the last item is broken where it stands, behind the others."""
        last = document.items[-1]
        if last.width == inf and not first_text(last).startswith("//"):
            return column + before <= HUGGING_COLUMNS
        if len(document.items) > 1 or column > HUGGING_COLUMNS:
            return False
        return document.hugs or last.width > inside

    def _push_lines(
        self, indent: int, items: tuple[Document, ...], lines: list[int], *, last_is_flat: bool = True
    ) -> None:
        ends = set()
        at = 0
        for count in lines:
            at += count
            ends.add(at - 1)
        for at in range(len(items) - 1, -1, -1):
            item = items[at]
            is_last = at == len(items) - 1
            if not is_last:
                self._stack.append((indent, False, HARD if at in ends else text(" ")))
                self._stack.append((indent, False, text(",")))
            is_flat = (last_is_flat or not is_last) and item.width + (not is_last) <= WIDTH - indent
            self._stack.append((indent, is_flat, item))


def _lines_of(items: tuple[Document, ...], room: float) -> list[int]:
    """Runs of items that fit share lines; one that does not is alone."""
    lines: list[int] = []
    run: list[float] = []
    for item in items:
        if item.width + 1 <= room:
            run.append(item.width + 1)
            continue
        lines += even_lines(run, room) if run else []
        lines.append(1)
        run = []
    return lines + (even_lines(run, room) if run else [])
