"""The fields of a run of records, a column each, made ready for their action.

Work on whole columns runs in C; a Python function per value is what a column is meant to avoid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter, methodcaller
from struct import calcsize
from typing import Any

from ...core.records import EVENT_ID_SIZE, RecordLayout, field_code
from ...core.types import Type

#: The place of a column, and a function from the column as it was read to the values.
Cleaner = tuple[int, Callable[[Any], Iterable[Any]]]

_split_at_nul = methodcaller("partition", b"\0")
_first = itemgetter(0)


def record_code(layout: RecordLayout, views: Sequence[Type]) -> str:
    """The `struct` code for what follows the id in a record's fixed part, each field read as its view."""
    code, at = "", EVENT_ID_SIZE
    for offset, view in zip(layout.offsets, views, strict=True):
        item = field_code(view)
        code += f"{offset - at}x{item}"
        at = offset + calcsize("<" + item)
    return code + f"{layout.fixed_size - at}x"


def clean_columns(columns: list[Iterable[Any]], cleaners: Iterable[Cleaner]) -> None:
    for index, clean in cleaners:
        columns[index] = clean(columns[index])


def cut_strings(size: int, trailer: bytes, column: Iterable[bytes]) -> list[bytes]:
    """Strings from their storage of `size` bytes: up to the NUL, or with the trailer where there is none."""
    return mark_full_strings(size, trailer, list(map(_first, map(_split_at_nul, column))))


def mark_full_strings(size: int, trailer: bytes, column: list[bytes]) -> list[bytes]:
    """The strings, those that fill their storage with the trailer."""
    if max(map(len, column)) < size:
        return column
    return [text if len(text) < size else text + trailer for text in column]
