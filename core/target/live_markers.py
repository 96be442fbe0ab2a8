"""Static markers of this machine's binaries, with what the answer depends on remembered.

Apart from live.py because few runs need it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ..binary.archives import ArchiveError, archive_of, names_member, read_member
from ..binary.debug_files import debug_directories, debug_files
from ..binary.elf import ElfFile
from ..binary.elf_format import MACHINES, ElfError
from ..binary.usdt_notes import code_offset, read_notes, with_addresses
from . import UsdtMarker
from .dependency import Dependency, file_fact

if TYPE_CHECKING:
    from ..binary.elf_symbols import SymbolData
    from ..binary.usdt_notes import Note, SymbolAddresses
    from . import Target


def usdt_markers(path: str, target: Target) -> list[UsdtMarker]:
    """See `Target.usdt_markers`; nothing when there is no ELF file at `path`. Raises OSError, ElfError."""
    mapped_path = archive_of(path)
    _remember(mapped_path, target)
    try:
        elf, start = _open(path)
    except (ArchiveError, ElfError, FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return []
    with elf:
        notes = read_notes(elf)
        addresses = _symbol_addresses(elf, target)
        found = [_marker(note, elf, mapped_path, start, addresses) for note in notes]
    unique = {(m.provider, m.name, m.offset): m for m in reversed(found) if m is not None}
    return [marker for _, marker in sorted(unique.items())]


def _open(path: str) -> tuple[ElfFile, int]:
    """The file, and where it begins in the one that the kernel maps. Raises OSError, ArchiveError, ElfError."""
    if not names_member(path):
        return ElfFile(path), 0
    image, start = read_member(path)
    return ElfFile.from_bytes(image, path), start


def _marker(note: Note, elf: ElfFile, path: str, start: int, addresses: SymbolAddresses) -> UsdtMarker | None:
    """None for one whose code is not in the file. Raises ElfError."""
    offset = code_offset(elf, note.address)
    if offset is None:
        return None
    semaphore = 0
    if note.semaphore:
        place = elf.address_to_offset(note.semaphore)
        if place is None:
            raise ElfError(f"{elf.name}: the semaphore of {note.provider}:{note.name} is not in the file")
        semaphore = start + place
    arguments = with_addresses(note, elf, addresses)
    machine = MACHINES.get(elf.machine, "unknown")
    return UsdtMarker(path, note.provider, note.name, start + offset, semaphore, arguments, machine)


def _symbol_addresses(elf: ElfFile, target: Target) -> SymbolAddresses:
    """What symbols' names stand for in the file or its debug file; the tables are read when first asked."""
    tables: list[SymbolData] = []

    def addresses(name: str) -> set[int]:
        if not tables:
            tables.extend(_symbol_tables(elf, target))
        return set().union(*(data.addresses(name) for data in tables))

    return addresses


def _symbol_tables(elf: ElfFile, target: Target) -> list[SymbolData]:
    tables = elf.symbol_tables()
    if elf.has_symbol_table:
        return tables
    looked_at: list[str] = []
    for debug in debug_files(elf, looked_at, debug_directories(target.debug_directories)):
        with debug, suppress(ElfError):  # what cannot be read is no debug file
            tables += debug.symbol_tables()
    for file in looked_at:
        _remember(file, target)
    return tables


def _remember(file: str, target: Target) -> None:
    target.remember(Dependency("file", file, file_fact(file)))
