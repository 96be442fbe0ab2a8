"""Makes one program of two probes, one at entry to and one at return from the same place, where the kernel has such.

Which points belong together, and what such a program is attached to, is their probe types' to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...core import ast
from ...core.artifacts import ExpandedProbe, ExpandedProgram
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from ...core.probe import ConcretePoint, ProbeType


@dataclass(frozen=True, slots=True)
class PairSessions:
    """ExpandedProgram -> ExpandedProgram, in which the probe at entry has the one at return as its `on_return`.

    A place with more than one probe for its entry or for its return keeps them all as they are. So do two probes of
    which one uses `probe`, whose value is the name of its own point.
    """

    name: str = "pair-sessions"
    stage: str = "expand"

    def run(self, expanded: ExpandedProgram, compilation: Compilation) -> ExpandedProgram:
        alone = _alone(expanded.probes)
        pairs: list[tuple[ExpandedProbe, ExpandedProbe, ConcretePoint]] = []
        for entry in alone:
            probe_type = compilation.probe_types.get(entry.point.probe_type)
            assert probe_type is not None, "points come from registered probe types"
            pairs += [(entry, exit_, point) for exit_, point in _exits(entry, alone, probe_type, compilation)]
        partners = Counter(probe.program_name for pair in pairs for probe in pair[:2])
        made: dict[str, ExpandedProbe | None] = {}
        for entry, exit_, point in pairs:
            only = partners[entry.program_name] == partners[exit_.program_name] == 1
            if only and not _uses_name(entry.node) and not _uses_name(exit_.node):
                made[entry.program_name] = replace(entry, point=point, on_return=exit_)
                made[exit_.program_name] = None
        probes = (made.get(probe.program_name, probe) for probe in expanded.probes)
        return replace(expanded, probes=tuple(probe for probe in probes if probe is not None))


def _alone(probes: Sequence[ExpandedProbe]) -> list[ExpandedProbe]:
    """The programs that are the only ones of their probes."""
    counts: dict[int, int] = {}
    for probe in probes:
        counts[id(probe.node)] = counts.get(id(probe.node), 0) + 1
    return [p for p in probes if counts[id(p.node)] == 1 and len(p.node.attach_points) == 1]


def _exits(
    entry: ExpandedProbe, alone: Sequence[ExpandedProbe], probe_type: ProbeType, compilation: Compilation
) -> Iterator[tuple[ExpandedProbe, ConcretePoint]]:
    for exit_ in alone:
        if exit_ is not entry:
            point = probe_type.session(entry.point, exit_.point, compilation.target)
            if point is not None:
                yield exit_, point


def _uses_name(probe: ast.Probe) -> bool:
    return any(isinstance(node, ast.Identifier | ast.Call) and node.name == "probe" for node in ast.walk(probe))
