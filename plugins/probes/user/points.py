"""Finds the places of programs and libraries that uprobe and uretprobe attach points name.

A place becomes a file and an offset in it, which is how the kernel knows it; names, C++ among them, wildcards,
addresses and the boundaries of instructions are all dealt with here. Attaching needs nothing of this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ....core.binary.cpp_spelling import has_escapes, spellings
from ....core.binary.demangle import NoDemangler, demangled
from ....core.frozen import dataclass
from ....core.glob import glob, has_wildcard
from ....core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, Setting
from ....core.target import Target, UserFunction
from .files import find_files
from .instruction_check import check_offset

CPP = "cpp"
#: GCC puts the unlikely part of a function elsewhere under this name. It is jumped to, not called: a return probe there
#: would take something else for the return address.
_COLD_PART = ".cold"
_FORCE = "Use --unsafe to force attachment."
#: The kernel's feature.
_MULTI = "uprobe_multi"


@dataclass(frozen=True, slots=True)
class Where:
    """An attach point whose form is known: a function with an offset in `file`, or else an `address` there."""

    provider: str
    file: str
    language: str
    function: str
    offset: int
    address: int | None

    @staticmethod
    def of(spec: PointSpec, request: MatchRequest) -> Where:
        """Raises AttachPointError."""
        file, language = spec.text("file"), spec.text("language")
        if request.pid is None and not file:
            raise AttachPointError(f"{spec.probe_type} probe type requires 2 or 3 arguments, found 1")
        if request.pid is not None and file == CPP and not language:
            file, language = "", CPP  # uprobe:cpp:FUNC is one of the process's own program
        address = spec.number("address") if "address" in spec.settings else None
        return Where(spec.probe_type, file, language, spec.text("function"), spec.number("offset"), address)

    @property
    def is_multiple(self) -> bool:
        """Whether it asks for several places, by a wildcard or as a C++ name, which may have overloads."""
        return self.address is None and bool("*" in self.file or has_wildcard(self.function) or self.language)

    def name(self, path: str, function: str = "") -> str:
        """The probe's name; that of the whole attach point without a `function`."""
        if self.address is not None:
            return f"{self.provider}:{path}:{self.address}"
        language = f":{self.language}" if self.language else ""
        offset = f"+{self.offset}" if self.offset else ""
        return f"{self.provider}:{path}{language}:{function or self.function}{offset}"


def find_points(spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
    """What `match` of the probe types gives. Raises AttachPointError."""
    where = Where.of(spec, request)
    paths = find_files("uprobe", where.file, request)
    points = [point for path in paths for point in _points(path, where, request)]
    if not points and not ("*" in where.file or has_wildcard(where.function)):
        missing = f"{paths[0]}:{where.function}"
        raise NoMatch(f"No matches for {where.provider} {missing}.", _similar(paths[0], where, request))
    return points


def _points(path: str, where: Where, request: MatchRequest) -> list[ConcretePoint]:
    """Those in one file. Raises AttachPointError."""
    try:
        if where.address is not None:
            return [_at_address(path, where.address, where, request)]
        if where.language:
            names = _cpp_names(where.function, request.target.user_functions(path))
            return list(_named(path, _distinct(path, names, request.target), where, request))
        if has_wildcard(where.function):
            accepts = glob(where.function).fullmatch
            names = (n for n in request.target.user_functions(path) if accepts(n) and _COLD_PART not in n)
            return list(_named(path, names, where, request))
        return list(_named(path, (where.function,), where, request))
    except (OSError, ValueError) as error:
        if isinstance(error, AttachPointError):
            raise
        raise AttachPointError(str(error)) from error  # a file that cannot be read, or is corrupt


def _named(path: str, names: Iterable[str], where: Where, request: MatchRequest) -> Iterator[ConcretePoint]:
    """The functions of these names that the file has. Raises AttachPointError, OSError, ElfError."""
    for name in names:
        found = request.target.user_function(path, name)
        if found is None:
            continue
        if not (found.size or where.is_multiple or request.allows_unsafe):
            message = f"Could not determine boundary for {name} (symbol has size 0)."
            raise AttachPointError(message, (_FORCE,))
        check_offset(f"{path}:{name}", name, found, where.offset, request)
        point = _point(where, where.name(path, name), path, found, name, where.offset)
        if where.is_multiple and _MULTI in request.target.features:
            point = replace(point, settings={**point.settings, "multi": 1})
        yield point


def _at_address(path: str, address: int, where: Where, request: MatchRequest) -> ConcretePoint:
    """Raises AttachPointError, OSError, ElfError."""
    name = where.name(path)
    if not address and not request.allows_unsafe:
        raise AttachPointError(f"{where.provider} should be attached to a function and/or address")
    around = request.target.user_function_at(path, address)
    if around is None:
        if not request.allows_unsafe:
            raise AttachPointError(f"Could not resolve address: {path}:{address:#x}", (_FORCE,))
        request.warn(
            f"Could not determine instruction boundary for {name} (binary appears stripped). "
            "Misaligned probes can lead to tracee crashes!"
        )
        return _point(where, name, path, UserFunction(_kernel_path(path), address, 0, address), "", 0)
    symbol, found = around
    offset = address - found.address
    if offset and where.provider == "uretprobe":
        raise AttachPointError("uretprobes can not be attached to a function offset")
    check_offset(f"{path}:{symbol}", symbol, found, offset, request)
    return _point(where, name, path, found, symbol, offset)


def _kernel_path(path: str) -> str:
    from ....core.binary.archives import archive_of

    return archive_of(path)


def _point(where: Where, name: str, path: str, found: UserFunction, symbol: str, offset: int) -> ConcretePoint:
    settings: dict[str, str | int] = {"path": found.path, "offset": found.file_offset + offset, "symbol": symbol}
    if found.path != path:
        settings["file"] = path
    return ConcretePoint(where.provider, name, settings)


def file_of(point: ConcretePoint) -> str:
    """The binary of a point as the target knows it: the member where `path` is an archive."""
    return point.text("file") if "file" in point.settings else point.text("path")


def _cpp_names(pattern: str, names: Sequence[str]) -> Iterator[str]:
    """The symbols of the functions that are called `pattern` in C++, or are spelled so. Raises AttachPointError."""
    accepts = _acceptor(pattern)
    pieces = pattern.split("*")

    def is_called_so(text: str) -> bool:
        # Taking names apart takes longer than all else, and most have nothing of the pattern.
        if not (all(piece in text for piece in pieces) or has_escapes(text)):
            return False
        # Only a pattern with a bracket can mean the parameter list; it may also mean that of `operator()`.
        return bool("(" in pattern and accepts(text)) or any(map(accepts, spellings(text)))

    try:
        readable = {symbol for symbol, text in demangled(names) if is_called_so(text)}
    except NoDemangler as error:
        raise AttachPointError(f"C++ names cannot be demangled here: {error}") from error
    return (name for name in names if _COLD_PART not in name and (name in readable or accepts(name)))


def _acceptor(pattern: str) -> Callable[[str], object]:
    return glob(pattern).fullmatch if has_wildcard(pattern) else pattern.__eq__


def _distinct(path: str, names: Iterable[str], target: Target) -> list[str]:
    """Without second names of one place: a constructor mostly has two, which read the same."""
    first: dict[int, str] = {}
    for name in names:
        found = target.user_function(path, name)
        if found is not None:
            first.setdefault(found.file_offset, name)
    return sorted(first.values())


def combine_points(spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
    """One point a file, for a uprobe_multi link: `offsets` are the bytes in its `path` where its places are. Their
    functions have the same parameters where the body uses those; `symbol` is the first of them."""
    where = Where.of(spec, request)
    if not where.is_multiple or _MULTI not in request.target.features:
        return list(points)
    files: dict[str, list[ConcretePoint]] = {}
    for point in points:
        files.setdefault(file_of(point), []).append(point)
    return [
        ConcretePoint(
            where.provider,
            where.name(file),
            {**_without_offset(places[0]), "offsets": tuple(place.number("offset") for place in places)},
            len(places),
        )
        for file, places in files.items()
    ]


def _without_offset(place: ConcretePoint) -> dict[str, Setting]:
    return {key: value for key, value in place.settings.items() if key not in ("offset", "multi")}


def _similar(path: str, where: Where, request: MatchRequest) -> tuple[str, ...]:
    from ....core.diagnostics import did_you_mean

    try:
        names = request.target.user_functions(path)
        if where.language:
            names = [spelling for _, text in demangled(names) for spelling in spellings(text)]
    except (OSError, ValueError, NoDemangler):
        return ()  # a hint is not worth an error of its own
    return did_you_mean(where.function, names)
