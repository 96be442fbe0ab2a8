"""`interval`: a timer on one CPU, for work that is to be done every so often and not once per CPU."""

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


class IntervalProbe(ProbeType):
    """`interval:RATE` or `interval:UNIT:N`. It is never bound to a process: the timer belongs to the CPU."""

    names = ("interval", "i")
    program_type = "perf_event"
    has_registers = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        return parse_rate("interval", parts)

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return match_rate(spec)

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return list_rates("interval", parts)

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return perf_context_type(target.architecture)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.perf import attach_timer

        return attach_timer(*sampling(program.point), request, pid=None, cpus=request.cpus[:1])


PROBE_TYPES = (IntervalProbe(),)
