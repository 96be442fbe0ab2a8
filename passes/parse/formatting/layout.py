"""Documents: text with places where a line may end, and the renderer that chooses the places at which it does.

This is the printer of Wadler ("A prettier printer") with argument lists beside it, whose lines are made to have similar
widths. It knows no language. All widths are columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TypeAlias

from ....core.frozen import dataclass

#: Columns of a line, and of one level of indentation.
WIDTH = 90
INDENT = 2
#: Nothing is aligned with what is to the right of this column: there is no room for it.
_LAST_ALIGNED = WIDTH * 2 // 3


@dataclass(frozen=True, slots=True)
class Text:
    """Text of one line. A comment behind a line is text that has no width: it never breaks what is before it."""

    text: str
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """The end of a line when the group around it is broken; else `flat`."""

    flat: str
    width: float


@dataclass(frozen=True, slots=True)
class Hard:
    """The end of a line wherever it stands, with `blank` empty lines behind it."""

    blank: int
    width: float = inf


@dataclass(frozen=True, slots=True)
class Concat:
    parts: tuple[Document, ...]
    width: float


@dataclass(frozen=True, slots=True)
class Group:
    """All on one line if it fits there; else its own lines end."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Nest:
    """Lines that begin in it are indented by one level more."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Align:
    """Lines that begin in it begin where it does."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Arguments:
    """At least one item in brackets, with commas between them."""

    opening: str
    items: tuple[Document, ...]
    closing: str
    width: float


Document: TypeAlias = Text | Line | Hard | Concat | Group | Nest | Align | Arguments

#: A blank, or nothing, unless the line ends there.
BLANK = Line(" ", 1)
NOTHING = Line("", 0)
HARD = Hard(0)


def columns(text: str) -> int:
    """The width of text that has one character for each byte of UTF-8."""
    return len(text) if text.isascii() else sum(not "\x80" <= character <= "\xbf" for character in text)


def text(content: str) -> Text:
    return Text(content, columns(content))


def concat(*parts: Document | str) -> Document:
    documents = tuple(text(part) if isinstance(part, str) else part for part in parts)
    return documents[0] if len(documents) == 1 else Concat(documents, sum(part.width for part in documents))


def group(*parts: Document | str) -> Document:
    inner = concat(*parts)
    return Group(inner, inner.width)


def nest(*parts: Document | str) -> Document:
    inner = concat(*parts)
    return Nest(inner, inner.width)


def align(*parts: Document | str) -> Document:
    inner = concat(*parts)
    return Align(inner, inner.width)


def arguments(opening: str, items: Sequence[Document], closing: str) -> Document:
    if not items:
        return text(opening + closing)
    width = columns(opening) + sum(item.width + 2 for item in items) - 2 + columns(closing)
    return Arguments(opening, tuple(items), closing, width)


def render(document: Document) -> str:
    """The text. Lines have no blanks at their ends, unless text brings them."""
    return _Renderer(document).run()


class _Renderer:
    """Documents wait on a stack as (indentation, whether they are on one line, document)."""

    def __init__(self, document: Document) -> None:
        self._stack: list[tuple[int, bool, Document]] = [(0, False, document)]
        self._out: list[str] = []
        self._column = 0
        self._margin = 0  # not written before there is text in the line

    def run(self) -> str:
        stack = self._stack
        while stack:
            indent, flat, document = stack.pop()
            match document:
                case Text(content) if content:
                    self._write(content)
                case Line(content) if flat:
                    self._write(content)
                case Line():
                    self._end_line(indent, 0)
                case Hard(blank):
                    self._end_line(indent, blank)
                case Concat(parts):
                    stack.extend([(indent, flat, part) for part in reversed(parts)])
                case Group(inner):
                    stack.append((indent, flat or self._fits(inner), inner))
                case Nest(inner):
                    stack.append((indent + INDENT, flat, inner))
                case Align(inner):
                    aligned = self._column <= _LAST_ALIGNED
                    stack.append((self._column if aligned else indent + INDENT, flat, inner))
                case Arguments(opening, items, closing):
                    if flat or self._fits(document):
                        self._push(indent, True, opening, (items,), closing)
                    else:
                        self._break(indent, document)
        return "".join(self._out)

    def _write(self, content: str) -> None:
        if self._margin:
            self._out.append(" " * self._margin)
            self._margin = 0
        self._out.append(content)
        self._column += columns(content)

    def _end_line(self, indent: int, blank: int) -> None:
        self._out.append("\n" * (blank + 1))
        self._column = self._margin = indent

    def _fits(self, document: Document) -> bool:
        room = WIDTH - self._column - document.width
        return room >= 0 and self._following(room) <= room

    def _following(self, room: float) -> float:
        """The width of what is behind the current document in its line, at least; no more than needed is looked at."""
        used = 0.0
        pending: list[tuple[bool, Document]] = []
        at = len(self._stack)
        while used <= room:
            if pending:
                flat, document = pending.pop()
            elif at:
                at -= 1
                _, flat, document = self._stack[at]
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
                    pending.extend([(False, part) for part in reversed(parts)])
                case Group(inner) | Nest(inner) | Align(inner):
                    pending.append((False, inner))
                case Arguments(opening):
                    used += columns(opening)
                    break
        return used

    def _break(self, indent: int, document: Arguments) -> None:
        """Aligned behind the opening bracket if all items fit there, else on lines of their own."""
        opening, items, closing = document.opening, document.items, document.closing
        column = self._column + columns(opening)
        widths = [item.width + 1 for item in items]
        last = items[-1].width + columns(closing) + self._following(WIDTH)
        aligned = [*widths[:-1], last]
        if max(aligned) <= WIDTH - column:
            self._push(column, True, opening, _rows(items, aligned, WIDTH - column), closing)
        elif len(items) == 1 and (column <= WIDTH // 2 or last == inf):
            # A block's end belongs below the line in which it begins.
            self._push(indent if last == inf else column, False, opening, (items,), closing)
        elif items[-1].width == inf and column + sum(widths[:-1]) <= WIDTH // 2:
            self._push(indent, False, opening, (items,), closing)
        else:
            room = WIDTH - indent - INDENT
            self._stack += [(indent, False, text(closing)), (indent, False, HARD)]
            self._push(indent + INDENT, False, "", _rows(items, widths, room), "")
            self._stack += [(indent + INDENT, False, HARD), (indent, False, text(opening))]

    def _push(
        self, indent: int, flat: bool, opening: str, rows: Sequence[Sequence[Document]], closing: str
    ) -> None:
        """Puts the brackets and what is in them on the stack, a line for each row."""
        parts: list[Document] = [text(opening)]
        for number, row in enumerate(rows):
            parts += [concat(",", HARD)] if number else []
            for at, item in enumerate(row):
                parts += [text(", "), item] if at else [item]
        parts.append(text(closing))
        for part in reversed(parts):
            self._stack.append((indent, flat, part))


def _rows(items: Sequence[Document], widths: Sequence[float], room: float) -> list[list[Document]]:
    """As few lines as `room` allows, of widths as similar as these allow; what does not fit is alone in its line."""
    low, high = 0, int(room)
    fewest = len(_filled(items, widths, room))
    while low < high:
        middle = (low + high) // 2
        if len(_filled(items, widths, middle)) > fewest:
            low = middle + 1
        else:
            high = middle
    return _filled(items, widths, low)


def _filled(items: Sequence[Document], widths: Sequence[float], room: float) -> list[list[Document]]:
    rows: list[list[Document]] = []
    used = inf
    for item, width in zip(items, widths, strict=True):
        if used + 1 + width > room:
            rows.append([])
            used = -1
        rows[-1].append(item)
        used += 1 + width
    return rows
