"""Finds the debug sections of a binary: in itself, or in a separate file that its build id or its debug link names.

Distributions strip their binaries and ship what was cut off under /usr/lib/debug (gdb's manual, "Separate Debug
Files"). It must not know what is in the sections.
"""

from __future__ import annotations

import os
import stat
import zlib

from .dwarf_forms import DwarfError, reading, text, u32, unsigned
from .elf import ElfFile
from .elf_format import CLASS_64, ElfError, ProgramHeader

DEBUG_DIRECTORY = "/usr/lib/debug"
_SHF_COMPRESSED = 0x800
_ELFCOMPRESS_ZLIB = 1
_DEFLATE_RATIO = 1032  # zlib cannot do better (zlib's technical details)
_MAX_SECTION = 1 << 30
_CHUNK = 1 << 20


class DebugSections:
    """The sections of one ELF file, read when they are asked for and decompressed."""

    def __init__(self, elf: ElfFile) -> None:
        self.name = elf.name
        self._elf = elf
        self._read: dict[str, bytes] = {}

    @property
    def program_headers(self) -> tuple[ProgramHeader, ...]:
        return self._elf.program_headers

    def __getitem__(self, name: str) -> bytes:
        """The bytes of section `name`, none where there is no such section. Raises ElfError, DwarfError, OSError."""
        if name not in self._read:
            self._read[name] = _contents(self._elf, name)
        return self._read[name]


def find_debug_sections(path: str, looked_at: list[str]) -> DebugSections | None:
    """The sections that describe the binary at `path`; None when there are none.

    Every file whose presence or content decided, `path` not among them, is added to `looked_at`. Raises OSError and
    ElfError of `path` itself.
    """
    elf = ElfFile(path)
    if elf.section(".debug_info") is not None:
        return DebugSections(elf)
    with elf:
        build_id, link = elf.build_id(), _debug_link(elf)
    real = os.path.realpath(path)
    for candidate in _build_id_paths(build_id):
        if found := _open(candidate, looked_at, build_id):
            return found
    if link is not None:
        name, checksum = link
        directory = os.path.dirname(real)
        for place in (directory, os.path.join(directory, ".debug"), DEBUG_DIRECTORY + directory):
            candidate = os.path.join(place, name)
            if candidate != real and (found := _open(candidate, looked_at, None, checksum)):
                return found
    return _open(f"{DEBUG_DIRECTORY}{real}.debug", looked_at, build_id) if build_id else None


def find_alternate(sections: DebugSections, looked_at: list[str]) -> DebugSections | None:
    """The file that dwz(1) has put into what several debug files share; None when `sections` names none."""
    link = sections[".gnu_debugaltlink"]
    if not link:
        return None
    with reading(sections.name):
        name = text(link, 0)
    build_id = link[len(name) + 1 :].hex()
    beside = os.path.join(os.path.dirname(os.path.realpath(sections.name)), os.fsdecode(name))
    for candidate in (beside, *_build_id_paths(build_id)):
        if found := _open(os.path.normpath(candidate), looked_at, build_id):
            return found
    return None


def _build_id_paths(build_id: str | None) -> list[str]:
    if not build_id or len(build_id) < 4:
        return []
    return [f"{DEBUG_DIRECTORY}/.build-id/{build_id[:2]}/{build_id[2:]}.debug"]


def _open(path: str, looked_at: list[str], build_id: str | None, checksum: int | None = None) -> DebugSections | None:
    """The debug file at `path`, if it is there and belongs to the binary: same build id, or the right checksum."""
    looked_at.append(path)
    try:
        if checksum is not None and _checksum(path) != checksum:
            return None
        elf = ElfFile(path)
        if (checksum is None and elf.build_id() != build_id) or elf.section(".debug_info") is None:
            elf.close()
            return None
    except (OSError, ElfError):
        return None  # what cannot be read is no debug file
    return DebugSections(elf)


def _debug_link(elf: ElfFile) -> tuple[str, int] | None:
    """(file name, CRC-32 of that file) out of .gnu_debuglink: a string, padding to 4 bytes, the checksum."""
    section = elf.section(".gnu_debuglink")
    if section is None:
        return None
    data = elf.section_data(section)
    with reading(elf.name):
        name = text(data, 0)
        checksum = u32(data, (len(name) + 4) & -4)
    plain = os.path.basename(os.fsdecode(name))
    return (plain, checksum) if plain else None


def _checksum(path: str) -> int:
    """Raises OSError."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return -1
    checksum = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _contents(elf: ElfFile, name: str) -> bytes:
    section = elf.section(name)
    if section is None:
        return b""
    data = elf.section_data(section)
    if not section.flags & _SHF_COMPRESSED:
        return data
    # Elf64_Chdr: type, reserved, size, alignment; Elf32_Chdr has no reserved word and words of 4 bytes.
    wide = elf.elf_class == CLASS_64
    with reading(f"{elf.name}: {name}"):
        kind, size, start = u32(data, 0), unsigned(data, 8 if wide else 4, 8 if wide else 4), 24 if wide else 12
    if kind != _ELFCOMPRESS_ZLIB:
        raise DwarfError(f"{elf.name}: {name} is compressed with method {kind}, only zlib (1) is read")
    if size > min(_MAX_SECTION, _DEFLATE_RATIO * len(data)):
        raise DwarfError(f"{elf.name}: {name} of {size} bytes in {len(data)}: corrupt")
    try:
        contents = zlib.decompressobj().decompress(data[start:], size) if size else b""
    except zlib.error as error:
        raise DwarfError(f"{elf.name}: {name} cannot be decompressed: {error}") from error
    if len(contents) != size:
        raise DwarfError(f"{elf.name}: {name} has {len(contents)} bytes instead of {size}: corrupt")
    return contents
