"""The JSON format: one object a line for everything that is printed, notices of the tracer included.

The objects are put together by hand, because their spacing is part of the format: `": "` after keys, `", "` between an
object's members, `,` between an array's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ...core.artifacts import MapSpec
from ...core.json_text import json_string, json_text
from ...core.output import BenchmarkResult, Format, Rendering, RuntimeFailure, ScriptMessage, TestResult, map_key_text
from ...core.source import Source, Span
from ...core.types import Type

#: The message kinds of what a script reports, by level.
_MESSAGES = {"error": "errorf", "warning": "warnf"}


class JsonFormat:
    """A `core.output.Format`."""

    verbatim: ClassVar[bool] = False
    notices_on_output: ClassVar[bool] = True

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def attached(self, count: int) -> bytes:
        return _line("attached_probes", f'"count": {count}, "data": {{"probes": {count}}}')

    def printed(self, kind: str, text: bytes) -> bytes:
        return _line(kind, f'"data": {json_string(text)}')

    def value(self, type_: Type, value: Any) -> bytes:
        return _line("value", f'"data": {self._rendering.json(type_, value)}')

    def map(self, spec: MapSpec, entries: Iterable[tuple[Any, Any]], *, explicit: bool) -> Iterator[bytes]:
        rendering, type_, key_type = self._rendering, spec.value_type, spec.key_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = rendering.aggregation(type_)
        kind = aggregation.json_kind if aggregation is not None else "map"
        begin, end = ("{", "}") if key_type is not None else ("", "")
        between = f'{{"type": "{kind}", "data": {{{json_text(spec.name)}: {begin}'
        for key, value in entries:
            member = ""
            if key_type is not None:
                member = json_string(map_key_text(rendering, key_type, key).replace(b" ", b"")) + ": "
            yield (between + member + rendering.json(type_, value)).encode()
            between = ", "
        if between == ", ":
            yield f"{end}}}}}\n".encode()
        elif kind == "stats" and explicit:
            # Of empty maps only those of stats are written, and only when the script asks.
            yield f"{between}{end}}}}}\n".encode()

    def lost(self, count: int) -> bytes:
        return _line("lost_events", f'"count": {count}, "data": {{"events": {count}}}')

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes:
        place = _place(failure.source, failure.span)
        if not failure.helper:
            return _line("runtime_error", f'"msg": {json_text(failure.message)}, {place}')
        text, helper = json_text(os.strerror(-failure.code)), json_text(failure.helper)
        return _line("helper_error", f'"msg": {text}, "helper": {helper}, "retcode": {failure.code}, {place}')

    def script_message(self, message: ScriptMessage, *, colour: bool = False) -> bytes:
        kind = _MESSAGES[message.level]
        return _line(kind, f'"msg": {json_string(message.text)}, {_place(message.source, message.span)}')

    def message(self, level: str, text: str) -> bytes:
        return _line(level, f'"msg": {json_text(text)}')

    def failures(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        probes = [
            f"{json_text(probe)}: {{{', '.join(f'{json_text(what)}: {count}' for what, count in found.items())}}}"
            for probe, found in counts.items()
        ]
        return _line("failures", f'"data": {{{", ".join(probes)}}}')

    def tests_begin(self, count: int) -> bytes:
        return b""

    def test_begins(self, name: str) -> bytes:
        return b""

    def test_ended(self, result: TestResult) -> bytes:
        passed = "true" if result.passed else "false"
        data = f'"duration": {result.duration}, "passed": {passed}, "output": {json_string(result.output)}'
        return _line("test_result", f'"data": {{{json_text(result.name)}: {{{data}}}}}')

    def tests_ended(self, results: Sequence[TestResult]) -> bytes:
        return b""

    def benchmarks(self, results: Sequence[BenchmarkResult]) -> bytes:
        return b"".join(map(_benchmark, results))

    def end(self) -> bytes:
        return b""


def _place(source: Source, span: Span) -> str:
    at = source.locate(span)
    name, line = source.file_line(at.line)
    return f'"filename": {json_text(name)}, "line": {line}, "col": {at.column}'


def _benchmark(result: BenchmarkResult) -> bytes:
    data = f'"average": {result.average}, "iters": {result.iterations}'
    return _line("benchmark_result", f'"data": {{{json_text(result.name)}: {{{data}}}}}')


def _line(kind: str, members: str) -> bytes:
    return f'{{"type": "{kind}", {members}}}\n'.encode()


class Json:
    """`-f json`."""

    names: tuple[str, ...] = ("json",)
    create: Callable[[Rendering], Format] = JsonFormat


FORMATS = (Json(),)
