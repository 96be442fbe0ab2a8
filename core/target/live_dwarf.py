"""Debug information of this machine's binaries, each opened once, with what the answers depend on remembered.

Apart from live.py because few runs need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pybpftrace.core.binary.archives import ArchiveError, archive_of
from pybpftrace.core.binary.dwarf import Dwarf
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.target.dependency import Dependency, file_fact

if TYPE_CHECKING:
    from pybpftrace.core.target import Target


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
                self._opened[path] = _open(path, looked_at)
            yield self._opened[path]
        finally:
            for file in looked_at:
                self._target.remember(Dependency("file", file, file_fact(file)))


def _open(path: str, looked_at: list[str]) -> Dwarf | None:
    try:
        return Dwarf.open(path, looked_at)
    except (ArchiveError, ElfError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
