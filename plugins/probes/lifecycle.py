"""`begin` and `end`: run once before the first and after the last event, by the tracer itself.

Nothing is attached: the load stage runs these programs through BPF_PROG_TEST_RUN, for which the kernel wants a raw
tracepoint program (Linux 5.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ...core.probe import ConcretePoint, MatchRequest, PointSpec, ProbeType
from .parts import check_count


class LifecycleProbe(ProbeType):
    """A probe of the tracer's own life; `begin:*` is another way to write `begin`."""

    program_type: ClassVar[str] = "raw_tracepoint"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if parts != ("*",):
            check_count(self.names[0], parts, 0)
        return PointSpec(self.names[0], {})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return [ConcretePoint(spec.probe_type, spec.probe_type, {})]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return ()


class BeginProbe(LifecycleProbe):
    names = ("begin",)
    lifecycle = "begin"


class EndProbe(LifecycleProbe):
    names = ("end",)
    lifecycle = "end"


PROBE_TYPES = (BeginProbe(), EndProbe())
