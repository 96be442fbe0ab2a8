"""What stands on lines of its own: statements, entries, items, and the comments between them.

A comment that ends a line stays behind what it stood behind; any other becomes a line. It knows neither statements nor
items, only where they begin.
"""

from __future__ import annotations

from .comments import Comments
from .document import Document, Hard, beside, concat, text


class Lines:
    """Lines below each other. At most `blank` blank lines in a row are kept of the source, and none in front of the
    first line.

    An `opening` is what the first line stands below, such as a `{`; it is not indented by what indents the lines.
    """

    def __init__(self, comments: Comments, blank: int, opening: str = "") -> None:
        self._comments = comments
        self._blank = blank
        self._parts: list[Document] = [text(opening)] if opening else []
        self._opening = bool(opening)
        #: Whether the last line can take a comment.
        self._open_ended = bool(opening)
        self._first = True

    def add(self, line: Document, start: int) -> None:
        """A line that begins at `start` in the source; comments in front of it should have been written."""
        if self._parts:
            blank = 0 if self._first else min(self._blank, self._comments.blank_lines(start))
            self._parts.append(Hard(blank))
        self._parts.append(line)
        self._first, self._open_ended, self._opening = False, True, False

    def comments(self, until: int) -> None:
        """Writes the comments that begin before an offset."""
        for comment in self._comments.take(until):
            lines = comment.lines()
            ends_line = comment.before == "nothing" or (comment.before == "end" and not self._opening)
            if self._open_ended and comment.behind == "code" and ends_line:
                self._parts.append(beside(f" {lines.pop(0)}"))
            for number, line in enumerate(lines):
                self.add(beside(line), comment.start)
                if number:
                    self._parts[-2] = Hard(0)
            self._open_ended = False

    def end_with(self, content: str) -> None:
        """Puts text behind the last line."""
        self._parts.append(text(content))

    def document(self) -> Document:
        return concat(*self._parts) if self._parts else text("")
