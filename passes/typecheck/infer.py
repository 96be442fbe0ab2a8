"""Finds a type for every expression.

A variable's type, a map's value type and a map's key type are each one unknown that grows with every use, so the bodies
are walked again until nothing changes: the order of statements and of probes does not matter. Only what the last walk
says is reported.
"""

from __future__ import annotations

from ...core.artifacts import MapTypes, TypedProbe, TypedProgram, Variant
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.source import Span
from ...core.types import OwnedType, Type, settle
from .body import BodyChecker
from .matched import MatchedProgram
from .promotion import promote


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


class MapTable:
    """The types of all maps, shared by all bodies."""

    def __init__(self) -> None:
        self.keys: dict[str, Type] = {}
        self.values: dict[str, Type] = {}
        self.keyed: dict[str, bool] = {}
        self.changed = False

    def use(self, name: str, has_key: bool) -> str | None:
        """Notes that a map is used with or without a key; the error text when it was used the other way before."""
        known = self.keyed.setdefault(name, has_key)
        if known == has_key:
            return None
        with_key, without = "with an explicit key (non-scalar map)", "without an explicit key (scalar map)"
        now, before = (with_key, without) if has_key else (without, with_key)
        return f"{name} used as a map {now}, previously used {before}"

    def add_key(self, name: str, type_: Type, span: Span, diagnostics: Diagnostics) -> None:
        known = self.keys.get(name)
        merged = type_ if known is None else promote(known, type_)
        if merged is None:
            diagnostics.error(
                f"Argument mismatch for {name}: trying to access with arguments: '{settle(type_)}' "
                f"when map expects arguments: '{settle(known or type_)}'",
                span,
            )
        elif merged != known:
            self.keys[name] = merged
            self.changed = True

    def add_value(self, name: str, type_: Type, span: Span, diagnostics: Diagnostics, conflict: str = "") -> None:
        """`conflict` is the text for two uses of one aggregation with different settings."""
        known = self.values.get(name)
        merged = type_ if known is None else promote(known, type_)
        if merged is None:
            assert known is not None
            same_owner = isinstance(known, OwnedType) and isinstance(type_, OwnedType) and known.owner == type_.owner
            mismatch = (
                f"Type mismatch for {name}: trying to assign value of type '{settle(type_)}' "
                f"when map already has a type '{settle(known)}'"
            )
            diagnostics.error(conflict if same_owner and conflict else mismatch, span)
        elif merged != known:
            self.values[name] = merged
            self.changed = True

    def types(self) -> dict[str, MapTypes]:
        return {
            name: MapTypes(name, settle(self.keys[name]) if name in self.keys else None, settle(value))
            for name, value in sorted(self.values.items())
        }
