"""The macros of the standard library and of plugins: which names they have, and which file defines each.

They are written in the language itself. A compilation reads the files' texts and finds the definitions by their look,
so a script that uses none of them pays for no parser; what a macro's body says is the parse stage's business.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from .frozen import dataclass
from .registry import PluginError

if TYPE_CHECKING:
    from .function import Function
    from .registry import Registry
    from .target.dependency import Dependency

_PACKAGE = "pybpftrace.plugins.stdlib"
_DIRECTORY = "macros"
#: What diagnostics show before the name of a file of the standard library.
_SHOWN = "stdlib"
SUFFIX = ".bt"

#: `macro name(parameters)` at the beginning of a line.
_DEFINITION = re.compile(r"^[ \t]*macro\s+([A-Za-z_]\w*)\s*\(([^)]*)\)", re.ASCII | re.MULTILINE)
#: Words of a script; those of variables and maps are none of them.
_WORD = re.compile(r"(?<![$@\w])[A-Za-z_]\w*", re.ASCII)

#: What each parameter takes: `$` a variable, `@` a map, and '' any expression.
Kinds: TypeAlias = tuple[str, ...]
#: What a plugin gives for a file: its path, or (a name, its text).
Given: TypeAlias = "str | os.PathLike[str] | tuple[str, str]"


@dataclass(frozen=True, slots=True)
class MacroFile:
    """A file of macros. `name` is what diagnostics call it (`stdlib/assert.bt`), `text` has one character per byte, and
    `origin` is the package or the plugin that it comes from. `path` is where a plugin's file was read."""

    name: str
    text: str
    origin: str
    path: str | None = None


class Library:
    """Files of macros by the names that they seem to define. A definition in a comment counts too, which costs a look
    into the file and nothing else."""

    def __init__(self, files: Iterable[MacroFile] = ()) -> None:
        self._files: dict[str, list[MacroFile]] = {}
        self._owners: dict[tuple[str, Kinds], MacroFile] = {}
        #: What was read besides this package's own files: a compilation depends on it.
        self.dependencies: list[Dependency] = []
        for file in files:
            self.add(file)

    def add(self, file: MacroFile) -> None:
        """Raises: PluginError: when a macro of another origin has a name and takes the same arguments."""
        if file.path is not None:
            from .target.dependency import Dependency, text_fact

            self.dependencies.append(Dependency("text", file.path, text_fact(file.text.encode("latin-1"))))
        for found in _DEFINITION.finditer(file.text):
            name, kinds = found[1], _kinds(found[2])
            other = self._owners.setdefault((name, kinds), file)
            if other.origin != file.origin:
                raise PluginError(f"macro '{name}' of {file.origin} clashes with macro '{name}' of {other.origin}")
            files = self._files.setdefault(name, [])
            if file not in files:
                files.append(file)

    def check_clashes(self, functions: Registry[Function]) -> None:
        """A macro may have the name of a function for other numbers of arguments.

        Raises: PluginError: when a macro and a function of different origins would take the same call.
        """
        for (name, kinds), file in self._owners.items():
            function = functions.get(name)
            if function is None:
                continue
            origin = functions.origin(name)
            signature = function.signature
            takes = signature.minimum <= len(kinds) <= signature.maximum if function.callable else not kinds
            if takes and not (file.origin == _PACKAGE and origin.startswith(_PACKAGE)):
                raise PluginError(f"macro '{name}' of {file.origin} clashes with '{name}' of {origin}")

    def files(self, name: str) -> Sequence[MacroFile]:
        """The files that may define macros of that name."""
        return self._files.get(name, ())

    def names(self) -> Iterable[str]:
        return self._files.keys()

    def is_mentioned(self, text: str) -> bool:
        """False when none of the macros' names is in a script's text."""
        return bool(self._files) and not self._files.keys().isdisjoint(_WORD.findall(text))


def _kinds(parameters: str) -> Kinds:
    words = [word.strip() for word in parameters.split(",")]
    return tuple(word[0] if word[0] in "$@" else "" for word in words if word)


def builtin_macro_files() -> list[MacroFile]:
    """The files of the standard library, by name."""
    directory = os.path.join(import_module(_PACKAGE).__path__[0], _DIRECTORY)
    names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))
    return [MacroFile(f"{_SHOWN}/{name}", _read(os.path.join(directory, name)), _PACKAGE) for name in names]


def plugin_macro_file(given: Given, plugin: str) -> MacroFile:
    """The file that a plugin has registered; diagnostics call it `PLUGIN/FILE.bt`.

    Raises: PluginError: when it cannot be read, or everybody can write it.
    """
    if isinstance(given, tuple):
        name, text = given
        return MacroFile(f"{plugin}/{name}", text.encode().decode("latin-1"), plugin)
    path = os.path.abspath(given)
    try:
        return MacroFile(f"{plugin}/{os.path.basename(path)}", _read(path), plugin, path)
    except OSError as error:
        raise PluginError(f"plugin '{plugin}': macros in {path}: {error.strerror}") from error


def _read(path: str) -> str:
    """Raises: OSError; PluginError: a file that everybody can write would run with the tracer's rights."""
    with open(path, encoding="latin-1", newline="") as file:
        if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
            raise PluginError(f"macros in {path}: everybody can write this file")
        return file.read()
