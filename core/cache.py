"""The compile cache: compiled programs of earlier runs, so that a run like an earlier one starts without the compiler.

An entry is a file of `core.artifact_file` whose name is a hash over all that the compilation was given; what it read
from the machine besides stands in the entry as dependencies, and all of them must still hold. A cache is a
convenience: whatever is wrong with the directory or an entry, the program is compiled again. It must not know how.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .artifact_file import ArtifactError, from_bytes, to_bytes
from .digest import digest
from .target.cache_directory import cache_room, evict, read_private_file, write_private_file
from .target.dependency import still_holds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .artifacts import CompiledProgram
    from .target.dependency import Dependency

_PROGRAMS = "programs"
ENTRY_LIMIT = 512
BYTE_LIMIT = 64 << 20
#: Packages whose version changes what the compiler makes of a script.
_COMPILER_PACKAGES = ("llvmlite", "lark", "clang")


def cache_key(facts: Mapping[str, object]) -> str:
    """The name of the entry for a compilation that was given `facts` (plain data): 32 hexadecimal digits."""
    return digest(json.dumps(facts, sort_keys=True).encode())


def code_fingerprint() -> list[object]:
    """Plain data that changes when pybpftrace itself, or a package that it compiles with, is installed anew or edited.

    Sizes and times of our own source files, and of one file of each such package. Both the version number and the
    metadata would cost more to read (importlib.metadata takes 30 ms to import), and neither sees an edited file.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    own = source_stamps(*(os.path.join(root, room) for room in ("core", "passes", "plugins", "api", "cli")))
    return [own, *map(_package_stamp, _COMPILER_PACKAGES), sys.version]


def source_stamps(*directories: str) -> str:
    """A digest that changes when one of our own source files in the directories, or below them, does."""
    stamps = [
        f"{name} {status.st_size} {status.st_mtime_ns}"
        for directory in directories
        for name, status in _source_files(directory)
    ]
    return digest("\n".join(stamps).encode())


def _source_files(directory: str) -> list[tuple[str, os.stat_result]]:
    found: list[tuple[str, os.stat_result]] = []
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.endswith((".py", ".lark", ".bt")):
                found.append((entry.path, entry.stat()))
            elif entry.is_dir() and entry.name != "__pycache__":
                found.extend(_source_files(entry.path))
    return found


def _package_stamp(name: str) -> list[object] | None:
    for directory in sys.path:
        try:
            status = os.stat(os.path.join(directory, name, "__init__.py"))
        except OSError:
            continue  # not in this directory
        return [directory, status.st_size, status.st_mtime_ns]
    return None


class CompileCache:
    """The entries in one private directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    @classmethod
    def open(cls) -> CompileCache | None:
        """The user's cache, made with mode 0700 if need be; None where there can be none or others could write it."""
        directory = cache_room(_PROGRAMS)
        return None if directory is None else cls(directory)

    def _path(self, key: str) -> str:
        return os.path.join(self._directory, key)

    def get(self, key: str) -> CompiledProgram | None:
        """The program under `key`; None when there is none, it is damaged, or the machine has changed."""
        path = self._path(key)
        data = read_private_file(path)
        if data is None:
            return None
        try:
            program, dependencies = from_bytes(data, path)
        except ArtifactError:
            return None  # the caller compiles again, and `put` writes over it
        if not all(still_holds(dependency) for dependency in dependencies):
            return None
        with suppress(OSError):
            os.utime(path)  # what was used last is evicted last
        return program

    def put(self, key: str, program: CompiledProgram, dependencies: Sequence[Dependency]) -> None:
        """Keeps a program. Nothing happens when it cannot be written or holds settings that are no plain data."""
        try:
            write_private_file(self._path(key), to_bytes(program, tuple(dependencies)), flush=False)
            evict(self._directory, ENTRY_LIMIT, BYTE_LIMIT)
        except (OSError, ValueError):
            return
