"""`self:signal:SIGUSR1`: runs when the tracer itself gets the signal.

Nothing is attached: the session runs these programs as it runs those of `begin`, so `pid` and `comm` are the tracer's.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.probe import AttachPointError, ConcretePoint, MatchRequest, PointSpec, ProbeType
from .parts import check_count, listed_names

TRIGGER = "signal"
SIGNALS = ("SIGUSR1",)


class SelfProbe(ProbeType):
    """Setting of its specs and points: `signal`."""

    names = ("self",)
    program_type = "raw_tracepoint"
    lifecycle = "signal"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count(self.names[0], parts, 2)
        trigger, signal = parts
        if trigger != TRIGGER:
            raise AttachPointError(f"{trigger} is not a supported trigger", (f"supported triggers: {TRIGGER}",))
        if signal not in SIGNALS:
            raise AttachPointError(f"{signal} is not a supported signal", (f"supported signals: {', '.join(SIGNALS)}",))
        return PointSpec(self.names[0], {"signal": signal})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return [ConcretePoint(spec.probe_type, f"self:{TRIGGER}:{spec.settings['signal']}", spec.settings)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return listed_names("self", (f"{TRIGGER}:{signal}" for signal in SIGNALS), parts)


PROBE_TYPES = (SelfProbe(),)
