"""Stage 3, probe-expand: one entry per BPF program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.artifacts import ExpandedProgram, TypedProgram
    from ...core.compilation import Compilation
    from ...core.pipeline import Pass


class ExpandStage:
    """Probe expansion; named 'points' among the plugins."""

    @hookimpl
    def expand_probes(self, typed: TypedProgram, compilation: Compilation) -> ExpandedProgram:
        expanded: ExpandedProgram = compilation.run_passes("expand", typed)
        return expanded

    @hookimpl
    def stage_passes(self, stage: str) -> Sequence[Pass] | None:
        if stage != "expand":
            return None
        from .pid_filter import FilterPid
        from .points import ExpandPoints
        from .sessions import PairSessions
        from .sole_points import CheckSolePoints
        from .unique_points import CheckUniquePoints

        return [ExpandPoints(), CheckUniquePoints(), CheckSolePoints(), FilterPid(), PairSessions()]


PLUGIN = ExpandStage()
