"""Finds a script's comments, and hands each of them to the first place behind it that asks.

It knows where a comment is none (strings, attach points, C definitions) and how a comment is spelled, but nothing of
what stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from ....core.frozen import dataclass
from ....core.source import Span

_STRING_OR_COMMENT = re.compile(
    r'"(?:\\.|[^"\\\n])*"?|(?P<comment>//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?)', re.DOTALL
)
_WHITE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Comment:
    """`behind`: what it stands behind on its line, 'code', or 'nothing'. `before`: what follows it there: 'code',
    'end' (of a statement or bracket), or 'nothing'. Other comments do not count."""

    start: int
    text: str
    behind: Literal["code", "nothing"]
    before: Literal["code", "end", "nothing"]

    def lines(self) -> list[str]:
        """`// text`, for each of its lines."""
        return [f"//{line}" for line in (self._line(),)] if self.text.startswith("//") else self._block_lines()

    def inside(self) -> str:
        """`/* text */`, on one line; as `// text` when it cannot be that."""
        lines = self.lines()
        content = " ".join(words for line in lines if (words := line[2:].strip()))
        if "*/" in content:
            return lines[0]
        return f"/* {content} */" if content else "/* */"

    def _line(self) -> str:
        content = self.text[2:].rstrip()
        return content if not content or content[0] in " \t/!" else f" {content}"

    def _block_lines(self) -> list[str]:
        first, *others = self.text.removeprefix("/*").removesuffix("*/").expandtabs().split("\n")
        if not others:
            lines = [first.strip(" \r*")]
        else:
            lines = [first.strip().lstrip("*").strip(), *_undecorated([line.rstrip() for line in others])]
        while len(lines) > 1 and not lines[-1]:
            lines.pop()
        while len(lines) > 1 and not lines[0]:
            del lines[0]
        return [f"// {line}".rstrip() for line in lines]


def _undecorated(lines: list[str]) -> list[str]:
    """Without the `*` that each line begins with, if all do, and without the white space that all begin with."""
    lines[-1] = lines[-1].rstrip("* ")
    written = [line.lstrip() for line in lines if line.strip()]
    if written and all(line.startswith("*") for line in written):
        lines = [line.lstrip()[1:] for line in lines]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[margin:] for line in lines]


class Comments:
    """The comments that are still to be written, in order."""

    def __init__(self, source: str, verbatim: Iterable[Span]) -> None:
        """`verbatim` are the parts of the source that hold no comments of the script, ascending."""
        self._source = source
        pieces, at = [], 0
        found: list[tuple[int, int]] = []
        for span in (*verbatim, Span(len(source), len(source))):
            for match in _STRING_OR_COMMENT.finditer(source, at, span.start):
                if match["comment"] is not None:
                    pieces.append(source[at : match.start()])
                    pieces.append(re.sub(r"[^\n]", " ", match.group()))
                    at = match.end()
                    found.append(match.span())
            pieces.append(source[at : span.end])
            at = span.end
        #: The source with blanks in place of comments.
        self.code = "".join(pieces)
        self._comments = [self._comment(start, end) for start, end in found]
        self._at = 0

    def _comment(self, start: int, end: int) -> Comment:
        behind = self.code[self.code.rfind("\n", 0, start) + 1 : start].strip(_WHITE)
        line_end = self.code.find("\n", end)
        before = self.code[end : line_end if line_end >= 0 else None].strip(_WHITE)
        follows: Literal["code", "end", "nothing"] = "nothing"
        if before:
            follows = "end" if before[0] in ";)}" else "code"
        return Comment(start, self._source[start:end], "code" if behind else "nothing", follows)

    def take(self, until: int) -> list[Comment]:
        """Those that begin before an offset; they are not given again."""
        begin = self._at
        while self._at < len(self._comments) and self._comments[self._at].start < until:
            self._at += 1
        return self._comments[begin : self._at]

    def any_before(self, until: int) -> bool:
        return self._at < len(self._comments) and self._comments[self._at].start < until

    def blank_lines(self, offset: int) -> int:
        """How many blank lines there are directly in front of an offset."""
        begin = offset
        while begin and self._source[begin - 1] in _WHITE:
            begin -= 1
        return max(0, self._source.count("\n", begin, offset) - 1)
