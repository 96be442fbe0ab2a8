"""The text format: what a script prints, as it is, and maps as lines.

Notices of the tracer itself (attached, lost, failed) are text for people and go to standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ...core.artifacts import MapSpec
from ...core.output import BenchmarkResult, Format, Rendering, RuntimeFailure, ScriptMessage, TestResult, map_key_text
from ...core.types import OwnedType, Type

_GREEN, _RED, _RESET = "\x1b[32m", "\x1b[31m", "\x1b[0m"
#: Nanoseconds of each unit of time, the largest first.
_UNITS = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "μs"), (1, "ns"))
#: The columns of the table of benchmarks; the name takes more where one is longer.
_NAME_WIDTH, _TIME_WIDTH, _ITERATIONS_WIDTH = 40, 15, 10


class TextFormat:
    """A `core.output.Format`."""

    verbatim: ClassVar[bool] = True
    notices_on_output: ClassVar[bool] = False

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering

    def attached(self, count: int) -> bytes:
        return b"Attached %d probe%b\n" % (count, b"" if count == 1 else b"s")

    def printed(self, kind: str, text: bytes) -> bytes:
        return text

    def value(self, type_: Type, value: Any) -> bytes:
        return self._rendering.text(type_, value) + b"\n"

    def map(self, spec: MapSpec, entries: Iterable[tuple[Any, Any]], *, explicit: bool) -> Iterator[bytes]:
        rendering, type_ = self._rendering, spec.value_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = rendering.aggregation(type_)
        for key, value in entries:
            label = spec.name.encode()
            if spec.key_type is not None:
                label += b"[" + map_key_text(rendering, spec.key_type, key) + b"]"
            if aggregation is not None and isinstance(type_, OwnedType):
                yield aggregation.map_text(type_, label, value, rendering)
            else:
                yield label + b": " + rendering.text(type_, value) + b"\n"

    def lost(self, count: int) -> bytes:
        return b"Lost %d events\n" % count

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes:
        from ...core.diagnostics import Diagnostic, Severity, format_diagnostic

        message = failure.message
        if failure.helper:
            message += f"\nAdditional Info - helper: {failure.helper}, retcode: {failure.code}"
        diagnostic = Diagnostic(Severity.WARNING, message, failure.span)
        return format_diagnostic(diagnostic, failure.source, colour=colour).encode()

    def script_message(self, message: ScriptMessage, *, colour: bool = False) -> bytes:
        from ...core.diagnostics import Diagnostic, Severity, format_diagnostic

        text = message.text.decode("utf-8", "surrogateescape")
        diagnostic = Diagnostic(Severity[message.level.upper()], text, message.span)
        shown = format_diagnostic(diagnostic, message.source, colour=colour, of_script=True)
        return shown.encode("utf-8", "surrogateescape")

    def message(self, level: str, text: str) -> bytes:
        return b""

    def failures(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        lines = []
        for probe, found in counts.items():
            shown = ", ".join(f"{count} x {what}" for what, count in found.items())
            lines.append(f"Failures in {probe}: {shown}\n")
        return "".join(lines).encode("utf-8", "surrogateescape")

    def tests_begin(self, count: int) -> bytes:
        return _line("=" * 10, f"Running {count} tests.")

    def test_begins(self, name: str) -> bytes:
        return _line(" RUN      ", name)

    def test_ended(self, result: TestResult) -> bytes:
        took = f"{result.name} ({_duration(result.duration)})"
        if result.passed:
            return _line("       OK ", took)
        shown = b"".join(line + b"\n" for line in result.output.split(b"\n") if line)
        return shown + _line("  FAILED  ", took, _RED)

    def tests_ended(self, results: Sequence[TestResult]) -> bytes:
        failed = [result.name for result in results if not result.passed]
        text = _line("=" * 10, f"{_tests(len(results))} ran.")
        text += _line("  PASSED  ", f"{_tests(len(results) - len(failed))}.")
        if failed:
            text += _line("  FAILED  ", f"{_tests(len(failed))}, listed below:", _RED)
        return text + b"".join(_line("  FAILED  ", name, _RED) for name in failed)

    def benchmarks(self, results: Sequence[BenchmarkResult]) -> bytes:
        name_width = max([_NAME_WIDTH, *(len(result.name) for result in results)]) + 1
        rows: list[tuple[str, object, object]] = [("Benchmark", "Time(ns)", "Iterations")]
        rows += [(result.name, result.average, result.iterations) for result in results]
        lines = [f"{name:<{name_width}}{time!s:<{_TIME_WIDTH}}{iterations}\n" for name, time, iterations in rows]
        lines.insert(1, "-" * (name_width + _TIME_WIDTH + _ITERATIONS_WIDTH) + "\n")
        return "".join(lines).encode("utf-8", "surrogateescape")

    def end(self) -> bytes:
        return b"\n\n"


def _line(tag: str, text: str, colour: str = _GREEN) -> bytes:
    """A line about tests; its tag is coloured always, as those who look for it expect."""
    return f"{colour}[{tag}]{_RESET} {text}\n".encode("utf-8", "surrogateescape")


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


def _duration(nanoseconds: int) -> str:
    """In the largest unit of which there is at least one."""
    scale, unit = next((row for row in _UNITS if nanoseconds >= row[0]), _UNITS[-1])
    return f"{nanoseconds // scale} {unit}"


class Text:
    """`-f text`, the default."""

    names: tuple[str, ...] = ("text",)
    create: Callable[[Rendering], Format] = TextFormat


FORMATS = (Text(),)
