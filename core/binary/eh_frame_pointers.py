"""The numbers of .eh_frame: LEB128, and the pointers whose encoding the section itself says.

What is wrong becomes an EhFrameError, which the readers of single functions catch. This file must not know what the
numbers mean. Sources: DWARF 5, 7.6; Linux Standard Base 5.0, 10.5.
"""

from __future__ import annotations

import struct

from .elf_format import ElfError


class EhFrameError(ElfError):
    """Something in .eh_frame cannot be read."""


_U64 = 0xFFFF_FFFF_FFFF_FFFF
#: 64 bits take ten bytes; more would make numbers that cost time.
_MAX_LEB128 = 10

# DW_EH_PE_*: the low four bits say the form, the next three what the number is relative to, the last one that the
# pointer is where the number says.
OMITTED = 0xFF
ABSOLUTE_POINTER = 0x00
PC_RELATIVE_S4 = 0x1B
_ULEB128, _SLEB128 = 0x01, 0x09
_RELATIVE, _INDIRECT = 0x70, 0x80
_ABSOLUTE, _PC_RELATIVE, _DATA_RELATIVE, _ALIGNED = 0x00, 0x10, 0x30, 0x50
_FIXED = {
    0x00: struct.Struct("<Q"),
    0x02: struct.Struct("<H"),
    0x03: struct.Struct("<I"),
    0x04: struct.Struct("<Q"),
    0x0A: struct.Struct("<h"),
    0x0B: struct.Struct("<i"),
    0x0C: struct.Struct("<q"),
}


def uleb128(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned number at `at`, and where it ends. Raises EhFrameError."""
    value = shift = 0
    for byte in data[at : at + _MAX_LEB128]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise EhFrameError(f"a number without an end at {at}")


def sleb128(data: bytes, at: int) -> tuple[int, int]:
    """The signed number at `at`, and where it ends. Raises EhFrameError."""
    value, end = uleb128(data, at)
    sign = 1 << 7 * (end - at) - 1
    return (value ^ sign) - sign, end


def encoded(data: bytes, at: int, form: int) -> tuple[int, int]:
    """The number at `at` in a pointer's form, and where it ends; what it is relative to is left aside.

    Raises EhFrameError.
    """
    if form & 0x0F == _ULEB128:
        return uleb128(data, at)
    if form & 0x0F == _SLEB128:
        return sleb128(data, at)
    packed = _FIXED.get(form & 0x0F)
    if packed is None or at + packed.size > len(data):
        raise EhFrameError(f"no pointer of encoding {form:#x} at {at} of {len(data)}")
    return packed.unpack_from(data, at)[0], at + packed.size


def skip_pointer(data: bytes, at: int, form: int, address: int) -> int:
    """Where the pointer at `at` of data that is loaded at `address` ends. Raises EhFrameError."""
    if form == OMITTED:
        return at
    if form & ~_INDIRECT == _ALIGNED:
        at += -(address + at) % 8
    return encoded(data, at, form)[1]


def pointer(data: bytes, at: int, form: int, address: int, data_base: int | None) -> tuple[int, int]:
    """The address that the pointer at `at` means, and where it ends.

    `address` is where the data are loaded, `data_base` what data-relative pointers count from, if there is such a
    place. Raises EhFrameError where the address is known only to a running program.
    """
    relative = form & _RELATIVE
    if relative == _PC_RELATIVE:
        base: int | None = address + at
    elif relative == _DATA_RELATIVE:
        base = data_base
    else:
        base = 0 if relative in (_ABSOLUTE, _ALIGNED) else None
    if base is None or form & _INDIRECT:
        raise EhFrameError(f"a pointer of encoding {form:#x} at {at} is not known before the program runs")
    if relative == _ALIGNED:
        at += -(address + at) % 8
    value, end = encoded(data, at, form)
    return (base + value) & _U64, end
