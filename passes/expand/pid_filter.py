"""Gives the programs that `-p` cannot restrict in the kernel a test for the process in front of their bodies."""

from __future__ import annotations

from dataclasses import replace

from ...core.artifacts import ExpandedProbe, ExpandedProgram
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class FilterPid:
    """ExpandedProgram -> ExpandedProgram with `pid_filter` set."""

    name: str = "filter-pid"
    stage: str = "expand"

    def run(self, expanded: ExpandedProgram, compilation: Compilation) -> ExpandedProgram:
        if compilation.options.pid is None:
            return expanded
        return replace(expanded, probes=tuple(_filtered(probe, compilation) for probe in expanded.probes))


def _filtered(probe: ExpandedProbe, compilation: Compilation) -> ExpandedProbe:
    probe_type = compilation.probe_types.get(probe.point.probe_type)
    assert probe_type is not None, "points come from registered probe types"
    return replace(probe, pid_filter=compilation.options.pid) if probe_type.pid_filter == "program" else probe
