"""Finds the file that holds what was stripped from a binary: by its build id, or by its debug link.

Distributions strip their binaries and ship what was cut off under /usr/lib/debug (gdb's manual, "Separate Debug
Files"). Such a file is believed only when it has the same build id or the checksum that the link gives. This file must
not know what is looked for in it: symbols or debug information.
"""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence

from .elf import ElfFile
from .elf_format import ElfError

#: Where distributions install debug files.
DEBUG_DIRECTORIES = ("/usr/lib/debug",)
_CHUNK = 1 << 20
_WORD = struct.Struct("<I")


def debug_directories(first: Sequence[str]) -> tuple[str, ...]:
    """The user's own directories and then the usual ones, as absolute paths."""
    return (*map(os.path.abspath, first), *DEBUG_DIRECTORIES)


def debug_files(
    elf: ElfFile,
    looked_at: list[str],
    directories: Sequence[str] = DEBUG_DIRECTORIES,
    *,
    root: str = "",
    place: str | None = None,
) -> Iterator[ElfFile]:
    """The debug files of a binary, opened, surest first; whoever takes one closes it.

    In each of `directories` they stand by build id, or by name below the path that the binary has, or just by name.
    `place` is the binary's path below `root` where it was opened by another name. Below a root of its own a binary has
    debug files too, and those of its build id are looked for out here as well. Every file whose presence or content
    decided is added to `looked_at`. Raises ElfError where the binary's own notes are corrupt; debug files that cannot
    be read are none.
    """
    build_id, link = elf.build_id(), _debug_link(elf)
    installed = (*directories, *(root + directory for directory in directories)) if root else directories
    for candidate in build_id_paths(build_id, installed):
        yield from open_debug_file(candidate, looked_at, build_id)
    # Links below another root would be followed to files out here.
    real = place if root and place is not None else _real_path(place or elf.name)
    if link is not None:
        name, checksum = link
        beside = os.path.dirname(real)
        below = [folder for directory in directories for folder in (directory + beside, directory)]
        for folder in (beside, os.path.join(beside, ".debug"), *below):
            candidate = root + os.path.join(folder, name)
            if candidate != root + real:
                yield from open_debug_file(candidate, looked_at, None, checksum)
    for directory in directories if build_id else ():
        yield from open_debug_file(f"{root}{directory}{real}.debug", looked_at, build_id)


def build_id_paths(build_id: str | None, directories: Sequence[str] = DEBUG_DIRECTORIES) -> list[str]:
    """Where the debug file of a build id may be installed; nowhere for one that is too short to be one."""
    if not build_id or len(build_id) < 4:
        return []
    return [f"{directory}/.build-id/{build_id[:2]}/{build_id[2:]}.debug" for directory in directories]


def open_debug_file(
    path: str, looked_at: list[str], build_id: str | None, checksum: int | None = None
) -> Iterator[ElfFile]:
    """The file at `path`, if it belongs to the binary: it has the checksum, or where none is given the build id."""
    looked_at.append(path)
    try:
        if checksum is not None and _checksum(path) != checksum:
            return
        elf = ElfFile(path)
    except (OSError, ElfError):
        return  # what cannot be read is no debug file
    try:
        belongs = checksum is not None or elf.build_id() == build_id
    except ElfError:
        belongs = False
    if belongs:
        yield elf
    else:
        elf.close()


def _real_path(path: str) -> str:
    """Without symbolic links; /proc/PID/root, which leads into another file system, reads as a link to `/`."""
    return path if path.startswith("/proc/") else os.path.realpath(path)


def _debug_link(elf: ElfFile) -> tuple[str, int] | None:
    """(file name, CRC-32 of that file) out of .gnu_debuglink: a string, padding to 4 bytes, the checksum."""
    section = elf.section(".gnu_debuglink")
    if section is None:
        return None
    data = elf.section_data(section)
    name, end, _ = data.partition(b"\0")
    place = (len(name) + 4) & -4
    if not end or place + _WORD.size > len(data):
        raise ElfError(f"{elf.name}: .gnu_debuglink of {len(data)} bytes: corrupt")
    plain = os.path.basename(os.fsdecode(name))
    return (plain, _WORD.unpack_from(data, place)[0]) if plain else None


def _checksum(path: str) -> int:
    """Raises OSError."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return -1
    checksum = 0
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum
