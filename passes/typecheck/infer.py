"""Finds a type for every expression.

A variable's type, a map's value type and a map's key type are each one unknown that grows with every use, so the bodies
are walked again until nothing changes: the order of statements and of probes does not matter. Only what the last walk
says is reported.
"""

from __future__ import annotations

from ...core.artifacts import TypedProbe, TypedProgram, Variant
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.types import settle
from .body import BodyChecker
from .map_table import MapTable
from .matched import MatchedProgram


@dataclass(frozen=True, slots=True)
class InferTypes:
    """MatchedProgram -> TypedProgram."""

    name: str = "infer-types"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> TypedProgram:
        maps = MapTable()
        bodies = [
            [BodyChecker(probe.node, layout, probe.bindings, maps, compilation) for layout in probe.layouts]
            for probe in matched.probes
        ]
        checkers = [checker for layouts in bodies for checker in layouts]
        _solve(checkers, maps, compilation.diagnostics)
        probes = tuple(
            TypedProbe(probe.node, tuple(_variant(checker) for checker in layouts))
            for probe, layouts in zip(matched.probes, bodies, strict=True)
        )
        return TypedProgram(matched.program, probes, maps.types())


def _solve(checkers: list[BodyChecker], maps: MapTable, diagnostics: Diagnostics) -> None:
    """Walks all bodies until no unknown changes, then once more where something stayed unknown, to say so."""
    final = False
    while True:
        found = Diagnostics()
        maps.changed = False
        for checker in checkers:
            checker.check(found, final=final)
        settled = not maps.changed and not any(checker.changed for checker in checkers)
        if final or (settled and not any(checker.unknown for checker in checkers)):
            break
        final = settled
    for diagnostic in found.recorded:
        diagnostics.add(diagnostic)


def _variant(checker: BodyChecker) -> Variant:
    return Variant(
        checker.layout.points,
        checker.types,
        checker.bindings,
        {slot: settle(type_) for slot, type_ in sorted(checker.variables.items())},
    )
