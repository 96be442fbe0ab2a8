"""`strftime`: a moment that is shown as strftime(3) formats it in the local time zone.

The program keeps nanoseconds, and a digest that tells which clock they are of and what they are formatted by; the type
has all of these that its values may have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.json_text import json_string
from ...core.types import UINT64, Int, OwnedType, Type
from .shown_later import formats_by_number, number_of_format

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering

#: Clocks whose numbers are taken as nanoseconds since the epoch. Others are those of the boot clock.
_SINCE_EPOCH = ("tai", "sw_tai")
#: The first letter of a type's `formats` tells the clock; the rest is the format, a character a byte.
_BOOT, _EPOCH = "b", "e"
#: The nanoseconds, and the number of the clock and format.
_MOMENT, _FORMAT_AT = Struct("<QQ"), 8
#: What is shown where there is no text.
_NO_TEXT = b"(?)"
#: A percent sign and what belongs to it: the language's own directives come before those of the C library.
_DIRECTIVE = re.compile("%(.)", re.DOTALL)


class FormatTime(Function):
    """`strftime(format, nanoseconds)`; `%f`, `%l` and `%k` are micro-, milli- and nanoseconds."""

    names: ClassVar[tuple[str, ...]] = ("strftime",)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"timestamp": OwnedType("strftime", "timestamp", _MOMENT.size)}
    text_is_of_script: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(2, 2, literals={0: "string"}, kinds={1: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        called = call.called(1)
        clock = called[1] if called is not None and called[0] == "nsecs" else None
        if clock == "monotonic":
            call.error("strftime() can not take a monotonic timestamp", 1)
        literal = call.literal(1)
        if isinstance(literal, int) and literal < 0:
            call.error("strftime() does not accept negative timestamps", 1)
        given = call.literal(0)
        assert isinstance(given, bytes), "the signature asks for a string literal"
        base = _EPOCH if clock in _SINCE_EPOCH else _BOOT
        return OwnedType("strftime", "timestamp", _MOMENT.size, formats=(base + given.decode("latin-1"),))

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        assert isinstance(call.type, OwnedType), "type_of gives a timestamp"
        given = call.types[1]
        # A shorter number is extended by zeros, whatever its sign.
        unsigned = Int(given.size, False) if isinstance(given, Int) else UINT64
        (format_,) = call.type.formats
        nanoseconds = emitter.cast(call.value(1), unsigned)
        place = emitter.scratch(_MOMENT.size)
        emitter.store(place, emitter.cast(nanoseconds, UINT64))
        emitter.store(place, emitter.constant(number_of_format(format_), UINT64), _FORMAT_AT)
        return replace(place, type=call.type)

    def decode(self, type_: OwnedType, data: bytes) -> tuple[int, str]:
        """(nanoseconds, clock and format); the latter is empty for a value that was never assigned."""
        nanoseconds, number = _MOMENT.unpack(data[: _MOMENT.size])
        return nanoseconds, formats_by_number(type_.formats).get(number, "")

    def text(self, type_: OwnedType, value: tuple[int, str], rendering: Rendering) -> bytes:
        nanoseconds, format_ = value
        if not format_:
            return _NO_TEXT
        base, written = format_[:1], format_[1:]
        nanoseconds += wall_offset() if base == _BOOT else 0
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        own = {"f": f"{rest // 1_000:06}", "l": f"{rest // 1_000_000:03}", "k": f"{rest:09}"}
        spec = written.encode("latin-1").decode("utf-8", "surrogateescape")
        spec = _DIRECTIVE.sub(lambda found: own.get(found[1], found[0]), spec)
        text = b""
        if 0 < seconds < 1 << 55:
            text = time.strftime(spec, time.localtime(seconds)).encode("utf-8", "surrogateescape")
            if 0 < len(text) < rendering.config.max_strlen:
                return text
            rendering.error("strftime returned 0")
        return _NO_TEXT

    def json(self, type_: OwnedType, value: tuple[int, str], rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


@cache
def wall_offset() -> int:
    """How many ns the wall clock is ahead of the boot clock, measured once a run."""
    from ...core.linux.clocks import offset

    return offset(time.CLOCK_REALTIME)


FUNCTIONS = (FormatTime(),)
