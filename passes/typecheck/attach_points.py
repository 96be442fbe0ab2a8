"""Finds what an attach point names: its probe type, or with a wildcard there several, and the points that they match.

The pass that types probes and the listing of `-l` both ask here, so that they agree. It knows the contract of probe
types, and nothing of any one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ...core.compilation import Compilation
from ...core.diagnostics import did_you_mean
from ...core.frozen import dataclass
from ...core.glob import glob, has_wildcard
from ...core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, ProbeType
from ..parse.attach_points import split


@dataclass(frozen=True, slots=True)
class PointMatch:
    """What one probe type makes of an attach point. `points` are its places one by one."""

    probe_type: ProbeType
    spec: PointSpec
    points: list[ConcretePoint]


def match_request(compilation: Compilation, warn: Callable[[str], None]) -> MatchRequest:
    def points_of(text: str) -> list[ConcretePoint]:
        return [point for match in match_parts(split(text), compilation, warn) for point in match.points]

    return MatchRequest(
        target=compilation.target,
        pid=compilation.options.pid,
        allows_unsafe=compilation.options.allows_unsafe,
        probes_everything=compilation.options.probes_everything,
        missing_probes=compilation.config.missing_probes,
        warn=warn,
        points_of=points_of,
    )


def match_parts(parts: tuple[str, ...], compilation: Compilation, warn: Callable[[str], None]) -> list[PointMatch]:
    """One match for each probe type that the first part names. Raises: AttachPointError."""
    request = match_request(compilation, warn)
    if not has_wildcard(parts[0]):
        try:
            probe_type = named_type(parts[0], compilation)
        except AttachPointError as error:
            raise error if error.hints else AttachPointError(str(error), _with_a_type(parts, compilation)) from None
        return [_match(probe_type, parts, request)]
    searched = searched_types(parts[0], compilation, names_a_file=len(parts) > 1 and "/" in parts[1])
    if len(searched) == 1:
        return [_match(searched[0], parts, request)]  # its errors say more than that nothing was found
    found, missing = [], list[NoMatch]()
    for probe_type in searched:
        try:
            spec = probe_type.parse(parts[1:] or ("*",))
        except AttachPointError:
            continue  # its attach points have another form
        try:
            found.append(PointMatch(probe_type, spec, probe_type.match(spec, request)))
        except NoMatch as error:
            missing.append(error)  # it is enough when one of the types has it
    if not found and missing:
        raise missing[0]
    if not found:
        raise AttachPointError(f"No probe type matched for {':'.join(parts)}")
    return found


def _match(probe_type: ProbeType, parts: tuple[str, ...], request: MatchRequest) -> PointMatch:
    """Raises: AttachPointError."""
    spec = probe_type.parse(parts[1:])
    return PointMatch(probe_type, spec, probe_type.match(spec, request))


def _with_a_type(parts: tuple[str, ...], compilation: Compilation) -> tuple[str, ...]:
    """A hint for an attach point whose first part is no probe type: it may have been left out."""
    request = match_request(compilation, lambda text: None)
    for probe_type in searched_types("*", compilation, names_a_file=False):
        with suppress(AttachPointError):
            if probe_type.match(probe_type.parse(parts), request):
                return (f"did you mean '{probe_type.names[0]}:{':'.join(parts)}'?",)
    return ("the first part of a probe is its type, such as 'tracepoint'; -l lists all probes",)


def named_type(provider: str, compilation: Compilation) -> ProbeType:
    """The probe type of a name: canonical names in any letter case, aliases as they are spelled.

    Raises: AttachPointError.
    """
    known = compilation.probe_types
    found = known.get(provider)
    if found is None:
        found = known.get(provider.lower())
        if found is not None and provider.lower() != found.names[0]:
            found = None
    if found is None:
        raise AttachPointError(f"Invalid probe type: {provider}", did_you_mean(provider.lower(), known.names()))
    return found


def searched_types(pattern: str, compilation: Compilation, *, names_a_file: bool) -> list[ProbeType]:
    """The probe types that a wildcard in the place of the provider stands for, by name."""
    accepts = glob(pattern.lower()).fullmatch
    scopes = ["always"]
    if compilation.options.pid is not None or names_a_file:
        scopes.append("process")
    types = (t for t in compilation.probe_types.items() if t.searched in scopes and accepts(t.names[0]))
    return sorted(types, key=lambda probe_type: probe_type.names[0])
