"""What `test` and `bench` have in common: the only part of the attach point is a name that the user gives the probe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ...core.probe import AttachPointError, ConcretePoint, MatchRequest, PointSpec, ProbeType
from .parts import check_count


class NamedProbe(ProbeType):
    """Setting of its specs and points: `name`."""

    unique_points: ClassVar[bool] = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        provider = self.names[0]
        check_count(provider, parts, 1)
        if not parts[0]:
            raise AttachPointError(f"{provider} probes must have a name")
        return PointSpec(provider, {"name": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return [ConcretePoint(spec.probe_type, f"{spec.probe_type}:{spec.settings['name']}", spec.settings)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return ()
