"""Tracepoints: the places in the kernel that its developers marked, with named fields.

What `args` looks like comes from the event's format file in tracefs; a BPF program finds that record in its context.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...core.glob import glob, has_wildcard
from ...core.linux.errors import KernelError
from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    Link,
    MatchRequest,
    NoMatch,
    PointSpec,
    ProbeType,
)
from ...core.types import Struct
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target


class TracepointProbe(ProbeType):
    """`tracepoint:CATEGORY:EVENT`. Returning 0 would hide the event from other readers, hence 1."""

    names = ("tracepoint", "t")
    program_type = "tracepoint"
    space = "kernel"
    pid_filter = "program"
    searched = "always"
    default_return = 1

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if len(parts) == 1 and has_wildcard(parts[0]):
            parts = ("*", *parts)
        check_count("tracepoint", parts, 2)
        if not all(parts):
            raise AttachPointError("tracepoint probe must have a target")
        return PointSpec("tracepoint", {"category": parts[0], "event": parts[1]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        try:
            return self._points(spec, request.target)
        except KernelError as error:  # tracefs is not there and cannot be mounted
            raise AttachPointError(str(error)) from error

    def _points(self, spec: PointSpec, target: Target) -> list[ConcretePoint]:
        category, event = spec.text("category"), spec.text("event")
        if not has_wildcard(category + event):
            if target.tracepoint_text(category, event) is None:
                raise NoMatch(f"No matches for tracepoint {category}:{event}.", _similar(category, event, target))
            return [_point(category, event)]
        categories, events = glob(category), glob(event)
        return [_point(c, e) for c, e in target.tracepoints() if categories.fullmatch(c) and events.fullmatch(e)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        if len(parts) == 1:
            parts = ("*", *parts)
        return listed_names("tracepoint", (f"{c}:{e}" for c, e in request.target.tracepoints()), parts)

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        """The declarations of the event's own fields, as they stand in its format file."""
        from ...core.target.tracepoint_format import TracepointFormatError

        _, category, event = name.split(":", 2)
        try:
            record = request.target.tracepoint_format(category, event)
        except TracepointFormatError as error:
            raise AttachPointError(f'Could not parse arguments of "{name}": {error}') from error
        if record is None:
            raise AttachPointError(f"tracepoint format file not found: {category}/{event}")
        return [field.declaration for field in record.fields if not field.is_common]

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        from ...core.target.tracepoint_format import TracepointFormatError
        from .kernel.record_types import RecordTypes

        category, event = point.text("category"), point.text("event")
        try:
            record = target.tracepoint_format(category, event)
        except TracepointFormatError as error:
            raise AttachPointError(f"Could not parse arguments of \"{point.name}\": {error}") from error
        if record is None:
            raise NoMatch(f"Tracepoint not found: {category}:{event}")
        fields = RecordTypes("user" if category == "syscalls" else "kernel", target.c_types).fields(record.fields)
        return Struct(event, max((f.offset + f.size for f in record.fields), default=0), fields)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.perf import attach_tracepoint

        return attach_tracepoint(program.point, request)


def _point(category: str, event: str) -> ConcretePoint:
    return ConcretePoint("tracepoint", f"tracepoint:{category}:{event}", {"category": category, "event": event})


def _similar(category: str, event: str, target: Target) -> tuple[str, ...]:
    from ...core.diagnostics import did_you_mean

    return did_you_mean(f"{category}:{event}", (f"{c}:{e}" for c, e in target.tracepoints()))


PROBE_TYPES = (TracepointProbe(),)
