"""Documents: text with places where a line may end, and the choice of the places at which it does.

The algebra is Wadler's ("A prettier printer") with one addition, the list in brackets, whose lines are made to have
similar widths. It knows no language. Widths are columns; that of a document is its width on one line, infinite when it
holds an end of line that has to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import TypeAlias

from ....core.frozen import dataclass

#: Columns of a line, and of one level of indentation.
WIDTH = 90
INDENT = 2
#: An opening bracket to the right of this column does not have its contents broken behind it.
HUGGING_COLUMNS = WIDTH // 2


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    width: float


@dataclass(frozen=True, slots=True)
class Line:
    """The end of a line if the group around it is broken; else `flat`."""

    flat: str
    width: float


@dataclass(frozen=True, slots=True)
class Hard:
    """The end of a line, and blank lines behind it."""

    blank: int
    width: float = inf


@dataclass(frozen=True, slots=True)
class Concat:
    parts: tuple[Document, ...]
    width: float


@dataclass(frozen=True, slots=True)
class Group:
    """All on one line if that fits, else each of its own lines is broken."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Nest:
    """Lines that begin inside of it are indented by one level more."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Align:
    """Lines that begin inside of it begin where it begins."""

    inner: Document
    width: float


@dataclass(frozen=True, slots=True)
class Bracketed:
    """Items with commas between them; `hugs` when a single item is rather broken itself than put on its own line."""

    opening: str
    items: tuple[Document, ...]
    closing: str
    hugs: bool
    width: float


Document: TypeAlias = Text | Line | Hard | Concat | Group | Nest | Align | Bracketed

#: A blank, and nothing, at which a line may end if the group is broken.
BLANK = Line(" ", 1)
NOTHING = Line("", 0)
HARD = Hard(0)
EMPTY = Text("", 0)


def columns(text: str) -> int:
    """The width of text that has one character for each byte of UTF-8."""
    return len(text) if text.isascii() else sum(not "\x80" <= character <= "\xbf" for character in text)


def text(content: str) -> Text:
    return Text(content, columns(content))


def beside(content: str) -> Text:
    """Text that does not count: a comment behind a line."""
    return Text(content, 0)


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


def bracketed(opening: str, items: Iterable[Document], closing: str, *, hugs: bool = False) -> Document:
    found = tuple(items)
    if not found:
        return text(opening + closing)
    width = len(opening) + sum(item.width for item in found) + 2 * (len(found) - 1) + len(closing)
    return Bracketed(opening, found, closing, hugs, width)


def first_text(document: Document) -> str:
    """The text that the document begins with."""
    pending = [document]
    while pending:
        match pending.pop():
            case Text("") | Line():
                pass
            case Text(content) | Bracketed(content):
                return content
            case Concat(parts):
                pending.extend(reversed(parts))
            case Group(inner) | Nest(inner) | Align(inner):
                pending.append(inner)
            case Hard():
                break
    return ""


def even_lines(widths: Sequence[float], room: float) -> list[int]:
    """How many items go on each line, so that there are as few lines as `room` allows and they are of similar widths.

    Between two items on a line there is a blank. Each item has to fit by itself.
    """
    fewest = len(_filled(widths, room))
    low, high = int(max(widths)), int(room)
    while low < high:
        middle = (low + high) // 2
        if len(_filled(widths, middle)) > fewest:
            low = middle + 1
        else:
            high = middle
    return _filled(widths, max(low, max(widths)))


def _filled(widths: Sequence[float], room: float) -> list[int]:
    lines, used = [0], -1.0
    for width in widths:
        if lines[-1] and used + 1 + width > room:
            lines.append(0)
            used = -1
        lines[-1] += 1
        used += 1 + width
    return lines
