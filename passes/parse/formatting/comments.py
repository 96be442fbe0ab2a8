"""The comments of a script, in its order, and where they stand.

The tree has no comments, so they are found in the text, which is safe in a script that has been parsed: only strings,
attach points and C definitions can hold what looks like one. This knows nothing of the layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ....core import ast
from ....core.frozen import dataclass

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?')
_OPEN_IN_LINE = r"/\*[^*\n]*(?:\*(?!/)[^*\n]*)*"
#: No code up to the end of the line. A block comment may go on in the next one.
_REST_OF_LINE = re.compile(rf"(?:[ \t\r]|{_OPEN_IN_LINE}\*/)*(?:\n|\Z|//|{_OPEN_IN_LINE}(?:\n|\Z))")
#: What may stand between the end of an operand and the operator, comma, bracket or `;` behind it.
_BEHIND = re.compile(r"(?:[ \t\r\n)]|//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/)?)*")
_CLOSED = re.compile(r"(?:[ \t\r\n]*\))*")
_BLANKS = " \t\r"


@dataclass(frozen=True, slots=True)
class Comment:
    """`lines` have no blanks at their ends; each is what follows `//`, so most begin with a blank.

    `ends_line` is True when no code is behind it in its line.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    ends_line: bool

    def inline(self) -> str:
        """The comment as it stands inside of an expression."""
        words = " ".join(filter(None, (line.strip(_BLANKS) for line in self.lines)))
        return f"/* {words.replace('*/', '* /')} */" if words else "/* */"

    def own_lines(self) -> tuple[str, ...]:
        return tuple(f"//{line}" for line in self.lines)


class Comments:
    """The comments of one script, each of which is taken once."""

    def __init__(self, program: ast.Program) -> None:
        self.text = program.source.text
        self.shebang = self._find_shebang()
        self._waiting = list(self._find(program))
        self._waiting.reverse()

    def take(self, before: int) -> list[Comment]:
        """Those that begin before an offset."""
        taken = []
        while self._waiting and self._waiting[-1].start < before:
            taken.append(self._waiting.pop())
        return taken

    def take_rest_of_line(self, offset: int) -> list[Comment]:
        """Those that stand right behind an offset, with no code behind them in their line."""
        taken: list[Comment] = []
        while self._waiting:
            comment = self._waiting[-1]
            between = self.text[taken[-1].end if taken else offset : comment.start]
            if not comment.ends_line or between.strip(_BLANKS):
                break
            taken.append(self._waiting.pop())
        return taken

    def blank_lines(self, begin: int, end: int) -> int:
        """How many lines between two pieces of code are empty."""
        return max(0, self.text.count("\n", begin, end) - 1)

    def behind(self, offset: int) -> int:
        """Where the next token begins that is no `)`: what follows an operand that may stand in parentheses."""
        found = _BEHIND.match(self.text, offset)
        assert found is not None
        return found.end()

    def closed(self, offset: int) -> int:
        """Where the parentheses around an operand end that ends at the offset."""
        found = _CLOSED.match(self.text, offset)
        assert found is not None
        return found.end()

    def _find(self, program: ast.Program) -> Iterator[Comment]:
        text = self.text
        skipped = [(node.span.start, node.span.end) for node in program.preamble]
        skipped += [(point.span.start, point.span.end) for probe in program.probes for point in probe.attach_points]
        skipped += [self.shebang] if self.shebang else []
        at = 0
        for begin, end in (*sorted(skipped), (len(text), len(text))):
            for found in _STRING_OR_COMMENT.finditer(text, at, begin):
                if not found.group().startswith('"'):
                    yield self._comment(found.start(), found.end())
            at = end

    def _find_shebang(self) -> tuple[int, int] | None:
        """It is the first text that is no comment."""
        begin = self.behind(0)
        if not self.text.startswith("#!", begin):
            return None
        end = self.text.find("\n", begin)
        return begin, len(self.text) if end < 0 else end

    def _comment(self, start: int, end: int) -> Comment:
        text = self.text[start:end]
        lines = _line_of(text[2:]) if text.startswith("//") else _lines_of(text[2:].removesuffix("*/"))
        return Comment(start, end, lines, _REST_OF_LINE.match(self.text, end) is not None)


def _line_of(content: str) -> tuple[str, ...]:
    content = content.rstrip(_BLANKS)
    # A line of slashes stays one.
    return (content if content[:1] in ("", "/", *_BLANKS) else f" {content}",)


def _lines_of(content: str) -> tuple[str, ...]:
    """The lines between `/*` and `*/`, without the stars that adorn them and without empty lines around them."""
    first, *others = content.strip("*").split("\n")
    others = [line.rstrip(_BLANKS).expandtabs() for line in others]
    if all(line.lstrip(_BLANKS).startswith("*") for line in others if line):
        others = [line.lstrip(_BLANKS)[1:] for line in others]
    margin = min((len(line) - len(line.lstrip(_BLANKS)) for line in others if line), default=0)
    lines = [first.strip(_BLANKS), *(line[margin:] for line in others)]
    while len(lines) > 1 and not lines[-1]:
        del lines[-1]
    while len(lines) > 1 and not lines[0]:
        del lines[0]
    return tuple(f" {line}" if line else "" for line in lines)
