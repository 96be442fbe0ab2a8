"""Builds event records (`core.records` says how they are laid out).

A record of a fixed size is reserved in the ring buffer and written in place. A record with long strings is built in
per-CPU scratch, because its size is known only when the strings were read, and copied out at its real length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import ENOSPC

from ...core import ast
from ...core.artifacts import EVENTS_MAP, PACKET_HEADER_SIZE, PACKET_LIMIT, PACKETS_MAP, EventSpec
from ...core.emitter import Value
from ...core.function import Action
from ...core.records import RecordLayout, is_long_string, record_layout
from ...core.types import BUFFER_HEADER, INT64, UINT32, UINT64, Buffer, String, Type, size_of
from .emitter import ProgramEmitter
from .values import Constant

#: bpf-helpers(7), bpf_ringbuf_submit: the reader polls on a short timer, so most events need not wake it.
NO_WAKEUP, FORCE_WAKEUP = 1, 2

#: bpf-helpers(7), bpf_perf_event_output: BPF_F_CURRENT_CPU, and where BPF_F_CTXLEN_MASK begins.
_THIS_CPU, _PACKET_SIZE_SHIFT = 0xFFFF_FFFF, 32

Fields = Sequence[Callable[[], Value]]


class EventEmitter(ProgramEmitter):
    """The program emitter with `event`."""

    def event(self, fields: Fields, types: Sequence[Type], settings: dict[str, object]) -> None:
        call = self.call
        assert isinstance(call, ast.Call), "events come from calls"
        function = self.functions.get(call.name)
        assert isinstance(function, Action)
        spec = self.resources.event(call, call.name, types, settings)
        layout = record_layout(types)
        flags = self.constant(FORCE_WAKEUP if function.wakes_reader else NO_WAKEUP)
        # An argument with a side effect has it even when there is no space for the event.
        if any(self._has_effect(node) for node in ast.walk(call)):
            done = [field() for field in fields]
            fields = [lambda value=value: value for value in done]  # type: ignore[misc]  # a default binds the loop's value
        if layout.string_capacity:
            self._output(spec, layout, fields, flags)
        else:
            self._reserve_and_submit(spec, layout, fields, flags)

    def _has_effect(self, node: ast.Node) -> bool:
        if isinstance(node, ast.Call):
            function = self.functions.get(node.name)
            # Nothing is known of what a C function does, be it the kernel's or that of an imported file.
            return function is None or function.has_effect
        return isinstance(node, ast.Increment | ast.Block)

    def _reserve_and_submit(self, spec: EventSpec, layout: RecordLayout, fields: Fields, flags: Value) -> None:
        record = self.helper_address(
            "ringbuf_reserve", self.map(EVENTS_MAP), self.constant(layout.fixed_size), self.constant(0)
        )

        def fill() -> None:
            self.store(record, self.constant(spec.id, UINT64))
            for type_, at, field in zip(layout.fields, layout.offsets, fields, strict=True):
                self._field(record, type_, at, field)
            self.helper("ringbuf_submit", record, flags)

        self.branch(record, fill, self._count_lost)

    def _field(self, record: Value, type_: Type, at: int, field: Callable[[], Value]) -> None:
        place = self.offset(record, at)
        if isinstance(type_, String):
            # A string that is read into its place leaves what follows its NUL alone, and the reader wants NULs there.
            self.zero(place, type_.size)
        with self.wanted((place, size_of(type_))):
            value = field()
        self.store_as(type_, place, value)

    def packet(self, buffer: Value, length: Value, settings: dict[str, object]) -> Value:
        call = self.call
        assert isinstance(call, ast.Call), "packets are sent by calls"
        spec = self.resources.event(call, call.name, (), settings)
        header = self.reserve(PACKET_HEADER_SIZE)
        fields = self.constant(spec.id), self.helper("ktime_get_boot_ns"), length
        for position, value in enumerate(fields):
            self.store(header, self.cast(value, UINT64), 8 * position)
        size = self.binary("<<", self.at_most(PACKET_LIMIT, length), self.constant(_PACKET_SIZE_SHIFT))
        flags = self.binary("|", size, self.constant(_THIS_CPU))
        arguments = buffer, self.map(PACKETS_MAP), flags, header, self.constant(PACKET_HEADER_SIZE)
        failed = self.helper("skb_output", *arguments)
        with self.when(failed):
            is_full = self.compare("==", failed, self.constant(-ENOSPC))
            self.branch(is_full, self._count_lost, lambda: self.count_failure("skb_output", failed))
        return failed

    def _count_lost(self) -> None:
        assert self.call is not None
        self.count_failure_at(self.call, "", self.constant(0), "")

    def _output(self, spec: EventSpec, layout: RecordLayout, fields: Fields, flags: Value) -> None:
        """Each long string begins where the one before it ended, so its place is known at run time only."""
        long_sizes = [size_of(t) for t in layout.fields if is_long_string(t)]
        # The verifier believes of each length only that it is below the next power of two.
        record = self.reserve(layout.fixed_size + sum((1 << size.bit_length()) + 1 for size in long_sizes))
        self.store(record, self.constant(spec.id, UINT64))
        end = self.constant(layout.fixed_size)
        for type_, at, field in zip(layout.fields, layout.offsets, fields, strict=True):
            if is_long_string(type_):
                place = self.offset(record, end)
                length = (self._buffer if isinstance(type_, Buffer) else self._string)(place, type_, field)
                self.store(record, self.cast(length, UINT32), at)
                end = self.binary("+", end, length)
            else:
                self._field(record, type_, at, field)
        failed = self.helper("ringbuf_output", self.map(EVENTS_MAP), record, end, flags)
        with self.when(failed):
            self._count_lost()

    def _buffer(self, place: Value, type_: Type, field: Callable[[], Value]) -> Value:
        """Puts the bytes of a long buffer at `place`; gives their bounded number."""
        value = field()
        length = self.bounded(self.opaque(self.load(value, UINT32)), size_of(type_))
        self.helper("probe_read_kernel", place, length, self.offset(value, BUFFER_HEADER))
        return Value(length.handle, INT64)

    def _string(self, place: Value, type_: Type, field: Callable[[], Value]) -> Value:
        """Puts a long string at `place`; gives its bounded length."""
        size = size_of(type_)
        # One byte more than the storage, so that a string without a NUL keeps its last byte; there is space for it.
        with self.wanted((place, size + 1)):
            value = field()
        if value.length is None or isinstance(value.handle, Constant):
            value = self.read_string("kernel", place, size + 1, value, size)
        assert value.length is not None, "read_string gives a length"
        length = self.bounded(Value(value.length.handle, INT64), size)
        if value.handle is not place.handle:
            self.helper("probe_read_kernel", place, length, value)
        return length
