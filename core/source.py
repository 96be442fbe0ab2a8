"""Script text and places in it.

Every later room points back into the script through a `Span`, so this module knows text and nothing else: no syntax, no
types, no output. Text is held as one character per byte (latin-1), because columns are counted in bytes and a script's
string literals may hold any bytes; `Source.line` gives display text again.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import field
from typing import TypeAlias

from .frozen import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of byte offsets into a `Source`.

    What a macro's body says is in the macro; `expanded_from` is the call that put it where it is.
    """

    start: int
    end: int
    expanded_from: Span | None = None

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, other.end, self.expanded_from)


@dataclass(frozen=True, slots=True)
class Location:
    """A span in lines and columns, both counted from 1; `end_column` is one past the last marked byte."""

    line: int
    column: int
    end_line: int
    end_column: int


#: A span as it is saved: line, column, end line, end column, as a `Location` has them.
SavedSpan: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Source:
    """One script: the name that diagnostics show, and its text with one character per byte.

    `files` names the files that an import has put behind the script's own text: (first line, name), ascending. Lines
    are counted through all of them; only `file_line` knows better. `library` is the offset from which the text is that
    of library macros, if there are any.
    """

    name: str
    text: str
    files: tuple[tuple[int, str], ...] = ()
    library: int | None = None
    _line_starts: list[int] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def from_bytes(cls, name: str, data: bytes) -> Source:
        return cls(name, data.decode("latin-1"))

    def with_file(self, name: str, text: str, *, library: bool = False) -> tuple[Source, int]:
        """This source with a file's text behind it, and the offset at which that begins. Behind a file of the library
        come others of the library only."""
        own = self.text if self.text.endswith("\n") else self.text + "\n"
        first_line = own.count("\n") + 1
        start = len(own) if library and self.library is None else self.library
        return Source(self.name, own + text, (*self.files, (first_line, name)), start), len(own)

    def in_library(self, span: Span) -> bool:
        """True for a place in a library macro's text, wherever that was expanded."""
        return self.library is not None and span.start >= self.library

    def file_line(self, line: int) -> tuple[str, int]:
        """The file that holds a line, and the line's number there."""
        for first, name in reversed(self.files):
            if line >= first:
                return name, line - first + 1
        return self.name, line

    def _starts(self) -> list[int]:
        if not self._line_starts:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._line_starts.extend(starts)
        return self._line_starts

    def locate(self, span: Span) -> Location:
        starts = self._starts()
        line = bisect_right(starts, span.start)
        # The end is exclusive: a span that ends just after a newline still ends on the line of its last byte.
        end_line = bisect_right(starts, max(span.start, span.end - 1))
        return Location(line, span.start - starts[line - 1] + 1, end_line, span.end - starts[end_line - 1] + 1)

    def saved(self, span: Span) -> tuple[SavedSpan, ...]:
        """A span to be saved, and behind it those of the macro calls that it comes from, innermost first."""
        found: list[SavedSpan] = []
        at: Span | None = span
        while at is not None:
            place = self.locate(at)
            found.append((place.line, place.column, place.end_line, place.end_column))
            at = at.expanded_from
        return tuple(found)

    def span_of(self, *saved: SavedSpan) -> Span:
        """The span that `saved` gave these for; of a line that there is not, the last one."""
        starts = self._starts()

        def offset(line: int, column: int) -> int:
            return starts[min(line, len(starts)) - 1] + column - 1

        span = None
        for line, column, end_line, end_column in reversed(saved):
            span = Span(offset(line, column), offset(end_line, end_column), span)
        return span or Span(0, 0)

    def raw_line(self, number: int) -> str:
        """Line `number` (from 1) without its newline, one character per byte."""
        starts = self._starts()
        begin = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[begin:end].rstrip("\r")

    def line(self, number: int) -> str:
        """Line `number` (from 1) as display text; bytes that are not UTF-8 become U+FFFD."""
        return display(self.raw_line(number))


def display(text: str) -> str:
    """Display text for text that has one character per byte."""
    return text.encode("latin-1").decode("utf-8", "replace")


def as_given(text: str) -> str:
    """The same text as the command line would have given it, for names of files: bytes that are not UTF-8 are
    surrogates."""
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """`display`, with escapes in place of what a terminal would act on."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in display(text))
