"""Sees that an iterator is the only attached probe of a script: its run ends when it has been read."""

from __future__ import annotations

from ...core.artifacts import ExpandedProgram
from ...core.compilation import Compilation
from ...core.diagnostics import Note
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class CheckSolePoints:
    """ExpandedProgram -> the same; an error at the attach point of an iterator that is not alone."""

    name: str = "check-sole-points"
    stage: str = "expand"

    def run(self, expanded: ExpandedProgram, compilation: Compilation) -> ExpandedProgram:
        types = {name: compilation.probe_types.get(name) for name in {p.point.probe_type for p in expanded.probes}}
        attached = [
            probe
            for probe in expanded.probes
            if (type_ := types[probe.point.probe_type]) is not None and type_.lifecycle == "attached"
        ]
        for probe in attached:
            type_ = types[probe.point.probe_type]
            if type_ is None or not type_.writes_sequence or len(attached) == 1:
                continue
            provider, written = type_.names[0], probe.node.attach_points
            if len(written) > 1:
                text = f"{provider} probe only supports one attach point."
                compilation.diagnostics.error(text, written[1].span)
            else:
                other = next(o for o in attached if o is not probe)
                compilation.diagnostics.error(
                    f"{provider} probe must be the only attached probe of a program",
                    written[0].span,
                    notes=[Note("this one is attached as well", other.node.attach_points[0].span)],
                    hints=["begin and end probes can stand beside it"],
                )
            break
        return expanded
