"""Probes on the kernel's counters of software and hardware events, which differ in their table of names only.

A program runs after every so many events on a CPU; each event has a period of its own that suits its frequency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from ...core.diagnostics import did_you_mean
from ...core.frozen import dataclass
from ...core.glob import has_wildcard
from ...core.probe import AttachPointError, AttachRequest, ConcretePoint, Link, MatchRequest, PointSpec, ProbeType
from ...core.types import Type
from .parts import check_count, listed_names, read_number
from .registers import perf_context_type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target


@dataclass(frozen=True, slots=True)
class Counter:
    """`config` is the event's number in perf_event_open(2); `period` how many events make one sample."""

    config: int
    period: int
    aliases: tuple[str, ...] = ()


class CounterProbe(ProbeType):
    """`TYPE:EVENT[:COUNT]`; no count, an empty one, 0 and `*` mean the event's own period."""

    program_type: ClassVar[str] = "perf_event"
    pid_filter: ClassVar[str] = "attach"
    searched: ClassVar[str] = "always"
    has_registers: ClassVar[bool] = True
    #: The `type` of perf_event_open(2), a name of `core.linux.perf`.
    perf_type: ClassVar[str]
    counters: ClassVar[Mapping[str, Counter]]

    def counter(self, event: str) -> Counter | None:
        """The counter with this name or alias."""
        return self.counters.get(event) or next((c for c in self.counters.values() if event in c.aliases), None)

    def event_names(self) -> list[str]:
        return sorted([*self.counters, *(alias for c in self.counters.values() for alias in c.aliases)])

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        provider = self.names[0]
        check_count(provider, parts, 1, 2)
        event = parts[0]
        if has_wildcard(event):
            raise AttachPointError(f"wildcards are not allowed for {provider} probe type")
        if self.counter(event) is None:
            raise AttachPointError(f"{event} is not a {provider} probe", did_you_mean(event, self.event_names()))
        written = parts[1] if len(parts) == 2 else ""
        count = 0 if written in ("", "*") else read_number(written, f"Invalid count for {provider} probe")
        return PointSpec(provider, {"event": event, "count": count})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        count = spec.settings["count"]
        name = f"{spec.probe_type}:{spec.settings['event']}" + (f":{count}" if count else "")
        return [ConcretePoint(spec.probe_type, name, spec.settings)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return listed_names(self.names[0], (f"{event}:" for event in self.event_names()), parts)

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return perf_context_type(target.architecture)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.perf import attach_counter

        event = program.point.text("event")
        counter = self.counter(event)
        assert counter is not None, "parse accepts names of the table only"
        period = program.point.number("count") or counter.period
        return attach_counter(self.perf_type, event, counter.config, period, request)
