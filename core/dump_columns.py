"""How dumps lay out text: aligned columns, script text that is safe to show in one line, types in brief."""

from __future__ import annotations

from collections.abc import Sequence

from .source import Source, Span, display
from .type_data import to_data
from .types import Array, Field, Pointer, Record, Struct, Tuple, Type

_EXCERPT = 60
#: A struct with more members is shown by its name alone; the kernel has some with hundreds.
_MOST_MEMBERS = 8


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
    return _cut(display(" ".join(source.text[span.start : span.end].split())), _EXCERPT)


def type_text(type_: Type) -> str:
    """A type in a cell: a struct without a name of its own lists its members, of which there may be many."""
    return _cut(str(type_), 2 * _EXCERPT)


def type_data(type_: Type) -> list[object]:
    """A type as `core.type_data.to_data` makes it, in which a long struct is one by name."""
    return to_data(_brief(type_))


def _brief(type_: Type) -> Type:
    match type_:
        case Pointer(pointee, space):
            return Pointer(_brief(pointee), space)
        case Array(element, count):
            return Array(_brief(element), count)
        case Tuple(elements):
            return Tuple(tuple(map(_brief, elements)))
        case Record(named):
            return Record(tuple((name, _brief(element)) for name, element in named))
        case Struct(name, size, fields, by_name, alignment):
            if len(fields) > _MOST_MEMBERS:
                return Struct(name, size, (), True, alignment)
            return Struct(name, size, tuple(map(_brief_field, fields)), by_name, alignment)
    return type_


def _brief_field(field: Field) -> Field:
    type_ = _brief(field.type)
    return Field(field.name, type_, field.offset, field.data_loc, field.bit_shift, field.bit_width, field.tag)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def plain(text: str) -> str:
    """Text with its control characters written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
