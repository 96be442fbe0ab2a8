"""`debugf`: the kernel formats, and writes a line into its trace (/sys/kernel/tracing/trace_pipe).

bpf-helpers(7), bpf_trace_printk: at most three values. Its formats are those of the kernel's C, so integers are widened
here to what a conversion of the language shows, and handed over as `ll`. Before Linux 5.13 the kernel knows neither
flags nor widths, and one string a call at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....core.function import EmitSite
from ....core.printf_format import Directive, parse_format
from ....core.types import UINT8, UINT64, Int, String, Type
from ..checked import checked

if TYPE_CHECKING:
    from ....core.emitter import Emitter, Value

_MOST_VALUES = 3
_INTEGERS, _STRING = "duxp", "s"


def trace_error(spec: bytes, types: Sequence[Type]) -> tuple[str, int | None] | None:
    """Why the kernel cannot trace values that fit a format, with the position of the one at fault."""
    directives = [part for part in parse_format(spec) if isinstance(part, Directive)]
    if len(directives) > _MOST_VALUES:
        return f"cannot use more than {_MOST_VALUES} conversion specifiers", None
    for index, (directive, type_) in enumerate(zip(directives, types, strict=True)):
        specifier = directive.specifier
        if specifier not in _INTEGERS + _STRING:
            return f"Invalid format specifier for `debugf`: {specifier}", index
        if isinstance(type_, String) is not (specifier == _STRING):
            return f"Type does not match format specifier: {specifier}", index
    return None


def emit_trace(emitter: Emitter, spec: bytes, call: EmitSite) -> None:
    """Hands the values behind the format of a call to the kernel. `trace_error` has said nothing."""
    text = b""
    values: list[Value] = []
    for part in parse_format(spec):
        if isinstance(part, bytes):
            text += part.replace(b"%", b"%%")
            continue
        index = len(values) + 1
        specifier, value = _traced(emitter, part, call.types[index], call.value(index))
        text += specifier
        values.append(value)
    size = emitter.constant(len(text) + 1)
    checked(emitter, "trace_printk", emitter.string_constant(text), size, *values)


def _traced(emitter: Emitter, directive: Directive, type_: Type, value: Value) -> tuple[bytes, Value]:
    """A value as the kernel is to be given it, and the conversion for it."""
    flags = b"-" * directive.left + b"0" * directive.zero + (b"%d" % directive.width if directive.width else b"")
    match directive.specifier:
        case "s":
            assert isinstance(type_, String), "trace_error saw to it"
            return b"%" + flags + b"s", emitter.cast(_ended(emitter, type_, value), UINT64)
        case "p":
            # The kernel's own %p hides where things are.
            return b"0x%llx", emitter.cast(value, UINT64)
    number = emitter.cast(emitter.cast(value, Int(directive.bytes, directive.signed)), UINT64)
    return b"%" + flags + b"ll" + directive.specifier.encode(), number


def _ended(emitter: Emitter, type_: String, value: Value) -> Value:
    """The address of a string that has a NUL."""
    if value.length is not None:
        return value
    place = emitter.scratch(type_.size + 1)
    emitter.store(place, value)
    emitter.store(place, emitter.constant(0, UINT8), type_.size)
    return place
