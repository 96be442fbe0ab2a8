"""The output of a run as objects in place of bytes: a format that keeps what it is told.

It stands where text and JSON stand, so that actions and the event loop know nothing of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..core.artifacts import EventSpec, MapSpec
from ..core.output import BenchmarkResult, Format, Rendering, RuntimeFailure, ScriptMessage, TestResult
from ..core.source import Source, Span
from ..core.types import Type
from .events import Event, Failure, LostEvents, Message, Place, Printed, PrintedMap, PrintedValue
from .values import decoded, map_value, plain


class Recorder:
    """A `core.output.Format` whose events wait in `events`; each method gives no bytes.

    `note` is told of a record before its action runs, so that what is printed for it has the record's own values.
    """

    verbatim: ClassVar[bool] = False
    notices_on_output: ClassVar[bool] = True

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.rendering: Rendering
        self._record: tuple[EventSpec, tuple[Any, ...]] | None = None

    #: The names of a format type; nobody picks this one by name.
    names: tuple[str, ...] = ()

    def create(self, rendering: Rendering) -> Format:
        self.rendering = rendering
        return self

    def note(self, event: EventSpec, fields: tuple[Any, ...]) -> None:
        self._record = event, fields

    def attached(self, count: int) -> bytes:
        return b""

    def printed(self, kind: str, text: bytes) -> bytes:
        values: tuple[object, ...] = ()
        if self._record is not None:
            spec, fields = self._record
            values = tuple(plain(t, v, self.rendering) for t, v in zip(spec.fields, fields, strict=True))
        return self._keep(Printed(kind, decoded(text), values))

    def value(self, type_: Type, value: Any) -> bytes:
        text = decoded(self.rendering.text(type_, value))
        return self._keep(PrintedValue(plain(type_, value, self.rendering), text))

    def map(self, spec: MapSpec, entries: Iterable[tuple[Any, Any]], *, explicit: bool) -> Iterator[bytes]:
        """Maps are not shown at the end: whoever wants one asks for it."""
        if explicit:
            assert spec.value_type is not None, f"{spec.name} is a script's map"
            value = map_value(spec.key_type, spec.value_type, entries, self.rendering)
            yield self._keep(PrintedMap(spec.name, value))

    def lost(self, count: int) -> bytes:
        return self._keep(LostEvents(count))

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes:
        place = place_of(failure.source, failure.span)
        return self._keep(Failure(failure.message, failure.helper, failure.code, place))

    def message(self, level: str, text: str) -> bytes:
        return self._keep(Message(level, text))

    def script_message(self, message: ScriptMessage, *, colour: bool = False) -> bytes:
        place = place_of(message.source, message.span)
        return self._keep(Message(message.level, decoded(message.text), place))

    def failures(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        return b""

    def tests_begin(self, count: int) -> bytes:
        return b""

    def test_begins(self, name: str) -> bytes:
        return b""

    def test_ended(self, result: TestResult) -> bytes:
        return b""

    def tests_ended(self, results: Sequence[TestResult]) -> bytes:
        return b""

    def benchmarks(self, results: Sequence[BenchmarkResult]) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def _keep(self, event: Event) -> bytes:
        self.events.append(event)
        return b""


def place_of(source: Source, span: Span) -> Place:
    at = source.locate(span)
    file, line = source.file_line(at.line)
    return Place(file, line, at.column)
