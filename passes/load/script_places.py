"""Where in the script an instruction of a program comes from, for errors about a program that cannot be loaded.

It reads the program's table of lines and knows nothing of what was wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from ...core.artifacts import ProgramSpec
from ...core.source import Source, Span


def place_of(program: ProgramSpec, source: Source, index: int) -> Span | None:
    """From the place of instruction `index` to the end of its statement or line; None when the script has no such
    place."""
    row = bisect_right([line.index for line in program.lines], index) - 1
    if row < 0:
        return None
    at = program.lines[row]
    return _statement(source, at.line, at.column)


def _statement(source: Source, line: int, column: int) -> Span | None:
    if not 1 <= line <= source.text.count("\n") + 1:
        return None
    text = source.raw_line(line)
    begin = min(column - 1, len(text))
    rest = re.match(r"[^;{}]*", text[begin:])
    length = len(rest[0].rstrip()) if rest else 0
    start = begin
    for above in range(1, line):
        start += len(source.raw_line(above)) + 1
    return Span(start, start + max(length, 1))
