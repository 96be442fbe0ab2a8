"""Makes one program of every point of every probe, in source order, and names it."""

from __future__ import annotations

import re

from ...core.artifacts import ExpandedProbe, ExpandedProgram, TypedProgram
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ExpandPoints:
    """TypedProgram -> ExpandedProgram."""

    name: str = "expand-points"
    stage: str = "expand"

    def run(self, typed: TypedProgram, compilation: Compilation) -> ExpandedProgram:
        probes: list[ExpandedProbe] = []
        for probe in typed.probes:
            for variant in probe.variants:
                for point in variant.points:
                    name = f"{re.sub(r'[^A-Za-z0-9_]', '_', point.name)}_{len(probes) + 1}"
                    probes.append(ExpandedProbe(point, probe.node, variant, name))
        limit = compilation.config.max_bpf_progs
        if len(probes) > limit:
            compilation.diagnostics.error(
                f"Your program is trying to generate more than {len(probes) - 1} BPF programs, "
                f"which exceeds the current limit of {limit}",
                hints=["You can raise the limit with the BPFTRACE_MAX_BPF_PROGS environment variable."],
            )
            return ExpandedProgram(typed, tuple(probes))
        limit = compilation.config.max_probes
        if len(probes) > limit:
            compilation.diagnostics.error(
                f"Can't attach to {len(probes)} probes because it exceeds the current limit of {limit} probes.",
                hints=["You can raise the limit with the BPFTRACE_MAX_PROBES environment variable."],
            )
        return ExpandedProgram(typed, tuple(probes))
