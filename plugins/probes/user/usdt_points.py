"""Finds the static markers that usdt attach points and patterns of `-l` name.

Attaching needs nothing of this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ....core.glob import glob, has_wildcard
from ....core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec
from ....core.target import UsdtMarker
from .files import find_files

#: All files that are mapped, of the process of -p or of all.
_EVERYTHING = "*"


def find_points(spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
    """What `match` of the probe type gives. Raises AttachPointError."""
    file, provider, marker = spec.text("file"), spec.text("provider"), spec.text("marker")
    if not file and request.pid is None:
        text = "usdt probe must specify at least path or pid to probe"
        raise AttachPointError(text, (f"a path of '*' stands for the files of all processes: usdt:*:{marker}",))
    paths = find_files("usdt", file or _EVERYTHING, request, short_names=False)
    one_file = "*" not in (file or _EVERYTHING)
    accepts_provider, accepts = glob(provider or "*").fullmatch, glob(marker).fullmatch
    points = []
    for path in paths:
        wanted = [m for m in _markers(path, request, one_file) if accepts(m.name) and accepts_provider(m.provider)]
        for _, places in groupby(wanted, lambda m: (m.provider, m.name)):
            points += _points(path, list(places), request)
    if not points and not any(map(has_wildcard, (file, provider, marker))):
        where = paths[0] if one_file else f"process {request.pid}"
        name = f"{provider}:{marker}" if provider else marker
        raise NoMatch(f"No matches for usdt {where}:{name}.", _similar(name, paths, request))
    return points


def _markers(path: str, request: MatchRequest, is_wanted: bool) -> list[UsdtMarker]:
    """Raises: AttachPointError: the file is wanted by its name and cannot be read."""
    try:
        return request.target.usdt_markers(path)
    except (OSError, ValueError) as error:
        if not is_wanted:
            return []
        raise AttachPointError(str(error)) from error


def _points(path: str, places: Sequence[UsdtMarker], request: MatchRequest) -> list[ConcretePoint]:
    """One point for a marker, whose program tells its places apart by their cookies.

    A kernel without cookies needs as many programs as there are descriptions of the arguments.
    """
    features = request.target.features
    arguments = list(dict.fromkeys(place.arguments for place in places))
    if len(arguments) > 1 and "get_attach_cookie" not in features:
        return [_point(path, [p for p in places if p.arguments == one], [one], False) for one in arguments]
    return [_point(path, places, arguments, "uprobe_multi" in features)]


def _point(path: str, places: Sequence[UsdtMarker], arguments: list[str], is_multi: bool) -> ConcretePoint:
    first = places[0]
    return ConcretePoint(
        "usdt",
        f"usdt:{path}:{first.provider}:{first.name}",
        {
            "path": first.path,
            "offsets": tuple(place.offset for place in places),
            "semaphores": tuple(place.semaphore for place in places),
            "cookies": tuple(arguments.index(place.arguments) for place in places),
            "arguments": tuple(arguments),
            "machine": first.machine,
            "multi": int(is_multi),
        },
    )


def _similar(name: str, paths: Sequence[str], request: MatchRequest) -> tuple[str, ...]:
    from ....core.diagnostics import did_you_mean

    markers = [marker for path in paths for marker in _markers(path, request, False)]
    if ":" in name:
        return did_you_mean(name, sorted({f"{marker.provider}:{marker.name}" for marker in markers}))
    return did_you_mean(name, sorted({marker.name for marker in markers}))


def list_markers(parts: tuple[str, ...], request: MatchRequest) -> Iterator[str]:
    """`usdt:/path:provider:name`, sorted; one part is a marker of any file, or the path of a file.

    A pattern of two parts names markers of any provider.
    """
    match parts:
        case (file,) if "/" in file:
            provider, marker = "*", "*"
        case (marker,):
            file, provider = _EVERYTHING, "*"
        case (file, marker):
            provider = "*"
        case (file, provider, marker):
            pass
        case _:
            return
    accepts_provider, accepts = glob(provider or "*").fullmatch, glob(marker or "*").fullmatch
    for path in _files(file or _EVERYTHING, request):
        found = {(m.provider, m.name): None for m in _markers(path, request, False)}
        yield from (f"usdt:{path}:{p}:{name}" for p, name in found if accepts(name) and accepts_provider(p))


def _files(file: str, request: MatchRequest) -> list[str]:
    """Files by that name; and as a pattern those that are mapped, since `*libc*` means no program on $PATH."""
    target, pid = request.target, request.pid
    accepts = glob(file).fullmatch
    try:
        found = target.resolve_binary(file, pid, short_names=False)
        if "*" in file and file != _EVERYTHING and "/" not in file:
            found += filter(accepts, target.resolve_binary(_EVERYTHING, pid, short_names=False))
    except (OSError, ValueError):
        return []
    # A bare name may have been found on $PATH, which patterns do not mean.
    return sorted({path for path in found if "/" in file or "*" in file or accepts(path)})
