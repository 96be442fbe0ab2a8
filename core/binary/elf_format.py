"""The records of an ELF file as they lie on disk, and the addresses that its program headers give.

One table per class (32 and 64 bit) says how each record is packed. This file must not know where the bytes come from,
nor what a symbol is used for. Facts: elf(5) and the System V gABI.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ..frozen import dataclass


class ElfError(ValueError):
    """A file is no ELF file that can be read; the message names the file and what is wrong."""


ELF_MAGIC = b"\x7fELF"
CLASS_32, CLASS_64 = 1, 2
LITTLE_ENDIAN = 1

ET_EXEC, ET_DYN = 2, 3
EM_386, EM_X86_64, EM_AARCH64 = 3, 62, 183
#: The machines whose instructions and registers are known, by the names of uname(2).
MACHINES = {EM_386: "i386", EM_X86_64: "x86_64", EM_AARCH64: "aarch64"}

PT_LOAD, PT_NOTE, PT_GNU_EH_FRAME = 1, 4, 0x6474E550
PF_X = 1

SHT_SYMTAB, SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 2, 7, 8, 11
SHN_UNDEF, SHN_XINDEX = 0, 0xFFFF
PN_XNUM = 0xFFFF

NT_GNU_BUILD_ID = 3

STT_OBJECT, STT_SECTION, STT_FILE, STT_FUNC, STT_TLS, STT_GNU_IFUNC = 1, 3, 4, 2, 6, 10


@dataclass(frozen=True, slots=True)
class Layout:
    """How one class packs its records: little-endian `struct`s, and the order of the fields where classes differ."""

    file_header: struct.Struct  # type machine version entry phoff shoff flags ehsize phentsize phnum shentsize shnum ..
    section: struct.Struct  # name type flags address offset size link info alignment entry_size
    program_header: struct.Struct
    #: Where type, flags, offset, address, file size, memory size and alignment stand in a program header.
    program_header_order: tuple[int, int, int, int, int, int, int]
    symbol: struct.Struct


LAYOUTS = {
    CLASS_64: Layout(
        struct.Struct("<HHIQQQIHHHHHH"),
        struct.Struct("<IIQQQQIIQQ"),
        struct.Struct("<IIQQQQQQ"),
        (0, 1, 2, 3, 5, 6, 7),
        struct.Struct("<IBBHQQ"),
    ),
    CLASS_32: Layout(
        struct.Struct("<HHIIIIIHHHHHH"),
        struct.Struct("<IIIIIIIIII"),
        struct.Struct("<IIIIIIII"),
        (0, 6, 1, 2, 4, 5, 7),
        struct.Struct("<IIIBBH"),
    ),
}

NOTE_HEADER = struct.Struct("<III")  # name size, descriptor size, type


@dataclass(frozen=True, slots=True)
class Section:
    """`address` is 0 where the section is not loaded; `size` bytes at `offset`, none of them in the file for NOBITS."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class ProgramHeader:
    """A segment: `file_size` bytes at `offset` in the file appear at `address`, then zeros up to `memory_size`."""

    type: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    alignment: int


def address_to_offset(headers: Sequence[ProgramHeader], address: int) -> int | None:
    """The place in the file of the byte seen at link-time `address`; None where no loaded segment has it on file."""
    for header in headers:
        if header.type == PT_LOAD and 0 <= address - header.address < header.file_size:
            return address - header.address + header.offset
    return None


def offset_to_address(headers: Sequence[ProgramHeader], offset: int) -> int | None:
    """The link-time address of the byte at `offset`, which is the executable one where segments share bytes."""
    found = None
    for header in headers:
        if header.type == PT_LOAD and 0 <= offset - header.offset < header.file_size:
            address = offset - header.offset + header.address
            if header.flags & PF_X:
                return address
            if found is None:
                found = address
    return found
