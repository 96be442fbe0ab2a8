"""Unwind tables of binaries, kept in the cache directory: a big one takes a second to make and 50 ms to read again.

A table is known by the bytes that it was made from and not by the build id, which is only what a file says of itself:
a program could else give the C library's id to rules of its own, for all processes. A cache is a convenience: whatever
is wrong with it, the table is made again. This file must not know what is in a table.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress

from ..digest import digest
from ..target.cache_directory import cache_room, evict, read_private_file, write_private_file
from .eh_frame import FrameSection, frame_section, section_table
from .elf import ElfFile

_ROOM = "unwind"
#: To be changed with every change to what tables are made of the same bytes.
_MAGIC = b"pybpfuw1"
#: magic, digest of the compressed table, which follows.
_HEADER = struct.Struct("<8s32s")
#: What is made of less is made in less than 10 ms.
KEPT_FROM = 48 << 10
ENTRY_LIMIT = 256
BYTE_LIMIT = 128 << 20


def cached_unwind_table(elf: ElfFile) -> bytes:
    """What `eh_frame.unwind_table` says of a binary, and with the same errors, from the cache where it is there.

    For a file `ElfFile(path)`, for the bytes of a vDSO `ElfFile.from_bytes(image, name)`.
    """
    section = frame_section(elf)
    if section is None:
        return b""
    directory = cache_room(_ROOM) if len(section.data) >= KEPT_FROM else None
    if directory is None:
        return section_table(section, elf.name)
    path = os.path.join(directory, _key(section))
    table = _read(path)
    if table is None:
        table = section_table(section, elf.name)
        with suppress(OSError):  # without room on the disk it is made again next time
            _write(path, table)
            evict(directory, ENTRY_LIMIT, BYTE_LIMIT)
    return table


def _key(section: FrameSection) -> str:
    place = f"{section.address} {section.data_base} {section.functions} ".encode()
    return digest(place + digest(section.data).encode())


def _read(path: str) -> bytes | None:
    data = read_private_file(path)
    if data is None or len(data) < _HEADER.size:
        return None
    magic, seal = _HEADER.unpack_from(data)
    packed = data[_HEADER.size :]
    if magic != _MAGIC or seal != digest(packed).encode():
        return None
    with suppress(OSError):
        os.utime(path)  # what was used last is evicted last
    return zlib.decompress(packed)


def _write(path: str, table: bytes) -> None:
    # The fastest level makes a quarter of it; more effort would cost more than it saves.
    packed = zlib.compress(table, 1)
    write_private_file(path, _HEADER.pack(_MAGIC, digest(packed).encode()) + packed, flush=False)
