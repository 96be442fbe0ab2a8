"""`profile`: a timer on every CPU, for looking at what runs there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...core.probe import AttachRequest, ConcretePoint, Link, MatchRequest, PointSpec, ProbeType
from ...core.types import Type
from .rates import list_rates, match_rate, parse_rate, sampling
from .registers import perf_context_type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target


class ProfileProbe(ProbeType):
    """`profile:RATE` or `profile:UNIT:N`. With a traced process the timers run only while that process does."""

    names = ("profile", "p")
    program_type = "perf_event"
    has_registers = True
    pid_filter = "attach"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        return parse_rate("profile", parts)

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return match_rate(spec)

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return list_rates("profile", parts)

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return perf_context_type(target.architecture)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.perf import attach_timer

        return attach_timer(*sampling(program.point), request, pid=request.pid, cpus=request.cpus)


PROBE_TYPES = (ProfileProbe(),)
