"""Reads single values of DWARF out of bytes: LEB128 numbers, strings, and attribute values in each of their forms.

All of it comes from traced binaries, which belong to anybody: nothing here loops or allocates beyond the bytes that
are there. It knows neither units nor what an attribute means. Source: DWARF 5, section 7.5.6 and 7.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from . import dwarf_constants as dw


class DwarfError(ValueError):
    """Debug information is corrupt, or of a kind that is not read here; the message names the file."""


Value = int | bytes

_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_MAX_LEB_BYTES = 16  # 10 hold 64 bits; assemblers pad

#: Bytes of the forms that always have as many.
_FIXED = {
    dw.FORM_DATA1: 1, dw.FORM_DATA2: 2, dw.FORM_DATA4: 4, dw.FORM_DATA8: 8, dw.FORM_DATA16: 16, dw.FORM_FLAG: 1,
    dw.FORM_REF1: 1, dw.FORM_REF2: 2, dw.FORM_REF4: 4, dw.FORM_REF8: 8, dw.FORM_REF_SIG8: 8, dw.FORM_REF_SUP4: 4,
    dw.FORM_REF_SUP8: 8, dw.FORM_FLAG_PRESENT: 0, dw.FORM_IMPLICIT_CONST: 0, dw.FORM_STRX1: 1, dw.FORM_STRX2: 2,
    dw.FORM_STRX3: 3, dw.FORM_STRX4: 4, dw.FORM_ADDRX1: 1, dw.FORM_ADDRX2: 2, dw.FORM_ADDRX3: 3, dw.FORM_ADDRX4: 4,
}  # fmt: skip
_OFFSETS = (dw.FORM_STRP, dw.FORM_SEC_OFFSET, dw.FORM_LINE_STRP, dw.FORM_STRP_SUP, dw.FORM_REF_ADDR,
            dw.FORM_GNU_REF_ALT, dw.FORM_GNU_STRP_ALT)  # fmt: skip
_ULEBS = frozenset((dw.FORM_UDATA, dw.FORM_REF_UDATA, dw.FORM_STRX, dw.FORM_ADDRX, dw.FORM_LOCLISTX, dw.FORM_RNGLISTX,
                    dw.FORM_GNU_ADDR_INDEX, dw.FORM_GNU_STR_INDEX))  # fmt: skip
#: Bytes of the length in front of a block; 0 for a LEB128 one.
_BLOCKS = {dw.FORM_BLOCK1: 1, dw.FORM_BLOCK2: 2, dw.FORM_BLOCK4: 4, dw.FORM_BLOCK: 0, dw.FORM_EXPRLOC: 0}


def fixed_sizes(address_size: int, offset_size: int, version: int) -> dict[int, int]:
    """Form -> bytes, of all forms whose size the header of a unit or of a line table decides."""
    sizes = {**_FIXED, dw.FORM_ADDR: address_size, **dict.fromkeys(_OFFSETS, offset_size)}
    if version < 3:
        sizes[dw.FORM_REF_ADDR] = address_size
    return sizes


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turns reads beyond the end of the bytes of file `name` into DwarfError, and names the file in every one."""
    try:
        yield
    except DwarfError as error:
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error
    except (IndexError, struct.error) as error:
        raise DwarfError(f"{name}: debug information is truncated or corrupt") from error


def unsigned(data: bytes, at: int, size: int) -> int:
    """The little-endian number of `size` bytes at `at`. Raises DwarfError beyond the end."""
    piece = data[at : at + size]
    if len(piece) != size:
        raise DwarfError(f"{size} bytes at {at} of {len(data)}: debug information is truncated or corrupt")
    return int.from_bytes(piece, "little")


def u16(data: bytes, at: int) -> int:
    found: int = _U16.unpack_from(data, at)[0]
    return found


def u32(data: bytes, at: int) -> int:
    found: int = _U32.unpack_from(data, at)[0]
    return found


def u64(data: bytes, at: int) -> int:
    found: int = _U64.unpack_from(data, at)[0]
    return found


def uleb(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number and where it ends."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    result = byte & 0x7F
    for index in range(1, _MAX_LEB_BYTES):
        byte = data[at + index]
        result |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return result, at + index + 1
    raise DwarfError(f"a number of more than {_MAX_LEB_BYTES} bytes: debug information is corrupt")


def sleb(data: bytes, at: int) -> tuple[int, int]:
    """A signed LEB128 number and where it ends."""
    value, end = uleb(data, at)
    bits = 7 * (end - at)
    return (value - (1 << bits) if value >> (bits - 1) else value), end


def text(data: bytes, at: int) -> bytes:
    """The bytes up to a NUL."""
    end = data.find(b"\0", at)
    if end < 0:
        raise DwarfError(f"no string at {at} of {len(data)}: debug information is corrupt")
    return data[at:end]


def read_initial_length(data: bytes, at: int) -> tuple[int, int, int]:
    """(bytes that follow, where they begin, bytes of an offset: 4 or 8); DWARF 5, section 7.4."""
    length = u32(data, at)
    if length < 0xFFFFFFF0:
        return length, at + 4, 4
    if length == 0xFFFFFFFF:
        return u64(data, at + 4), at + 12, 8
    raise DwarfError(f"reserved length {length:#x}: debug information is corrupt")


def read_value(data: bytes, at: int, form: int, sizes: dict[int, int]) -> tuple[int, Value, int]:
    """(form, value, where it ends); the form is another one than given only for an indirect one."""
    size = sizes.get(form)
    if size is not None:
        end = at + size
        if end > len(data):
            raise IndexError
        return form, int.from_bytes(data[at:end], "little"), end
    if form in _ULEBS:
        number, end = uleb(data, at)
        return form, number, end
    if form == dw.FORM_STRING:
        string = text(data, at)
        return form, string, at + len(string) + 1
    if form == dw.FORM_SDATA:
        number, end = sleb(data, at)
        return form, number, end
    if form in _BLOCKS:
        width = _BLOCKS[form]
        count, start = (unsigned(data, at, width), at + width) if width else uleb(data, at)
        if start + count > len(data):
            raise IndexError
        return form, data[start : start + count], start + count
    if form == dw.FORM_INDIRECT:
        form, start = uleb(data, at)
        if form not in (dw.FORM_INDIRECT, dw.FORM_IMPLICIT_CONST):
            return read_value(data, start, form, sizes)
    raise DwarfError(f"form {form:#x} of an attribute is not known: debug information is corrupt or too new")


def skip_value(data: bytes, at: int, form: int, sizes: dict[int, int]) -> int:
    """Where a value ends."""
    size = sizes.get(form)
    return at + size if size is not None else read_value(data, at, form, sizes)[2]
