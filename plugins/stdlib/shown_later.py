"""What functions have in common whose value is one number in the program and a text when it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from ...core.digest import digest
from ...core.function import Function
from ...core.json_text import json_string
from ...core.types import UINT64, OwnedType

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering

#: Bytes of such a value: one u64.
SIZE = 8


class ShownLater(Function):
    """Whose type is an `OwnedType` of `SIZE` bytes; `text` is left to do."""

    def decode(self, type_: OwnedType, data: bytes) -> int:
        return int.from_bytes(data[:SIZE], "little")

    def json(self, type_: OwnedType, value: int, rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


def number_of_format(format_: str) -> int:
    """What stands in programs for one of the texts that say how a value is shown (`OwnedType.formats`); never 0."""
    return int(digest(format_.encode("latin-1"))[:16], 16) | 1


@cache
def formats_by_number(formats: tuple[str, ...]) -> Mapping[int, str]:
    return {number_of_format(format_): format_ for format_ in formats}


def store_number(emitter: Emitter, type_: OwnedType, number: Value) -> Value:
    """A value of such a type, in the program's memory."""
    from ...core.emitter import Value

    place = emitter.scratch(SIZE)
    emitter.store(place, emitter.cast(number, UINT64))
    return Value(place.handle, type_)
