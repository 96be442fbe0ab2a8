"""`join`: the strings of an array of pointers to strings, such as the arguments of execve(2), as one line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from ...core.artifacts import EventSpec
from ...core.emitter import Value
from ...core.function import Action, CallSite, EmitSite, Signature, Writer
from ...core.output import Output
from ...core.types import BUFFER_HEADER, INT64, UINT32, UINT64, VOID, Buffer, Int, Pointer, base_name
from .memory import memory_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter

#: How many strings are shown, and how much memory each takes with its NUL.
_MOST, _SIZE = 16, 1024
_DEFAULT_SEPARATOR = b" "
#: The strings one behind the other, each with its NUL.
_STRINGS = Buffer(BUFFER_HEADER + _MOST * _SIZE)


class Join(Action):
    """`join(pointers [, separator])`: shows the strings up to the first that is empty or not there."""

    names: ClassVar[tuple[str, ...]] = ("join",)
    signature: ClassVar[Signature] = Signature(1, 2, literals={1: "string"})

    def check(self, call: CallSite) -> None:
        given = call.types[0]
        if not isinstance(given, Int | Pointer):
            # Without a name, as the language's other implementation has it.
            call.error(f"() only supports int or pointer arguments ({base_name(given)} provided)", 0)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        given = call.literal(1)
        separator = given if isinstance(given, bytes) else _DEFAULT_SEPARATOR
        emitter.event([partial(_strings, emitter, call)], [_STRINGS], {"separator": separator.decode("latin-1")})
        return emitter.constant(0, VOID)

    def writer(self, event: EventSpec, output: Output) -> Writer:
        separator = event.settings["separator"].encode("latin-1")
        printed, shown = output.format.printed, output.rendering.shown
        end = b"\n" if output.format.verbatim else b""

        def text(values: tuple[bytes]) -> bytes:
            strings = values[0].split(b"\0")[:-1]
            return printed("join", separator.join(map(shown, strings)) + end)

        return Writer(event.fields, text)


def _strings(emitter: Emitter, call: EmitSite) -> Value:
    space, pointers = memory_of(emitter, call, 0)
    result = emitter.scratch(_STRINGS.size)
    word = emitter.scratch(8)
    used = emitter.constant(0)
    emitter.store(result, emitter.constant(0, UINT32))
    _append(emitter, space, pointers, word, result, used, 0)
    return Value(result.handle, _STRINGS)


def _append(
    emitter: Emitter, space: str, pointers: Value, word: Value, result: Value, used: Value, index: int
) -> None:
    """Reads string `index` to behind the bytes in use, and then those that follow it, if there is one."""
    emitter.read_memory(space, word, 8, emitter.offset(pointers, 8 * index))
    pointer = emitter.load(word, UINT64)
    with emitter.when(pointer):
        place = emitter.offset(result, emitter.binary("+", used, emitter.constant(BUFFER_HEADER)), 1)
        text = emitter.read_string(space, place, _SIZE, pointer, _SIZE)
        assert text.length is not None, "read_string gives a length"
        with emitter.when(text.length):
            length = emitter.at_most(_SIZE - 1, text.length)
            used = Value(emitter.binary("+", emitter.binary("+", used, length), emitter.constant(1)).handle, INT64)
            emitter.store(result, emitter.cast(used, UINT32))
            if index + 1 < _MOST:
                _append(emitter, space, pointers, word, result, used, index + 1)


FUNCTIONS = (Join(),)
