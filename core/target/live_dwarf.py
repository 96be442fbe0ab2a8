"""Debug information of this machine's binaries, each opened once, with what the answers depend on remembered.

Apart from live.py because few runs need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..binary.archives import ArchiveError, archive_of
from ..binary.debug_files import debug_directories
from ..binary.dwarf import Dwarf
from ..binary.elf_format import ElfError
from .dependency import Dependency, file_fact

if TYPE_CHECKING:
    from . import Target


class LiveDwarf:
    """Opens binaries for `target`, which is told every file that mattered, missing ones too."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._opened: dict[str, Dwarf | None] = {}
        self._looked_at: dict[str, list[str]] = {}

    @contextmanager
    def of(self, path: str) -> Iterator[Dwarf | None]:
        """The debug information of the binary at `path`; None when it has none, or is no ELF file. Raises OSError."""
        looked_at = self._looked_at.setdefault(path, [archive_of(path)])
        try:
            if path not in self._opened:
                self._opened[path] = _open(path, looked_at, debug_directories(self._target.debug_directories))
            yield self._opened[path]
        finally:
            for file in looked_at:
                self._target.remember(Dependency("file", file, file_fact(file)))


def _open(path: str, looked_at: list[str], directories: Sequence[str]) -> Dwarf | None:
    try:
        return Dwarf.open(path, looked_at, directories)
    except (ArchiveError, ElfError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
