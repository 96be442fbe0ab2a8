"""Printing: `printf` and whatever else takes a format, `print` with a value or a whole map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import Action, CallSite, EmitSite, Signature, Writer, integer_of
from ...core.output import Output
from ...core.printf_format import Directive, format_error, is_printable, parse_format
from ...core.printf_text import compile_format, compile_writer
from ...core.types import VOID, OwnedType, Pointer, Struct, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.target import Target

_MAX_ARGUMENTS = 128
#: What an entry of a map of all CPUs is copied with.
_READS_PARTS = "map_lookup_percpu_elem"


def _value_type(type_: Type) -> Type:
    """The type of a copy of one entry of a map. Of the aggregations that are no integers only stats can be copied."""
    if isinstance(type_, OwnedType) and type_.aggregation and type_.owner == "stats":
        return replace(type_, aggregation=False)
    return type_


def _key_error(type_: Type, target: Target) -> str | None:
    """Why one entry of a map cannot be shown."""
    copied = _value_type(type_)
    if isinstance(copied, OwnedType) and copied.aggregation and copied.integer is None:
        return f"Map type {type_} cannot print the value of individual keys. You must print the whole map."
    if copied is not type_ and _READS_PARTS not in target.features:
        return f"Missing required kernel feature: {_READS_PARTS}"
    return None


def _arguments(call: CallSite | EmitSite) -> Struct | None:
    """The struct of all arguments of the probe, for a call that is given `args` as it is."""
    type_ = call.types[0]
    if call.word(0) != "args" or not isinstance(type_, Pointer) or not isinstance(type_.pointee, Struct):
        return None
    return type_.pointee


def _field_types(types: Sequence[Type]) -> list[Type]:
    """The types as they travel: a castable aggregation as its integer."""
    return [integer_of(type_) or _value_type(type_) for type_ in types]


def own_words(call: EmitSite, first: int, spec: bytes = b"") -> dict[str, object]:
    """The setting `own` of an event whose fields are the arguments from `first` on: which of them are the script's own
    words, by the field's position: string literals, and numbers that the format `spec` shows as characters. Nothing
    when none is."""
    directives = [part for part in parse_format(spec) if isinstance(part, Directive)]
    letters = {at for at, directive in enumerate(directives, first) if directive.specifier == "c"}
    given = ((index, call.literal(index)) for index in range(first, len(call.types)))
    own = tuple(at - first for at, word in given if isinstance(word, bytes) or (word is not None and at in letters))
    return {"own": own} if own else {}


class FormatAction(Action):
    """An action that is given a format literal and its values, and does something with the text that they come to.

    The event has the values as its fields and the format in its settings (`format`, one character a byte). A subclass
    has a `handler` (or a `writer`) that asks `formatter` for what makes the text.
    """

    signature: ClassVar[Signature] = Signature(1, _MAX_ARGUMENTS, literals={0: "string"}, formats=frozenset({0}))

    def check(self, call: CallSite) -> None:
        for index, type_ in enumerate(call.types[1:], 1):
            if wrong := _key_error(type_, call.target):
                call.error(wrong, index)
                return
        found = self.format_error(call)
        if found is not None:
            message, index_of = found
            call.error(message, None if index_of is None else index_of + 1)

    def format_error(self, call: CallSite) -> tuple[str, int | None] | None:
        """Why the values do not fit the format, with the position of the one at fault (0: the first value)."""
        return format_error(format_literal(call), [_value_type(type_) for type_ in call.types[1:]])

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        self.send(emitter, call, {})
        return emitter.constant(0, VOID)

    def send(self, emitter: Emitter, call: EmitSite, settings: Mapping[str, object]) -> None:
        """Sends the event, with further settings of the call site if there are any."""
        values = [partial(call.value, index) for index in range(1, len(call.types))]
        # Settings are saved as text; a format may hold any bytes.
        spec = format_literal(call)
        own = {"format": spec.decode("latin-1"), **own_words(call, 1, spec)}
        emitter.event(values, _field_types(call.types[1:]), {**own, **settings})

    def formatter(
        self, event: EventSpec, output: Output, *, guards: bool = False
    ) -> Callable[[tuple[Any, ...]], bytes]:
        """What makes the text of an event's fields, as a `handler` is given them. What is for a reader `guards` him
        from control characters in what was traced; commands and names of files are not changed."""
        rendering, settings = output.rendering.guarding(guards), event.settings
        return compile_format(settings["format"].encode("latin-1"), event.fields, rendering, settings.get("own", ()))


class Printf(FormatAction):
    """`printf(format, values...)`. In an iterator it writes into the iterator's file (see `kernel_text`)."""

    names: ClassVar[tuple[str, ...]] = ("printf",)

    def format_error(self, call: CallSite) -> tuple[str, int | None] | None:
        found = super().format_error(call)
        if found is not None or not call.probe_type.writes_sequence:
            return found
        from .kernel_text.sequence import sequence_error

        return sequence_error(format_literal(call), call.types[1:])

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        if not emitter.probe_type.writes_sequence:
            return super().emit(emitter, call)
        from .kernel_text.sequence import emit_sequence

        emit_sequence(emitter, format_literal(call), call)
        return emitter.constant(0, VOID)

    def writer(self, event: EventSpec, output: Output) -> Writer:
        wrap = None if output.format.verbatim else partial(output.format.printed, "printf")
        spec, own = event.settings["format"].encode("latin-1"), event.settings.get("own", ())
        return compile_writer(spec, event.fields, output.rendering, wrap, own)


def format_literal(call: CallSite | EmitSite) -> bytes:
    literal = call.literal(0)
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return literal


class Print(Action):
    """`print(value)`, or `print(@map [, top [, divisor]])` with the map as it is when the event is handled.

    `print(args)` shows all arguments of the probe.
    """

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
        if wrong := _key_error(type_, call.target):
            call.error(wrong, 0)
        elif len(call.types) > 1:
            call.error(f"Non-map print() only takes 1 argument, {len(call.types)} found")
        elif _arguments(call) is not None:
            return
        elif not is_printable(_value_type(type_)):
            call.error(f"{type_} type passed to print() is not printable", 0)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name = call.map_name(0)
        arguments = _arguments(call)
        if arguments is not None:
            emitter.event([partial(call.pointee, 0)], [arguments], {})
        elif name is None:
            emitter.event([partial(call.value, 0)], _field_types(call.types), own_words(call, 0))
        else:
            emitter.event([], [], {"map": name, "top": call.literal(1) or 0, "divisor": call.literal(2) or 1})
        return emitter.constant(0, VOID)

    def writer(self, event: EventSpec, output: Output) -> Writer | None:
        if "map" in event.settings:
            return None
        if output.format.verbatim:
            return compile_writer(b"%s\n", event.fields, output.rendering, None, event.settings.get("own", ()))
        show, type_ = output.format.value, event.fields[0]
        return Writer(event.fields, lambda values: show(type_, values[0]))

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        settings = event.settings
        name, top, divisor = settings["map"], settings["top"], settings["divisor"]
        return lambda fields: output.print_map(name, top=top, divisor=divisor)


FUNCTIONS = (Printf(), Print())
