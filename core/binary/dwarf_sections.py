"""The debug sections of a binary: its own, or those of a separate debug file.

Sections are read when they are asked for and decompressed. It must not know what is in them.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

from .archives import names_member, read_member
from .debug_files import DEBUG_DIRECTORIES, build_id_paths, debug_files, open_debug_file
from .dwarf_forms import DwarfError, reading, text, u32, unsigned
from .elf import ElfFile
from .elf_format import CLASS_64, ElfError, ProgramHeader

_SHF_COMPRESSED = 0x800
_ELFCOMPRESS_ZLIB = 1
_DEFLATE_RATIO = 1032  # zlib cannot do better (zlib's technical details)
_MAX_SECTION = 1 << 30


class DebugSections:
    """The sections of one ELF file, read when they are asked for and decompressed."""

    def __init__(self, elf: ElfFile, debug_directories: Sequence[str] = DEBUG_DIRECTORIES) -> None:
        self.name = elf.name
        self.debug_directories = debug_directories
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


def find_debug_sections(
    path: str,
    looked_at: list[str],
    directories: Sequence[str] = DEBUG_DIRECTORIES,
    *,
    root: str = "",
    place: str | None = None,
) -> DebugSections | None:
    """The sections that describe the binary at `path`; None when there are none.

    `directories`, `root` and `place` are those of `debug_files`. Every file whose presence or content decided, `path`
    not among them, is added to `looked_at`. Raises OSError and ElfError of `path` itself, ArchiveError where it means a
    file in an archive that is not there.
    """
    elf = ElfFile.from_bytes(read_member(path)[0], path) if names_member(path) else ElfFile(path)
    if elf.section(".debug_info") is not None:
        return DebugSections(elf, directories)
    with elf:
        found = debug_files(elf, looked_at, directories, root=root, place=place)
        opened = (_with_debug_info(file, directories) for file in found)
        return next((sections for sections in opened if sections is not None), None)


def _with_debug_info(elf: ElfFile, directories: Sequence[str]) -> DebugSections | None:
    try:
        if elf.section(".debug_info") is not None:
            return DebugSections(elf, directories)
    except ElfError:
        pass  # what cannot be read is no debug file
    elf.close()
    return None


def find_alternate(sections: DebugSections, looked_at: list[str]) -> DebugSections | None:
    """The file that dwz(1) has put into what several debug files share; None when `sections` names none."""
    link = sections[".gnu_debugaltlink"]
    if not link:
        return None
    with reading(sections.name):
        name = text(link, 0)
    build_id = link[len(name) + 1 :].hex()
    beside = os.path.join(os.path.dirname(os.path.realpath(sections.name)), os.fsdecode(name))
    for candidate in (beside, *build_id_paths(build_id, sections.debug_directories)):
        for file in open_debug_file(os.path.normpath(candidate), looked_at, build_id):
            if (found := _with_debug_info(file, sections.debug_directories)) is not None:
                return found
    return None


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
