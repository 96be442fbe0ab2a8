"""Makes the unwind table of a binary from its .eh_frame: which rule finds the caller at each address.

Stacks of programs without frame pointers are unwound with it. Binaries belong to anybody, so reading takes time and
memory in proportion to the section's size, whatever is in it. This file must not know how a table is used or kept.
Sources: Linux Standard Base 5.0, 10.6; `eh_frame_cfa.py` names those of the instructions.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

from ..frozen import dataclass
from .eh_frame_cfa import follow
from .eh_frame_pointers import (
    ABSOLUTE_POINTER,
    OMITTED,
    EhFrameError,
    encoded,
    pointer,
    skip_pointer,
    sleb128,
    uleb128,
)
from .eh_frame_states import RETURN_ADDRESS, START, State
from .elf import ElfFile
from .elf_format import CLASS_64, EM_X86_64, PT_GNU_EH_FRAME, SHT_NOBITS, ElfError

_U64 = 0xFFFF_FFFF_FFFF_FFFF
_MAX_SECTION = 32 << 20
#: Linkers join equal ones: the biggest libraries have hundreds.
_MAX_CIES = 1 << 16
_SHF_COMPRESSED = 0x800
#: Of .eh_frame_hdr: version, encodings of the pointer to .eh_frame, of the count of functions and of their table.
_HDR = struct.Struct("<BBBB")
_HDR_BYTES = 64  # the fixed part and two pointers, with room
_EXTENDED = 0xFFFF_FFFF
#: What compilers and hand-written assembly align functions to when nothing else is asked for.
_FUNCTION_ALIGNMENT = 16
#: What damage makes of reading one entry.
_DAMAGED = (EhFrameError, IndexError, struct.error)

_u32 = struct.Struct("<I").unpack_from
_u64 = struct.Struct("<Q").unpack_from


@dataclass(frozen=True, slots=True)
class FrameSection:
    """The bytes of .eh_frame, the address they are loaded at, and what data-relative pointers in them count from.

    Where the size is not known, `functions` is how many there are at most, and other bytes may follow the last one.
    """

    data: bytes
    address: int
    data_base: int | None = None
    functions: int | None = None


@dataclass(frozen=True, slots=True)
class _Cie:
    """What the functions that name this entry (common information entry) share."""

    factors: tuple[int, int]
    encoding: int
    has_augmentation: bool
    initial: State
    location_at: Callable[[int], tuple[int, int]]


def unwind_table(elf: ElfFile) -> bytes:
    """The rows (`unwind_rows.ROW`) of a binary in ascending order of address; empty without .eh_frame.

    Equal neighbours are joined, and a function that is not understood is UNKNOWN. Raises ElfError where the binary or
    the section's entries are corrupt, for other machines than x86-64 and sections above 32 MiB; OSError.
    """
    section = frame_section(elf)
    return b"" if section is None else section_table(section, elf.name)


def frame_section(elf: ElfFile) -> FrameSection | None:
    """The .eh_frame of a binary, found by its name, or without section headers by .eh_frame_hdr; None without one.

    Raises ElfError, OSError.
    """
    if elf.machine != EM_X86_64 or elf.elf_class != CLASS_64:
        raise ElfError(f"{elf.name}: not an x86-64 binary")
    if not elf.sections:
        return _section_by_header(elf)
    section = elf.section(".eh_frame")
    if section is None or section.type == SHT_NOBITS:  # the latter in separate debug files
        return None
    if section.flags & _SHF_COMPRESSED:
        raise ElfError(f"{elf.name}: .eh_frame is compressed, which a section that is loaded cannot be")
    if section.size > _MAX_SECTION:
        raise ElfError(f"{elf.name}: .eh_frame of {section.size} bytes: more than is read")
    # DT_PLTGOT, which is the base, is the address of one of these.
    tables = [table.address for name in (".got.plt", ".got") if (table := elf.section(name)) is not None]
    return FrameSection(elf.section_data(section), section.address, tables[0] if tables else None)


def _section_by_header(elf: ElfFile) -> FrameSection | None:
    header = next((header for header in elf.program_headers if header.type == PT_GNU_EH_FRAME), None)
    if header is None:
        return None
    data = elf.loaded_bytes(header.address, _HDR_BYTES)
    try:
        version, encoding, count_encoding, _ = _HDR.unpack_from(data)
        if version != 1:
            raise EhFrameError(f"version {version}")
        address, at = pointer(data, _HDR.size, encoding, header.address, header.address)
        count = _U64 if count_encoding == OMITTED else pointer(data, at, count_encoding, header.address, None)[0]
    except _DAMAGED as error:
        raise ElfError(f"{elf.name}: .eh_frame_hdr: {error}") from error
    data = elf.loaded_bytes(address, _MAX_SECTION)
    if not data:
        raise ElfError(f"{elf.name}: .eh_frame at {address:#x}, where nothing is loaded: corrupt")
    return FrameSection(data, address, functions=count)


def section_table(section: FrameSection, name: str) -> bytes:
    """The rows of a section; `name` is the binary's, for messages. Raises ElfError."""
    data = section.data
    cies: dict[int, _Cie] = {}
    functions = list(_functions(section, cies, name))
    functions.sort()  # linkers keep the order of their input files
    functions.append(_U64 << 32)
    rows = array("Q")
    behind = functions[0] >> 32
    for index, function in enumerate(functions[:-1]):
        start = function >> 32
        # What lies between two functions is unknown, unless there is no room for another one: then it is padding.
        if start > behind and (start - 1) // _FUNCTION_ALIGNMENT > (behind - 1) // _FUNCTION_ALIGNMENT:
            _give_up_at(rows, behind)
        _, at, end, _ = _entry(data, function & 0xFFFFFFFF)
        cie = cies[at - _u32(data, at)[0]]
        _, size, at = _span(data, at + 4, cie)
        # Where functions overlap the later one holds.
        behind = min(start + size, functions[index + 1] >> 32)
        if behind == start:
            continue
        kept = len(rows)
        try:
            if cie.has_augmentation:
                size, at = uleb128(data, at)
                at += size
            follow(data, at, end, cie.factors, cie.initial, (start, behind), rows, cie.location_at)
        except _DAMAGED:
            del rows[kept:]
            _give_up_at(rows, start)
    if rows:
        _give_up_at(rows, behind)
    return rows.tobytes()


def _give_up_at(rows: array[int], address: int) -> None:
    if not rows or rows[-1]:
        rows.append(address)
        rows.append(0)


def _functions(section: FrameSection, cies: dict[int, _Cie], name: str) -> Iterator[int]:
    """Of each FDE that can be read: its function's address in the upper bits, its own place in the lower 32.

    `cies` gets every CIE that is understood by its place. Raises ElfError.
    """
    data = section.data
    at, size = 0, len(data)
    left = _U64 if section.functions is None else section.functions
    while at + 4 <= size and left:
        is_cie, body, end, is_whole = _entry(data, at)
        if not is_whole:
            if section.functions is not None:
                return  # the section ended before, and something else follows it
            raise ElfError(f"{name}: .eh_frame: the entry at {at} does not end within {size} bytes: corrupt")
        if end == body:
            if section.functions is not None:
                return
        elif is_cie:
            if len(cies) == _MAX_CIES:
                raise ElfError(f"{name}: .eh_frame: more than {_MAX_CIES} CIEs: corrupt")
            with suppress(*_DAMAGED):  # what names it then is UNKNOWN
                cies[at] = _cie(section, body + 4, end)
        else:
            left -= 1
            cie = cies.get(body - _u32(data, body)[0])
            if cie is not None:
                try:
                    start, length, _ = _span(data, body + 4, cie)
                except _DAMAGED:
                    length = 0
                if length > 0:
                    yield start << 32 | at
        at = end


def _entry(data: bytes, at: int) -> tuple[bool, int, int, bool]:
    """Of the entry at `at`: whether it is a CIE, where its body begins and ends, and whether that is in `data`.

    The body begins with a CIE's id or the distance to an FDE's CIE, 4 bytes either; an entry without body is a
    terminator, which may be between others where the linker was given files with one.
    """
    size = len(data)
    length, body = _u32(data, at)[0], at + 4
    if length == _EXTENDED and body + 8 <= size:
        length, body = _u64(data, body)[0], body + 8
    end = body + length
    if not length or end > size or length < 4:
        return False, body, end, end <= size and not length
    return not _u32(data, body)[0], body, end, True


def _span(data: bytes, at: int, cie: _Cie) -> tuple[int, int, int]:
    """A function's address and size, and where they end in `data`. Raises EhFrameError."""
    start, at = cie.location_at(at)
    size, at = encoded(data, at, cie.encoding & 0x0F)
    return start, size, at


def _cie(section: FrameSection, at: int, end: int) -> _Cie:
    """The CIE whose version is at `at`. Raises what damage does."""
    data, address = section.data[at:end], section.address + at
    version = data[0]
    augmentation, terminator, _ = data[1:].partition(b"\0")
    code_factor, at = uleb128(data, 1 + len(augmentation) + len(terminator))
    data_factor, at = sleb128(data, at)
    returned, at = (data[at], at + 1) if version == 1 else uleb128(data, at)
    if version not in (1, 3) or returned != RETURN_ADDRESS:
        raise EhFrameError(f"CIE version {version}, return address in register {returned}")
    encoding = ABSOLUTE_POINTER
    if augmentation.startswith(b"z"):
        size, at = uleb128(data, at)
        encoding = _pointer_encoding(data, at, augmentation[1:], address)
        at += size
    elif augmentation:
        raise EhFrameError(f"augmentation {augmentation!r}")
    # The instructions of a CIE are all for the first address, whatever that is.
    factors, locations = (code_factor, data_factor), partial(pointer, data, form=OMITTED, address=0, data_base=None)
    initial = follow(data, at, len(data), factors, START, (0, 1), array("Q"), locations)
    location_at = partial(pointer, section.data, form=encoding, address=section.address, data_base=section.data_base)
    return _Cie(factors, encoding, augmentation.startswith(b"z"), initial, location_at)


def _pointer_encoding(data: bytes, at: int, letters: bytes, address: int) -> int:
    """How pointers to code are written, of the augmentation data at `at`, which `letters` describe."""
    encoding = ABSOLUTE_POINTER
    for letter in letters:
        match chr(letter):
            case "R":
                encoding, at = data[at], at + 1
            case "L":  # how the pointer to the language's data is written
                at += 1
            case "P":  # the personality function
                at = skip_pointer(data, at + 1, data[at], address)
            case "S":  # a signal frame
                pass
            case _:
                raise EhFrameError(f"augmentation {letters!r}")
    return encoding
