"""All symbols of a binary: its own tables, and what was stripped from it, wherever that is.

Distributions strip their binaries and put the symbols into a debug file, and Fedora's also leave those of functions,
compressed, in the section .gnu_debugdata (gdb's manual, "MiniDebugInfo"). This file must not know what symbols are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from .debug_files import DEBUG_DIRECTORIES, debug_files
from .elf import ElfFile
from .elf_format import ElfError
from .elf_symbols import SymbolData

_MINIDEBUGINFO = ".gnu_debugdata"
#: Of what a binary may make of its compressed symbols, and of the memory for it: xz -9 takes 64 MiB.
_MAX_SIZE, _MAX_MEMORY = 1 << 28, 1 << 27


def symbol_tables(
    elf: ElfFile,
    looked_at: list[str],
    directories: Sequence[str] = DEBUG_DIRECTORIES,
    *,
    root: str = "",
    place: str | None = None,
) -> list[SymbolData]:
    """The binary's own tables, and for one that was stripped those of its debug file too; see `debug_files`.

    Raises ElfError where its own are corrupt.
    """
    tables = elf.symbol_tables()
    if elf.has_symbol_table:
        return tables
    for debug in debug_files(elf, looked_at, directories, root=root, place=place):
        with debug:
            try:
                found = debug.symbol_tables()
            except ElfError:
                continue  # what cannot be read is no debug file
            if found:
                return tables + found
    return tables + _minidebuginfo(elf)


def _minidebuginfo(elf: ElfFile) -> list[SymbolData]:
    section = elf.section(_MINIDEBUGINFO)
    if section is None:
        return []
    from lzma import LZMADecompressor, LZMAError

    try:
        image = LZMADecompressor(memlimit=_MAX_MEMORY).decompress(elf.section_data(section), _MAX_SIZE)
        return ElfFile.from_bytes(image, f"{elf.name}: {_MINIDEBUGINFO}").symbol_tables()
    except (LZMAError, ElfError):
        return []  # without it the binary is one that was stripped
