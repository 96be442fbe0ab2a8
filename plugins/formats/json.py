"""The JSON format: one object a line for everything that is printed, notices of the tracer included.

The objects are put together by hand, because their spacing is part of the format: `": "` after keys, `", "` between an
object's members, `,` between an array's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...core.artifacts import MapSpec
from ...core.json_text import json_string
from ...core.output import BenchmarkResult, Format, Rendering, RuntimeFailure, TestResult, map_key_text
from ...core.types import Type


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

    def map(self, spec: MapSpec, entries: Sequence[tuple[Any, Any]], *, explicit: bool) -> bytes:
        rendering, type_, key_type = self._rendering, spec.value_type, spec.key_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = rendering.aggregation(type_)
        kind = aggregation.json_kind if aggregation is not None else "map"
        # Of empty maps only those of stats are written, and only when the script asks.
        if not entries and not (kind == "stats" and explicit):
            return b""
        if key_type is None:
            data = "".join(rendering.json(type_, value) for _, value in entries)
        else:
            keys = [json_string(map_key_text(rendering, key_type, key).replace(b" ", b"")) for key, _ in entries]
            values = [rendering.json(type_, value) for _, value in entries]
            data = "{" + ", ".join(map("{}: {}".format, keys, values)) + "}"
        return _line(kind, f'"data": {{{json_string(spec.name.encode())}: {data}}}')

    def lost(self, count: int) -> bytes:
        return _line("lost_events", f'"count": {count}, "data": {{"events": {count}}}')

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes:
        at = failure.source.locate(failure.span)
        name = json_string(failure.source.name.encode("utf-8", "surrogateescape"))
        place = f'"filename": {name}, "line": {at.line}, "col": {at.column}'
        if not failure.helper:
            return _line("runtime_error", f'"msg": {json_string(failure.message.encode())}, {place}')
        text = json_string(os.strerror(-failure.code).encode())
        helper = json_string(failure.helper.encode())
        return _line("helper_error", f'"msg": {text}, "helper": {helper}, "retcode": {failure.code}, {place}')

    def tests_begin(self, count: int) -> bytes:
        return b""

    def test_begins(self, name: str) -> bytes:
        return b""

    def test_ended(self, result: TestResult) -> bytes:
        passed = "true" if result.passed else "false"
        data = f'"duration": {result.duration}, "passed": {passed}, "output": {json_string(result.output)}'
        return _line("test_result", f'"data": {{{_name(result.name)}: {{{data}}}}}')

    def tests_ended(self, results: Sequence[TestResult]) -> bytes:
        return b""

    def benchmarks(self, results: Sequence[BenchmarkResult]) -> bytes:
        return b"".join(map(_benchmark, results))

    def end(self) -> bytes:
        return b""


def _benchmark(result: BenchmarkResult) -> bytes:
    data = f'"average": {result.average}, "iters": {result.iterations}'
    return _line("benchmark_result", f'"data": {{{_name(result.name)}: {{{data}}}}}')


def _name(name: str) -> str:
    return json_string(name.encode("utf-8", "surrogateescape"))


def _line(kind: str, members: str) -> bytes:
    return f'{{"type": "{kind}", {members}}}\n'.encode()


class Json:
    """`-f json`."""

    names: tuple[str, ...] = ("json",)
    create: Callable[[Rendering], Format] = JsonFormat


FORMATS = (Json(),)
