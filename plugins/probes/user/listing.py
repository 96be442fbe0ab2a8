"""The functions of user space that `-l` lists, and their parameters.

Attaching and matching need nothing of this file.
"""

from __future__ import annotations

from collections.abc import Iterator

from ....core.binary.demangle import NoDemangler, demangled
from ....core.glob import glob
from ....core.probe import ConcretePoint, MatchRequest
from ....core.target import Target, UserFunction

#: What stands in front of a C++ function as people write it.
_CPP = ':cpp:"'


def list_functions(provider: str, parts: tuple[str, ...], request: MatchRequest) -> Iterator[str]:
    """`PROVIDER:/path:function` of all files and functions that a pattern names; one part is a function of any file."""
    if not 1 <= len(parts) <= 2:
        return
    file, function = ("*", parts[0]) if len(parts) == 1 else parts
    accepts_path, accepts = glob(file).fullmatch, glob(function).fullmatch
    for path in _files(file, request):
        if not accepts_path(path):
            continue
        try:
            names = request.target.user_functions(path)
        except (OSError, ValueError):
            continue  # a file that cannot be read, or is corrupt
        yield from (f"{provider}:{path}:{name}" for name in names if accepts(name))


def _files(file: str, request: MatchRequest) -> list[str]:
    """Files by that name; and as a pattern those that are mapped, since `*libc*` means no program on $PATH."""
    target, pid = request.target, request.pid
    try:
        found = target.resolve_binary(file, pid)
        if "*" in file and file != "*" and "/" not in file:
            accepts = glob(file).fullmatch
            found = [*found, *(path for path in target.resolve_binary("*", pid) if accepts(path))]
    except (OSError, ValueError):
        return []
    return sorted(set(found))


def listed_name(point: ConcretePoint) -> str:
    """The point's name, with a C++ function as people write it."""
    head, language, symbol = point.name.rpartition(":cpp:")
    if not language:
        return point.name
    try:
        text = dict(demangled([symbol])).get(symbol)
    except NoDemangler:
        text = None
    return f'{head}{language}"{text}"' if text else point.name


def describe_function(name: str, request: MatchRequest) -> Iterator[str]:
    """The parameters of a listed function as C declares them, from debug information."""
    path = _path_of(name)
    try:
        function = _function_of(name, path, request.target)
        signature = None if function is None else request.target.user_signature(path, function.address)
    except (OSError, ValueError, NoDemangler):
        return  # there is debug information, but not of this function
    if signature is None:
        request.warn(f'No DWARF found for "{path}", cannot show parameter info')
        return
    yield from (f"{parameter.c_text} {parameter.name}".rstrip() for parameter in signature.parameters)


def _path_of(name: str) -> str:
    body = name.partition(":")[2]
    return body.partition(_CPP)[0] if _CPP in body else body.rpartition(":")[0]


def _function_of(name: str, path: str, target: Target) -> UserFunction | None:
    """What `listed_name` names. Raises OSError, ElfError, NoDemangler."""
    if _CPP in name:
        text = name.partition(_CPP)[2].removesuffix('"')
        names = (symbol for symbol, readable in demangled(target.user_functions(path)) if readable == text)
        symbol = next(names, "")
    else:
        symbol = name.rpartition(":")[2].partition("+")[0]
        if symbol.isdecimal():
            found = target.user_function_at(path, int(symbol))
            return None if found is None else found[1]
    return target.user_function(path, symbol)
