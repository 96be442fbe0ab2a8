"""The functions of one binary that probes can be put into, by name, and their code.

Takes the symbols that were stripped from it from where they are now, and reads it out of an archive where it is in one.
This file must not know of probes or processes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..frozen import dataclass
from .archives import ArchiveError, archive_of, names_member, read_member
from .debug_files import DEBUG_DIRECTORIES
from .elf import ElfFile
from .elf_format import ET_DYN, ElfError, address_to_offset, offset_to_address
from .elf_symbols import Symbol
from .symbol_tables import symbol_tables

#: A function longer than this is not disassembled.
_MAX_CODE = 1 << 24


@dataclass(frozen=True, slots=True)
class Function:
    """`address` is as linked; `size` in bytes, 0 where it is unknown; `file_offset` counts bytes of the file that the
    kernel maps, which for a member of an archive is the archive."""

    address: int
    size: int
    file_offset: int


class UserBinary:
    """The functions of an ELF file, which is closed again. `looked_at` are the debug files that were looked for.

    Raises ElfError where its tables are corrupt. Use `open`.
    """

    def __init__(
        self, elf: ElfFile, mapped_path: str, start: int, debug_directories: Sequence[str] = DEBUG_DIRECTORIES
    ) -> None:
        self.looked_at: list[str] = []
        #: The file to be named to the kernel.
        self.mapped_path = mapped_path
        #: EM_X86_64 and so on of elf_format.py.
        self.machine = elf.machine
        #: Where the ELF file begins in the one that is named to the kernel.
        self.start = start
        self.is_moved = elf.type == ET_DYN
        self._places: dict[str, tuple[int, int]] | None = None
        self._program_headers = elf.program_headers
        self._tables = symbol_tables(elf, self.looked_at, debug_directories)

    @staticmethod
    def open(path: str, debug_directories: Sequence[str] = DEBUG_DIRECTORIES) -> UserBinary | None:
        """Of an ELF file, or of the member of an archive; None when there is none. Raises OSError, ElfError."""
        try:
            elf, start = _open(path)
        except (ArchiveError, ElfError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        with elf:
            return UserBinary(elf, archive_of(path), start, debug_directories)

    def function(self, name: str) -> Function | None:
        """The first of that name; None too where nothing of it is in the file. Raises ElfError."""
        for data in self._tables if self._places is None else ():
            symbol = data.find(name)
            if symbol is not None and symbol.is_function:
                return self._placed(symbol.address, symbol.size)
        place = self._all_places().get(name)
        return None if place is None else self._placed(*place)

    def symbol(self, name: str) -> Symbol | None:
        """The first function of that name, else the first variable."""
        found = [symbol for data in self._tables if (symbol := data.find(name)) is not None]
        return min(found, key=lambda symbol: not symbol.is_function, default=None)

    def address(self, file_offset: int) -> int | None:
        """As linked, of a byte of the file that is named to the kernel; None where it is not loaded."""
        return offset_to_address(self._program_headers, file_offset - self.start)

    def names(self) -> list[str]:
        """Of all functions, sorted. Raises ElfError."""
        return sorted(self._all_places())

    def _all_places(self) -> dict[str, tuple[int, int]]:
        """(address, size) of every function by name, of several of one name the first."""
        if self._places is None:
            self._places = {}
            for data in self._tables:
                for address, size, name in data.named(data.functions()):
                    # .symtab has symbols with their versions (name@@VERSION), .dynsym has the names that people know.
                    known = name.partition("@")[0] or name if "@" in name else name
                    self._places.setdefault(known, (address, size))
        return self._places

    def _placed(self, address: int, size: int) -> Function | None:
        offset = address_to_offset(self._program_headers, address)
        return None if offset is None else Function(address, size, self.start + offset)

    def code(self, function: Function) -> bytes:
        """The instructions of a function, fewer where the file ends before. Raises OSError."""
        with open(self.mapped_path, "rb", buffering=0) as file:
            return os.pread(file.fileno(), min(function.size, _MAX_CODE), function.file_offset)


def _open(path: str) -> tuple[ElfFile, int]:
    """The file, and where it begins in the one that the kernel maps. Raises OSError, ArchiveError, ElfError."""
    if not names_member(path):
        return ElfFile(path), 0
    image, start = read_member(path)
    return ElfFile.from_bytes(image, path), start
