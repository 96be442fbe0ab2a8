"""How dumps lay out text: aligned columns, and script text that is safe to show in one line."""

from __future__ import annotations

from collections.abc import Sequence

from .source import Source, Span, display

_EXCERPT = 60


def columns(rows: Sequence[Sequence[object]], *, indent: str = "") -> str:
    """One line per row, every column but the last as wide as its widest cell, two blanks between."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)


def place(source: Source, span: Span) -> str:
    """`LINE:COLUMN-COLUMN`, or `LINE:COLUMN-LINE:COLUMN`; columns count bytes from 1, the end is exclusive."""
    at = source.locate(span)
    end = f"{at.end_column}" if at.line == at.end_line else f"{at.end_line}:{at.end_column}"
    return f"{at.line}:{at.column}-{end}"


def excerpt(source: Source, span: Span) -> str:
    """The script's text in one line, cut where it gets long."""
    text = display(" ".join(source.text[span.start : span.end].split()))
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 3] + "..."


def plain(text: str) -> str:
    """Text with its control characters written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
