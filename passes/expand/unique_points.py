"""Sees that a script gives the names of its tests and benchmarks once: results are told by these names."""

from __future__ import annotations

from ...core import ast
from ...core.artifacts import ExpandedProgram
from ...core.compilation import Compilation
from ...core.diagnostics import Note
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class CheckUniquePoints:
    """ExpandedProgram -> the same; an error at the second attach point of a name."""

    name: str = "check-unique-points"
    stage: str = "expand"

    def run(self, expanded: ExpandedProgram, compilation: Compilation) -> ExpandedProgram:
        first: dict[tuple[str, object], ast.AttachPoint] = {}
        for probe in expanded.typed.program.probes:
            for written in probe.attach_points:
                probe_type = compilation.probe_types.get(written.parts[0].lower())
                if probe_type is None or not probe_type.unique_points:
                    continue
                provider = probe_type.names[0]
                name = probe_type.parse(written.parts[1:]).settings["name"]
                other = first.setdefault((provider, name), written)
                if other is not written:
                    compilation.diagnostics.error(
                        f'"{name}" was used as the name for more than one {provider.upper()} probe',
                        written.span,
                        notes=[Note("this is the other instance", other.span)],
                    )
        return expanded
