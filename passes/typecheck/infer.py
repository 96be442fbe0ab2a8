"""Finds a type for every expression.

A variable's type, a map's value type and a map's key type are each one unknown that grows with every use, so the bodies
are walked again until nothing changes: the order of statements and of probes does not matter. Only what the last walk
says is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core import ast
from ...core.artifacts import TypedProbe, TypedProgram, Variant
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.types import settle
from .body import Body
from .constants import decide
from .declarations import check_maps, declared_maps
from .map_table import MapTable
from .matched import MatchedProgram
from .script_functions import FunctionCheck, function_checks

#: `if comptime` may make new code visible, which may hold further ones.
MAX_DECISIONS = 50


@dataclass(frozen=True, slots=True)
class InferTypes:
    """MatchedProgram -> TypedProgram."""

    name: str = "infer-types"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> TypedProgram:
        maps = MapTable(matched.removed)
        bodies = [
            [Body(layout, probe.bindings, maps, compilation) for layout in probe.layouts]
            for probe in matched.probes
        ]
        probes = [
            (body, probe.node) for probe, layouts in zip(matched.probes, bodies, strict=True) for body in layouts
        ]
        checks = [ProbeCheck(body, node) for body, node in probes]
        _solve([*checks, *function_checks(matched, maps, compilation)], maps, compilation.diagnostics)
        declarations = declared_maps(matched.program)
        check_maps(matched.program, maps, compilation)
        typed = tuple(
            TypedProbe(probe.node, tuple(_variant(body) for body in layouts))
            for probe, layouts in zip(matched.probes, bodies, strict=True)
        )
        settled = maps.types(declarations)
        return TypedProgram(matched.program, typed, settled, compilation.c_types, compilation.c_modules)


class ProbeCheck:
    """One probe's body for one layout, to be walked."""

    def __init__(self, body: Body, node: ast.Probe) -> None:
        self.body = body
        self._node = node

    def walk(self, diagnostics: Diagnostics, *, final: bool) -> None:
        self.body.check(self._node, diagnostics, final=final)


def _solve(checks: Sequence[ProbeCheck | FunctionCheck], maps: MapTable, diagnostics: Diagnostics) -> None:
    """Walks all bodies until no unknown changes, then once more where something stayed unknown, to say so."""
    final = False
    decisions = 0
    while True:
        found = Diagnostics()
        maps.changed = False
        for check in checks:
            check.walk(found, final=final)
        bodies = [check.body for check in checks]
        settled = not maps.changed and not any(body.changed for body in bodies)
        if final or (settled and not any(body.unknown or body.waits for body in bodies)):
            break
        if settled and True in [decide(body) for body in bodies]:
            decisions += 1
            if decisions > MAX_DECISIONS:
                found.error(f"Type resolution exceeded maximum iterations ({MAX_DECISIONS})")
                break
            continue
        if settled and maps.default_scalars():
            continue
        if settled and any(body.waits for body in bodies):
            for body in bodies:
                body.gathers = False
            continue
        final = settled
    if final and not found.failed:
        for body in bodies:
            for condition in body.undecided:
                found.error("Unable to resolve comptime expression", condition.span)
    for diagnostic in found.recorded:
        diagnostics.add(diagnostic)


def _variant(body: Body) -> Variant:
    return Variant(
        body.layout.points,
        body.types,
        body.bindings,
        {slot: settle(type_) for slot, type_ in sorted(body.variables.items())},
        {**{node: literal.value for node, literal in body.constants.items()}, **body.records, **body.decided},
    )
