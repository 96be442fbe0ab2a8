"""From raw ring buffer records to the actions that they ask for.

This is the loop that has to keep up with the kernel. What a call site needs is prepared once; runs of records of one
call site are decoded by column and formatted as a whole. It neither reads the ring buffer nor writes anything itself.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from ...core.artifacts import EventSpec
from ...core.function import Action, Function, Writer
from ...core.output import Output
from ...core.records import EVENT_ID_SIZE, RecordLayout, decoder, is_long_string, record_layout
from ...core.terminal_text import PLAIN
from ...core.types import Array, Buffer, OwnedType, Record, String, Struct, Tuple, Type
from .columns import Cleaner, clean_columns, cut_strings, mark_full_strings, record_code

#: Flags in a record's length and the size of its header: include/uapi/linux/bpf.h, BPF_RINGBUF_*.
BUSY, DISCARDED = 1 << 31, 1 << 30
HEADER_SIZE = 8

#: Records that are formatted by one operation. More gains nothing and costs memory.
BLOCK = 128

#: Takes the record at a place of a span, and equal ones that follow; gives the place after the last one taken.
Consumer = Callable[[bytes, int], int]
#: Handles the fields of a run of records, given by column; `count` is how many records there are.
Sink = Callable[[list[Iterable[Any]], int], None]


class RunningOutput(Output, Protocol):
    """An Output that says whether `exit` was called."""

    exiting: bool


#: Told of every record before its action is carried out: the call site, and its fields, each of its own type.
Note = Callable[[EventSpec, tuple[Any, ...]], None]


class EventDecoder:
    """Decodes spans of records and has their actions carried out, in order. With a `note` they are taken one by one."""

    def __init__(
        self,
        events: Iterable[EventSpec],
        functions: Mapping[str, Function],
        output: RunningOutput,
        note: Note | None = None,
    ) -> None:
        self._note = note
        self._specs = {event.id: event for event in events}
        self._functions = functions
        self._output = output
        self._trailer = output.rendering.config.str_trunc_trailer.encode()
        self._consumers: dict[int, Consumer] = {}

    def decode(self, span: bytes) -> None:
        """Takes a span of whole records; stops behind an event that ends the run.

        Raises: KeyError: for an event that is not one of the program's.
        """
        output, consumers = self._output, self._consumers
        unpack = struct.Struct("<I4xQ").unpack_from
        at, end = 0, len(span)
        while at < end and not output.exiting:
            length, event = unpack(span, at)
            if length & DISCARDED:
                at += HEADER_SIZE + ((length & ~DISCARDED) + 7 & ~7)
                continue
            if length & BUSY:
                return
            consume = consumers.get(event) or self._prepare(event)
            at = consume(span, at)

    def _prepare(self, event: int) -> Consumer:
        spec = self._specs[event]
        action = self._functions[spec.function]
        assert isinstance(action, Action), f"{spec.function} is no action"
        writer = action.writer(spec, self._output)
        if writer is None:
            # Every single one may end the run, or needs what was written before it to be there.
            sink, most = _handle_each(action.handler(spec, self._output)), 1
            writer = Writer(spec.fields, lambda values: b"")
        else:
            sink, most = _write_all(writer.text, self._output.write), 1 << 20
        if self._note is not None:
            consumer = _noting(self._consumer(spec, *self._noted(spec), 1), self._consumer(spec, writer, sink, 1))
        else:
            consumer = self._consumer(spec, writer, sink, most)
        self._consumers[event] = consumer
        return consumer

    def _consumer(self, spec: EventSpec, writer: Writer, sink: Sink, most: int) -> Consumer:
        cleaners = self._cleaners(writer.views)
        if any(map(is_long_string, spec.fields)):
            return _varying(spec, writer.views, cleaners, sink, most)
        return _fixed(spec, writer, cleaners, sink, most, self._output)

    def _noted(self, spec: EventSpec) -> tuple[Writer, Sink]:
        """What decodes the fields by their own types for the note, and writes nothing."""
        note = self._note
        assert note is not None
        return Writer(spec.fields, lambda values: b""), _handle_each(partial(note, spec))

    def _cleaners(self, views: tuple[Type, ...]) -> tuple[Cleaner, ...]:
        found: list[Cleaner] = []
        for index, view in enumerate(views):
            match view:
                case String(size=size):
                    clean = mark_full_strings if is_long_string(view) else cut_strings
                    found.append((index, partial(clean, size, self._trailer)))
                case Buffer() if is_long_string(view):
                    pass  # its bytes arrive as they are
                case Tuple() | Record() | Struct() | Array() | Buffer() | OwnedType():
                    found.append((index, partial(map, decoder(view, self._owned))))
        return tuple(found)

    def _owned(self, type_: OwnedType, data: bytes) -> Any:
        return self._functions[type_.owner].decode(type_, data)


def _noting(note: Consumer, consume: Consumer) -> Consumer:
    def consumer(span: bytes, at: int) -> int:
        note(span, at)
        return consume(span, at)

    return consumer


def _handle_each(handle: Callable[[tuple[Any, ...]], None]) -> Sink:
    def sink(columns: list[Iterable[Any]], count: int) -> None:
        for fields in zip(*columns, strict=True) if columns else [()] * count:
            handle(fields)

    return sink


def _write_all(text: Callable[[tuple[Any, ...]], bytes], write: Callable[[bytes], None]) -> Sink:
    def sink(columns: list[Iterable[Any]], count: int) -> None:
        write(b"".join(map(text, zip(*columns, strict=True))) if columns else text(()) * count)

    return sink


def _fixed(
    spec: EventSpec,
    writer: Writer,
    cleaners: tuple[Cleaner, ...],
    sink: Sink,
    most: int,
    output: RunningOutput,
) -> Consumer:
    """Records that all have the same size; at most `most` at a time."""
    write, guards = output.write, output.rendering.guards
    layout = record_layout(spec.fields)
    size = layout.fixed_size
    string_byte = b"[\0%b]" % re.escape(PLAIN) if guards else b"."
    has_strings = any(isinstance(field, String) for field in spec.fields)
    code = f"{HEADER_SIZE + EVENT_ID_SIZE}x" + record_code(layout, writer.views)
    # Length and id are the same in every record of a run; the page offset differs.
    same = re.escape(size.to_bytes(4, "little")), re.escape(spec.id.to_bytes(8, "little"))
    find_run = re.compile(b"(?:%b.{4}%b.{%d}){1,%d}+" % (*same, size - EVENT_ID_SIZE, most), re.DOTALL).match
    # Only strings with a NUL in their last byte, and nothing to guard from, are shown whole by the template.
    find_plain = re.compile(b"(?:%b.{4}%b%b)++" % (*same, _ended_strings(layout, string_byte)), re.DOTALL).match
    one, block = struct.Struct("<" + code), struct.Struct("<" + code * BLOCK)
    template = writer.template
    block_template = (template or b"") * BLOCK

    def consume(span: bytes, at: int) -> int:
        plain = find_plain(span, at) if template is not None else None
        run = plain or find_run(span, at)
        if run is None:
            raise ValueError(f"an event of {spec.function} is not {size} bytes long")
        end = run.end()
        records = memoryview(span)
        if template is None or plain is None:
            columns: list[Iterable[Any]] = list(zip(*one.iter_unpack(records[at:end]), strict=True))
            clean_columns(columns, cleaners)
            sink(columns, (end - at) // one.size)
            return end
        whole = at + (end - at) // block.size * block.size
        parts = [block_template % values for values in block.iter_unpack(records[at:whole])]
        parts += map(template.__mod__, one.iter_unpack(records[whole:end]))
        text = b"".join(parts)
        write(text.replace(b"\0", b"") if has_strings else text)
        return end

    return consume


def _ended_strings(layout: RecordLayout, string_byte: bytes) -> bytes:
    """A pattern for a record's bytes behind its id, in which every string ends within its storage and has only such
    bytes."""
    pattern, at = b"", EVENT_ID_SIZE
    for offset, field in zip(layout.offsets, layout.fields, strict=True):
        if isinstance(field, String):
            pattern += b".{%d}%b{%d}\\0" % (offset - at, string_byte, field.size - 1)
            at = offset + field.size
    return pattern + b".{%d}" % (layout.fixed_size - at)


def _varying(
    spec: EventSpec, views: tuple[Type, ...], cleaners: tuple[Cleaner, ...], sink: Sink, most: int
) -> Consumer:
    """Records with long strings, whose bytes follow the fixed part; at most `most` at a time."""
    layout = record_layout(spec.fields)
    record = struct.Struct("<I4xQ" + record_code(layout, views))
    unpack = record.unpack_from
    event, text_start = spec.id, HEADER_SIZE + layout.fixed_size
    long_strings = [index for index, view in enumerate(views) if is_long_string(view)]

    def consume(span: bytes, at: int) -> int:
        rows: list[tuple[Any, ...]] = []
        texts: list[list[bytes]] = [[] for _ in long_strings]
        # The first two items of a row are the length and the id.
        slots = [(index + 2, texts[i].append) for i, index in enumerate(long_strings)]
        add_row, last = rows.append, len(span) - record.size
        while True:
            row = unpack(span, at)
            length = row[0]
            if row[1] != event or length >= DISCARDED:
                break
            add_row(row)
            start = at + text_start
            for slot, add_text in slots:
                end = start + row[slot]
                add_text(span[start:end])
                start = end
            at += HEADER_SIZE + (length + 7 & ~7)
            if at > last or len(rows) == most:
                break
        columns: list[Iterable[Any]] = []
        columns += list(zip(*rows, strict=True))[2:]
        for index, text in zip(long_strings, texts, strict=True):
            columns[index] = text
        clean_columns(columns, cleaners)
        sink(columns, len(rows))
        return at

    return consume
