"""The text format: what a script prints, as it is, and maps as lines.

Notices of the tracer itself (attached, lost, failed) are text for people and go to standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ...core.artifacts import MapSpec
from ...core.output import Format, Rendering, RuntimeFailure, map_key_text
from ...core.types import OwnedType, Type


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

    def map(self, spec: MapSpec, entries: Sequence[tuple[Any, Any]], *, explicit: bool) -> bytes:
        rendering, type_ = self._rendering, spec.value_type
        assert type_ is not None, f"{spec.name} is a script's map"
        aggregation = rendering.aggregation(type_)
        lines = []
        for key, value in entries:
            label = spec.name.encode()
            if spec.key_type is not None:
                label += b"[" + map_key_text(rendering, spec.key_type, key) + b"]"
            if aggregation is not None and isinstance(type_, OwnedType):
                lines.append(aggregation.map_text(type_, label, value, rendering))
            else:
                lines.append(label + b": " + rendering.text(type_, value) + b"\n")
        return b"".join(lines)

    def lost(self, count: int) -> bytes:
        return b"Lost %d events\n" % count

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes:
        from ...core.diagnostics import Diagnostic, Severity, format_diagnostic

        message = failure.message
        if failure.helper:
            message += f"\nAdditional Info - helper: {failure.helper}, retcode: {failure.code}"
        diagnostic = Diagnostic(Severity.WARNING, message, failure.span)
        return format_diagnostic(diagnostic, failure.source, colour=colour).encode()

    def end(self) -> bytes:
        return b"\n\n"


class Text:
    """`-f text`, the default."""

    names: tuple[str, ...] = ("text",)
    create: Callable[[Rendering], Format] = TextFormat


FORMATS = (Text(),)
