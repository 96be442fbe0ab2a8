"""Printing: `printf` with a format, `print` with a value or a whole map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import Action, CallSite, EmitSite, Signature, Writer, integer_of
from ...core.output import Output
from ...core.printf_format import compile_writer, format_error, is_printable
from ...core.types import VOID, OwnedType, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_MAX_ARGUMENTS = 128


def _key_error(type_: Type) -> str | None:
    """Why one entry of a map cannot be shown."""
    if isinstance(type_, OwnedType) and type_.aggregation and type_.integer is None:
        return f"Map type {type_} cannot print the value of individual keys. You must print the whole map."
    return None


def _field_types(types: Sequence[Type]) -> list[Type]:
    """The types as they travel: a castable aggregation as its integer."""
    return [integer_of(type_) or type_ for type_ in types]


class Printf(Action):
    """`printf(format, values...)`. In an iterator it writes into the iterator's file (see `sequence.py`)."""

    names: ClassVar[tuple[str, ...]] = ("printf",)
    signature: ClassVar[Signature] = Signature(1, _MAX_ARGUMENTS, literals={0: "string"}, formats=frozenset({0}))

    def check(self, call: CallSite) -> None:
        for index, type_ in enumerate(call.types[1:], 1):
            if wrong := _key_error(type_):
                call.error(wrong, index)
                return
        found = format_error(_format(call), call.types[1:])
        if found is None and call.probe_type.writes_sequence:
            from .sequence import sequence_error

            found = sequence_error(_format(call), call.types[1:])
        if found is not None:
            message, index_of = found
            call.error(message, None if index_of is None else index_of + 1)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        if emitter.probe_type.writes_sequence:
            from .sequence import emit_sequence

            emit_sequence(emitter, _format(call), call)
            return emitter.constant(0, VOID)
        values = [partial(call.value, index) for index in range(1, len(call.types))]
        # Settings are saved as text; a format may hold any bytes.
        emitter.event(values, _field_types(call.types[1:]), {"format": _format(call).decode("latin-1")})
        return emitter.constant(0, VOID)

    def writer(self, event: EventSpec, output: Output) -> Writer:
        wrap = None if output.format.verbatim else partial(output.format.printed, "printf")
        return compile_writer(event.settings["format"].encode("latin-1"), event.fields, output.rendering, wrap)


def _format(call: CallSite | EmitSite) -> bytes:
    literal = call.literal(0)
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return literal


class Print(Action):
    """`print(value)`, or `print(@map [, top [, divisor]])` with the map as it is when the event is handled."""

    names: ClassVar[tuple[str, ...]] = ("print",)
    signature: ClassVar[Signature] = Signature(1, 3, literals={1: "int", 2: "int"}, maps=frozenset({0}))

    def check(self, call: CallSite) -> None:
        type_ = call.types[0]
        if call.map_name(0) is not None:
            if len(call.types) > 1 and isinstance(type_, OwnedType) and type_.owner == "stats":
                call.warning("print()'s top and div arguments are ignored when used on stats() maps.")
            if call.in_loop:
                call.warning(
                    "Due to it's asynchronous nature using 'print()' in a loop can lead to unexpected behavior. The "
                    "map will likely be updated before the runtime can 'print' it."
                )
            return
        if wrong := _key_error(type_):
            call.error(wrong, 0)
        elif len(call.types) > 1:
            call.error(f"Non-map print() only takes 1 argument, {len(call.types)} found")
        elif not is_printable(type_):
            call.error(f"{type_} type passed to print() is not printable", 0)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name = call.map_name(0)
        if name is None:
            emitter.event([partial(call.value, 0)], _field_types(call.types), {})
        else:
            emitter.event([], [], {"map": name, "top": call.literal(1) or 0, "divisor": call.literal(2) or 1})
        return emitter.constant(0, VOID)

    def writer(self, event: EventSpec, output: Output) -> Writer | None:
        if "map" in event.settings:
            return None
        if output.format.verbatim:
            return compile_writer(b"%s\n", event.fields, output.rendering, None)
        show, type_ = output.format.value, event.fields[0]
        return Writer(event.fields, lambda values: show(type_, values[0]))

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        settings = event.settings
        name, top, divisor = settings["map"], settings["top"], settings["divisor"]
        return lambda fields: output.print_map(name, top=top, divisor=divisor)


FUNCTIONS = (Printf(), Print())
