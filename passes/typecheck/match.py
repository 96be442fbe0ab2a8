"""Asks every attach point's probe type which points of the target it names, and groups them by what `args` looks like.

This happens before any type is inferred, because `args` decides the types of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Severity
from ...core.frozen import dataclass
from ...core.glob import has_wildcard
from ...core.probe import AttachPointError, ConcretePoint, NoMatch, ProbeType
from ...core.source import as_given
from ...core.types import Struct
from .attach_points import match_parts, match_request
from .matched import Layout, MatchedProbe, MatchedProgram


@dataclass(frozen=True, slots=True)
class MatchPoints:
    """Program -> MatchedProgram."""

    name: str = "match-points"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> MatchedProgram:
        removed: dict[str, str] = {}
        matched = (_match_probe(probe, compilation, removed) for probe in program.probes)
        probes = tuple(probe for probe in matched if probe is not None)
        kept = program
        if len(probes) != len(program.probes):
            kept = replace(program, probes=tuple(probe.node for probe in probes))
        return MatchedProgram(kept, probes, removed=removed)


#: The builtins that make probes on different points different: what the body sees of the point itself.
_SEES = ("args", "retval", "ctx")
#: Of a wildcard's points that lack what the body sees, so many are told one by one.
_SHOWN_REFUSALS = 3


def _match_probe(probe: ast.Probe, compilation: Compilation, removed: dict[str, str]) -> MatchedProbe | None:
    """The probe with its points; nothing for one that has none and is to be removed then: its maps go to `removed`."""
    diagnostics, missing_probes = compilation.diagnostics, compilation.config.missing_probes
    layouts = _Layouts(probe, compilation)
    recorded, refused, reason = len(diagnostics.recorded), False, ""
    for written in probe.attach_points:
        try:
            layouts.add(written)
        except NoMatch as error:
            reason = reason or str(error)
            if missing_probes == "error":
                diagnostics.error(str(error), written.span, hints=error.hints)
            elif missing_probes == "warn":
                diagnostics.warning(f"{str(error).removesuffix('.')}. Skipping.", written.span, hints=error.hints)
        except AttachPointError as error:
            diagnostics.error(str(error), written.span, hints=error.hints)
            refused = True
    found = layouts.finish()
    if not found and missing_probes != "error" and not refused:
        if missing_probes == "warn":
            message = "Probe has no valid attach points. It is being removed from the program."
            diagnostics.warning(message, probe.span)
        for node in ast.walk(probe):
            if isinstance(node, ast.Map):
                removed.setdefault(node.name, reason)
        return None
    if not found and not any(d.severity is Severity.ERROR for d in diagnostics.recorded[recorded:]):
        diagnostics.error(
            "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to "
            "'warn'.",
            probe.span,
        )
    return MatchedProbe(probe, found)


def _asks_name(node: ast.Node) -> bool:
    """Whether it is a choice at compile time that `probe` may decide, which takes a body for each point."""
    return isinstance(node, ast.Comptime) and any(
        isinstance(part, ast.Identifier) and part.name == "probe" for part in ast.walk(node)
    )


class _Layouts:
    """The points of one probe, those together whose bodies can be checked together."""

    def __init__(self, probe: ast.Probe, compilation: Compilation) -> None:
        self._compilation = compilation
        self._found: dict[object, tuple[ProbeType, Struct | None, list[ConcretePoint]]] = {}
        names = {node.name for node in ast.walk(probe) if isinstance(node, (ast.Identifier, ast.Call))}
        self._sees = [name for name in _SEES if name in names]
        known = (compilation.functions.get(name) for name in names)
        self._names_points = "probe" in names or any(f is not None and f.names_points for f in known)
        self._decides_by_name = any(_asks_name(node) for node in ast.walk(probe))

    def add(self, written: ast.AttachPoint) -> None:
        """Raises: AttachPointError."""
        compilation = self._compilation

        def warn(message: str) -> None:
            compilation.diagnostics.warning(message, written.span)

        for match in match_parts(tuple(map(as_given, written.parts)), compilation, warn):
            for key, args, points in self._by_layout(match.points, warn):
                probe_type = key[0]
                if not self._names_points and probe_type is match.probe_type:
                    points = probe_type.combine(match.spec, points, match_request(compilation, warn))
                if written.name and not any(map(has_wildcard, written.parts)) and len(match.points) == 1:
                    points = [replace(point, name=written.name) for point in points]
                self._found.setdefault(key, (probe_type, args, []))[2].extend(points)

    def _by_layout(
        self, points: list[ConcretePoint], warn: Callable[[str], None]
    ) -> list[tuple[tuple[ProbeType, object], Struct | None, list[ConcretePoint]]]:
        """Of several points those are left out that do not have what the body sees. Raises: AttachPointError."""
        groups: dict[tuple[ProbeType, object], tuple[Struct | None, list[ConcretePoint]]] = {}
        refusals: list[AttachPointError] = []
        for point in points:
            try:
                key, args = self._layout(point)
            except AttachPointError as error:
                refusals.append(error)
                continue
            groups.setdefault(key, (args, []))[1].append(point)
        if refusals and not groups:
            raise refusals[0]
        for refusal in refusals[:_SHOWN_REFUSALS]:
            warn(f"{str(refusal).removesuffix('.')}. Skipping.")
        if len(refusals) > _SHOWN_REFUSALS:
            warn(f"{len(refusals) - _SHOWN_REFUSALS} more places lack what the body uses of them. Skipping.")
        return [(key, args, points) for key, (args, points) in groups.items()]

    def _layout(self, point: ConcretePoint) -> tuple[tuple[ProbeType, object], Struct | None]:
        """What is the same for points whose bodies can be checked together, and the struct of `args`."""
        target = self._compilation.target
        probe_type = self._compilation.probe_types.get(point.probe_type)
        if probe_type is None:
            raise AttachPointError(f"Invalid probe type: {point.probe_type}")
        args = probe_type.args(point, target) if "args" in self._sees else None
        # The struct's name does not matter: `sys_enter_*` has hundreds of events and a few dozen layouts.
        seen: list[object] = [args and (args.size, args.fields), self._decides_by_name and point.name]
        if "retval" in self._sees:
            seen.append(probe_type.return_value(point, target))
        if "ctx" in self._sees:
            seen.append(probe_type.context(point, target))
        return (probe_type, tuple(seen)), args

    def finish(self) -> tuple[Layout, ...]:
        return tuple(Layout(probe_type, tuple(points), args) for probe_type, args, points in self._found.values())
