"""The functions of one binary that probes can be put into, by name, and their code.

Takes the symbols that were stripped from it out of its debug file, and reads it out of an archive where it is in one.
This file must not know of probes or processes.
"""

from __future__ import annotations

import os
from functools import cached_property

from ..frozen import dataclass
from .archives import archive_of, names_member, read_member
from .debug_files import debug_files
from .elf import ElfFile
from .elf_format import ElfError
from .elf_symbols import SymbolData

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
    """An ELF file, or the member of an archive (see archives.py). `looked_at` are the debug files that were looked for.

    Raises OSError, ArchiveError, ElfError.
    """

    def __init__(self, path: str) -> None:
        self.looked_at: list[str] = []
        #: The file to be named to the kernel.
        self.mapped_path = archive_of(path)
        self._start = 0
        if names_member(path):
            image, self._start = read_member(path)
            elf = ElfFile.from_bytes(image, path)
        else:
            elf = ElfFile(path)
        with elf:
            #: EM_X86_64 and so on, and CLASS_32 or CLASS_64 of elf_format.py.
            self.machine, self.elf_class = elf.machine, elf.elf_class
            self._elf = elf
            self._tables = elf.symbol_tables()
            elf.program_headers  # noqa: B018 - read while the file is open
            if not elf.has_symbol_table:
                self._tables += self._debug_tables(elf)

    def _debug_tables(self, elf: ElfFile) -> list[SymbolData]:
        for debug in debug_files(elf, self.looked_at):
            with debug:
                try:
                    tables = debug.symbol_tables()
                except ElfError:
                    continue  # what cannot be read is no debug file
                if tables:
                    return tables
        return []

    def function(self, name: str) -> Function | None:
        """The first of that name; None too where nothing of it is in the file. Raises ElfError."""
        for data in self._tables:
            symbol = data.find(name)
            if symbol is not None and symbol.is_function:
                return self._placed(symbol.address, symbol.size)
        return self.functions.get(name)

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Every function by name, of several that with the first. Raises ElfError."""
        found: dict[str, Function] = {}
        for data in self._tables:
            for address, size, versioned in data.named(data.functions()):
                # .symtab has symbols with their versions (name@@VERSION), .dynsym has the names that people know.
                name = versioned.partition("@")[0] or versioned
                if name not in found and (placed := self._placed(address, size)) is not None:
                    found[name] = placed
        return found

    def _placed(self, address: int, size: int) -> Function | None:
        offset = self._elf.address_to_offset(address)
        return None if offset is None else Function(address, size, self._start + offset)

    def code(self, function: Function) -> bytes:
        """The instructions of a function, fewer where the file ends before. Raises OSError."""
        with open(self.mapped_path, "rb", buffering=0) as file:
            return os.pread(file.fileno(), min(function.size, _MAX_CODE), function.file_offset)
