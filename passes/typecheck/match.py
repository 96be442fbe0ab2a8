"""Asks every attach point's probe type which points of the target it names, and groups them by what `args` looks like.

This happens before any type is inferred, because `args` decides the types of the body.
"""

from __future__ import annotations

from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import did_you_mean
from ...core.frozen import dataclass
from ...core.probe import AttachPointError, ConcretePoint, NoMatch, ProbeType
from ...core.types import Struct
from .matched import Layout, MatchedProbe, MatchedProgram


@dataclass(frozen=True, slots=True)
class MatchPoints:
    """Program -> MatchedProgram."""

    name: str = "match-points"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> MatchedProgram:
        matched = (_match_probe(probe, compilation) for probe in program.probes)
        probes = tuple(probe for probe in matched if probe is not None)
        kept = program
        if len(probes) != len(program.probes):
            kept = replace(program, probes=tuple(probe.node for probe in probes))
        return MatchedProgram(kept, probes)


def _match_probe(probe: ast.Probe, compilation: Compilation) -> MatchedProbe | None:
    """The probe with its points; nothing for one that has none and is to be removed then."""
    layouts: dict[tuple[str, object], tuple[ProbeType, Struct | None, list[ConcretePoint]]] = {}
    diagnostics, missing_probes = compilation.diagnostics, compilation.config.missing_probes
    recorded, refused = len(diagnostics.recorded), False
    for written in probe.attach_points:
        try:
            probe_type = _probe_type(written, compilation)
            points = probe_type.match(probe_type.parse(written.parts[1:]), compilation.target)
            for point in points:
                args = probe_type.args(point, compilation.target)
                # The struct's name does not matter: `sys_enter_*` has hundreds of events and a few dozen layouts.
                key = point.probe_type, args and (args.size, args.fields)
                layouts.setdefault(key, (probe_type, args, []))[2].append(point)
        except NoMatch as error:
            if missing_probes == "error":
                diagnostics.error(str(error), written.span, hints=error.hints)
            elif missing_probes == "warn":
                diagnostics.warning(f"{str(error).removesuffix('.')}. Skipping.", written.span, hints=error.hints)
        except AttachPointError as error:
            diagnostics.error(str(error), written.span, hints=error.hints)
            refused = True
    if not layouts and missing_probes != "error" and not refused:
        if missing_probes == "warn":
            message = "Probe has no valid attach points. It is being removed from the program."
            diagnostics.warning(message, probe.span)
        return None
    if not layouts and len(diagnostics.recorded) == recorded:
        diagnostics.error(
            "Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to "
            "'warn'.",
            probe.span,
        )
    return MatchedProbe(
        probe,
        tuple(Layout(probe_type, tuple(points), args) for probe_type, args, points in layouts.values()),
    )


def _probe_type(written: ast.AttachPoint, compilation: Compilation) -> ProbeType:
    """The probe type named by the first part: canonical names in any letter case, aliases as they are spelled."""
    provider = written.parts[0]
    known = compilation.probe_types
    found = known.get(provider)
    if found is None:
        found = known.get(provider.lower())
        if found is not None and provider.lower() != found.names[0]:
            found = None
    if found is None:
        raise AttachPointError(f"Invalid probe type: {provider}", did_you_mean(provider.lower(), known.names()))
    return found
