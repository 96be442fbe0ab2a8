"""Reads ELF files of either class, little-endian: headers, notes, symbols and the places of addresses.

Traced binaries belong to anybody, so every offset and count is checked against the file before it is used, and what is
wrong becomes an ElfError. This file must not know of processes, probes or where binaries are looked for.
"""

from __future__ import annotations

import os
import stat
import struct
from functools import cached_property
from operator import itemgetter
from types import TracebackType

from .elf_format import (
    CLASS_32,
    CLASS_64,
    ELF_MAGIC,
    LAYOUTS,
    LITTLE_ENDIAN,
    NOTE_HEADER,
    NT_GNU_BUILD_ID,
    PN_XNUM,
    PT_LOAD,
    PT_NOTE,
    SHN_XINDEX,
    SHT_DYNSYM,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_SYMTAB,
    ElfError,
    ProgramHeader,
    Section,
    address_to_offset,
    offset_to_address,
)
from .elf_symbols import Symbol, SymbolData, names_at

_IDENT_SIZE = 16
#: Far above what compilers make; a sparse file can be as large as its counts claim and would cost as much memory.
_MAX_SECTIONS = 1 << 20
_MAX_PROGRAM_HEADERS = 1 << 16
_MAX_TABLE = 1 << 30
_MAX_NOTES = 1 << 20


class ElfFile:
    """An ELF file, open until `close()` or the end of its `with` block.

    Opening reads the file header only; everything else is read and checked when asked for. Raises OSError where the
    file cannot be opened, ElfError where it is no ELF file of a kind known here or is corrupt.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        # Opening a device can have effects (a watchdog starts), so that is found out before; what comes into its place
        # in between, a FIFO say, must not stop the tracer, hence O_NONBLOCK.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ElfError(f"{path}: not a regular file")
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._image: bytes | None = None
        try:
            #: What `fstat` said of the file that was opened, which `path` may since have ceased to name.
            self.status: os.stat_result | None = os.fstat(self._descriptor)
            if not stat.S_ISREG(self.status.st_mode):
                raise ElfError(f"{path}: not a regular file")
            self._size = self.status.st_size
            self._read_header()
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> ElfFile:
        """An ELF image that is in memory, as the vDSO is; `name` is for messages. It has no `status`."""
        elf = cls.__new__(cls)
        elf.name = name
        elf._descriptor = -1
        elf._image = data
        elf._size = len(data)
        elf.status = None
        elf._read_header()
        return elf

    def __enter__(self) -> ElfFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the file back; what was read before stays valid. May be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _bytes(self, offset: int, size: int, what: str) -> bytes:
        """Exactly `size` bytes at `offset`: every access to the file is this one.

        The file is read, not mapped: touching a mapping of a file that its owner truncates meanwhile is a SIGBUS.
        """
        if offset + size <= self._size:
            if self._image is not None:
                return self._image[offset : offset + size]
            data = os.pread(self._descriptor, size, offset)
            if len(data) == size:
                return data
        raise ElfError(f"{self.name}: {what}: {size} bytes at {offset} of {self._size}: truncated or corrupt")

    def _read_header(self) -> None:
        ident = self._bytes(0, _IDENT_SIZE, "identification") if self._size >= _IDENT_SIZE else b""
        if not ident.startswith(ELF_MAGIC):
            raise ElfError(f"{self.name}: not an ELF file")
        self.elf_class = ident[4]
        if self.elf_class not in LAYOUTS:
            raise ElfError(f"{self.name}: ELF class {self.elf_class} is neither {CLASS_32} (32 bit) nor {CLASS_64}")
        if ident[5] != LITTLE_ENDIAN:
            raise ElfError(f"{self.name}: not little-endian")
        self._layout = LAYOUTS[self.elf_class]
        packed = self._bytes(_IDENT_SIZE, self._layout.file_header.size, "ELF header")
        header = self._layout.file_header.unpack(packed)
        #: ET_EXEC, ET_DYN, ... and EM_X86_64, ... of elf(5).
        self.type: int = header[0]
        self.machine: int = header[1]
        self._program_headers_at, self._sections_at = header[4], header[5]
        self._program_header_size, self._program_header_count = header[8], header[9]
        self._section_size, self._section_count, self._section_names = header[10], header[11], header[12]

    def _records(self, record: struct.Struct, at: int, size: int, count: int, what: str) -> list[tuple[int, ...]]:
        if size != record.size:
            raise ElfError(f"{self.name}: {what} are {size} bytes each instead of {record.size}")
        return list(record.iter_unpack(self._bytes(at, count * size, what)))

    @cached_property
    def _first_section(self) -> tuple[int, ...] | None:
        """Section 0, which holds the numbers that do not fit the file header (extended numbering of the gABI)."""
        if not self._sections_at:
            return None
        return self._records(self._layout.section, self._sections_at, self._section_size, 1, "section headers")[0]

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """All sections in the file's order, the null section first; empty where the file has none."""
        first = self._first_section
        if first is None:
            return ()
        count = self._section_count or first[5]
        names_index = first[6] if self._section_names == SHN_XINDEX else self._section_names
        if not 0 < count <= _MAX_SECTIONS:
            raise ElfError(f"{self.name}: {count} sections: corrupt")
        rows = self._records(self._layout.section, self._sections_at, self._section_size, count, "section headers")
        if names_index >= count:
            raise ElfError(f"{self.name}: section names are in section {names_index} of {count}")
        if not names_index:
            return tuple(Section("", *row[1:]) for row in rows)
        _, kind, _, _, offset, size, *_ = rows[names_index]
        strings = self._section_bytes(kind, offset, size, "section names")
        names = names_at(strings, (row[0] for row in rows), self.name)
        return tuple(Section(names[row[0]], *row[1:]) for row in rows)

    @cached_property
    def program_headers(self) -> tuple[ProgramHeader, ...]:
        """All segments in the file's order."""
        count = self._program_header_count
        if count == PN_XNUM and self._first_section is not None:
            count = self._first_section[7]
        if not self._program_headers_at or not count:
            return ()
        if count > _MAX_PROGRAM_HEADERS:
            raise ElfError(f"{self.name}: {count} program headers: corrupt")
        rows = self._records(
            self._layout.program_header,
            self._program_headers_at,
            self._program_header_size,
            count,
            "program headers",
        )
        pick = itemgetter(*self._layout.program_header_order)
        return tuple(ProgramHeader(*pick(row)) for row in rows)

    def section(self, name: str) -> Section | None:
        """The first section of that name."""
        return next((section for section in self.sections if section.name == name), None)

    def section_data(self, section: Section) -> bytes:
        """The section's bytes; none for NOBITS. Raises ElfError where they are not in the file or beyond 1 GiB."""
        return self._section_bytes(section.type, section.offset, section.size, f"section {section.name}")

    def _section_bytes(self, kind: int, offset: int, size: int, what: str) -> bytes:
        if kind == SHT_NOBITS:
            return b""
        if size > _MAX_TABLE:
            raise ElfError(f"{self.name}: {what} of {size} bytes: corrupt")
        return self._bytes(offset, size, what)

    def build_id(self) -> str | None:
        """The linker's build id in lower-case hex (of 20 bytes mostly); None where the file has none."""
        spans = [(s.offset, s.size, s.alignment) for s in self.sections if s.type == SHT_NOTE]
        # Segments serve files whose section headers were removed.
        spans += [(h.offset, h.file_size, h.alignment) for h in self.program_headers if h.type == PT_NOTE]
        for offset, size, alignment in spans:
            if size > _MAX_NOTES:
                raise ElfError(f"{self.name}: notes of {size} bytes: corrupt")
            notes = self._bytes(offset, size, "notes")
            found = self._build_id_in(notes, 8 if alignment == 8 else 4)
            if found is not None:
                return found
        return None

    def _build_id_in(self, notes: bytes, alignment: int) -> str | None:
        at = 0
        while at + NOTE_HEADER.size <= len(notes):
            name_size, size, kind = NOTE_HEADER.unpack_from(notes, at)
            name_at = at + NOTE_HEADER.size
            start = _round_up(name_at + name_size, alignment)
            if start + size > len(notes):
                raise ElfError(f"{self.name}: a note of {size} bytes in {len(notes)} bytes of notes: corrupt")
            if kind == NT_GNU_BUILD_ID and notes[name_at : name_at + name_size] == b"GNU\0":
                return notes[start : start + size].hex()
            at = _round_up(start + size, alignment)
        return None

    def address_to_offset(self, address: int) -> int | None:
        """The place in the file of what is seen at a link-time address; None for zero-filled and unmapped ones."""
        return address_to_offset(self.program_headers, address)

    def offset_to_address(self, offset: int) -> int | None:
        """The link-time address of a place in the file; None where it is not loaded."""
        return offset_to_address(self.program_headers, offset)

    def loaded_bytes(self, address: int, limit: int) -> bytes:
        """What is on file from a link-time address to the end of its segment, at most `limit` bytes."""
        for header in self.program_headers:
            if header.type == PT_LOAD and 0 <= (start := address - header.address) < header.file_size:
                return self._bytes(header.offset + start, min(header.file_size - start, limit), f"address {address:#x}")
        return b""

    def symbol_data(self, kind: int) -> SymbolData | None:
        """The first table of `kind` (SHT_SYMTAB or SHT_DYNSYM); None without one or when its bytes are elsewhere."""
        for section in self.sections:
            if section.type != kind:
                continue
            if section.link >= len(self.sections):
                raise ElfError(f"{self.name}: {section.name}: no section {section.link} for its strings")
            entry = self._layout.symbol.size
            if section.entry_size != entry or section.size % entry:
                raise ElfError(f"{self.name}: {section.name}: {section.size} bytes of symbols of {entry} bytes")
            symbols = self.section_data(section)
            strings = self.section_data(self.sections[section.link])
            ends = tuple(section.address + section.size for section in self.sections)
            return SymbolData(self.elf_class, symbols, strings, ends, self.name)
        return None

    def symbol_tables(self) -> list[SymbolData]:
        """.symtab, where the file is not stripped, and .dynsym, where it is linked dynamically."""
        return [data for data in map(self.symbol_data, (SHT_SYMTAB, SHT_DYNSYM)) if data is not None]

    @property
    def has_symbol_table(self) -> bool:
        """False once stripped: only the dynamic symbols, if any, are left."""
        return any(section.type == SHT_SYMTAB for section in self.sections)

    def function_symbols(self) -> list[tuple[int, int, str]]:
        """Defined functions (FUNC and GNU_IFUNC) as (link-time address, size in bytes, name), by address.

        Those of .symtab come first among equal addresses; .dynsym adds what is not among them.
        """
        found: dict[tuple[int, int, str], None] = {}
        for data in self.symbol_tables():
            found.update(dict.fromkeys(data.named(data.functions())))
        return sorted(found, key=itemgetter(0))

    def symbol(self, name: str) -> Symbol | None:
        """The first function of that name, else the first object; .symtab before .dynsym."""
        found = [symbol for data in self.symbol_tables() if (symbol := data.find(name)) is not None]
        return min(found, key=lambda symbol: not symbol.is_function, default=None)


def _round_up(number: int, alignment: int) -> int:
    return (number + alignment - 1) & -alignment
