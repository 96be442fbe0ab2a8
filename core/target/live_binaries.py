"""Functions of this machine's binaries, each file read once, with what the answers depend on remembered.

Apart from live.py because few runs need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..binary.archives import archive_of
from ..binary.debug_files import debug_directories
from ..binary.elf_format import MACHINES
from ..binary.user_binary import Function, UserBinary
from . import UserCode, UserFunction, UserSymbol
from .dependency import Dependency, file_fact

if TYPE_CHECKING:
    from . import Target


class LiveBinaries:
    """Reads binaries for `target`, which is told every file that mattered, missing ones too."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._read: dict[str, UserBinary | None] = {}

    def function(self, path: str, symbol: str) -> UserFunction | None:
        """Raises OSError, ElfError."""
        binary = self._binary(path)
        found = None if binary is None else binary.function(symbol)
        if binary is None or found is None:
            return None
        return UserFunction(binary.mapped_path, found.address, found.size, found.file_offset)

    def names(self, path: str) -> list[str]:
        """Raises OSError, ElfError."""
        binary = self._binary(path)
        return [] if binary is None else binary.names()

    def symbol(self, path: str, name: str) -> UserSymbol | None:
        """Raises OSError, ElfError."""
        binary = self._binary(path)
        found = None if binary is None else binary.symbol(name)
        if binary is None or found is None:
            return None
        return UserSymbol(found.address, found.size, binary.is_moved, binary.address(binary.start) or 0)

    def address(self, path: str, file_offset: int) -> int | None:
        """Raises OSError, ElfError."""
        binary = self._binary(path)
        return None if binary is None else binary.address(file_offset)

    def code(self, function: UserFunction) -> UserCode | None:
        """Of a function of a binary that was read before. Raises OSError."""
        for binary in self._read.values():
            if binary is not None and binary.mapped_path == function.path:
                code = binary.code(Function(function.address, function.size, function.file_offset))
                return UserCode(MACHINES.get(binary.machine, "unknown"), code)
        return None

    def _binary(self, path: str) -> UserBinary | None:
        """None when there is no ELF file at `path`. Raises OSError, ElfError."""
        if path not in self._read:
            self._remember(archive_of(path))
            self._read[path] = binary = UserBinary.open(path, debug_directories(self._target.debug_directories))
            for file in binary.looked_at if binary is not None else ():
                self._remember(file)
        return self._read[path]

    def _remember(self, file: str) -> None:
        self._target.remember(Dependency("file", file, file_fact(file)))
