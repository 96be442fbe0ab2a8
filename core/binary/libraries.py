"""Which file a short name of a library or program means: the dynamic loader's cache and the search path.

These are rules for names that people write; this file must not know of probes or processes, nor open more of a binary
than its header. Facts: ld.so(8), and sysdeps/generic/dl-cache.h of the GNU C library for the cache's format.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator

from .archives import SEPARATOR, ArchiveError, names_member, read_member
from .elf import ElfFile
from .elf_format import ET_DYN, ET_EXEC, ElfError

CACHE_PATH = "/etc/ld.so.cache"
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_CACHE_HEADER = struct.Struct("<20sIIB3xI12x")  # magic, entries, bytes of strings, byte order, extensions' offset
_CACHE_ENTRY = struct.Struct("<iIIIQ")  # flags, offset of the file name, of the path, unused, hardware capabilities
#: What the kernel follows in one path (path_resolution(7)).
_MAX_LINKS = 40
_MAX_CACHE = 1 << 26  # a distribution's is some 100 KiB
#: The second byte of an entry's flags is the architecture, the first says that it is an ELF library for glibc.
_MACHINE_FLAGS = {"x86_64": 0x0303, "aarch64": 0x0A03}


def is_library_name(file_name: str, short: str) -> bool:
    """True where `short`, a library's name without its `lib`, means a file of that name.

    "c" means libc.so and libc.so.6, "ssl.so.3" means libssl.so.3 and libssl.so.3.1, but not libssl.so.30.
    """
    wanted = f"lib{short}" if ".so." in short or short.endswith(".so") else f"lib{short}.so"
    return file_name == wanted or file_name.startswith(f"{wanted}.")


def find_library(short: str, cache_path: str = CACHE_PATH, machine: str | None = None) -> str | None:
    """The path of the first library in the dynamic loader's cache that `short` means (see `is_library_name`).

    `machine` is as in `os.uname()` and by default this one's. None where there is none, or no cache (musl has none).
    Raises ElfError for a corrupt cache, and OSError where it cannot be read.
    """
    flags = _MACHINE_FLAGS.get(machine or os.uname().machine)
    try:
        with open(cache_path, "rb") as file:
            cache = file.read(_MAX_CACHE)
    except FileNotFoundError:
        return None
    for entry_flags, name, path in _cache_entries(cache, cache_path):
        if entry_flags == flags and is_library_name(name, short):
            return path
    return None


def _cache_entries(cache: bytes, cache_path: str) -> Iterator[tuple[int, str, str]]:
    """Flags, file name and path of each library, in the loader's order of preference."""
    # Before glibc 2.32 an older table came first; offsets count from the magic of this one.
    start = cache.find(_CACHE_MAGIC)
    if start < 0:
        raise ElfError(f"{cache_path}: not a cache of the dynamic loader in the format of glibc 2.2 or later")
    table = cache[start:]
    if len(table) < _CACHE_HEADER.size:
        raise ElfError(f"{cache_path}: truncated header")
    _, count, *_ = _CACHE_HEADER.unpack_from(table)
    end = _CACHE_HEADER.size + count * _CACHE_ENTRY.size
    if end > len(table):
        raise ElfError(f"{cache_path}: {count} libraries do not fit its {len(table)} bytes: truncated or corrupt")
    for flags, name, path, _, _ in _CACHE_ENTRY.iter_unpack(table[_CACHE_HEADER.size : end]):
        yield flags, _cache_string(table, name, cache_path), _cache_string(table, path, cache_path)


def _cache_string(table: bytes, offset: int, cache_path: str) -> str:
    end = table.find(b"\0", offset, offset + 4096)
    if offset >= len(table) or end < 0:
        raise ElfError(f"{cache_path}: no string at {offset}: truncated or corrupt")
    return os.fsdecode(table[offset:end])


def find_executable(name: str, path_env: str, root: str = "", any_file: bool = False) -> list[str]:
    """The binaries that can be probed under `name`, in the order of preference, as paths.

    `name` may be a path, a name to be looked for in the current directory and then the directories of `path_env` (as in
    $PATH), or a shell pattern with `*`. `root` is set before all of them ("/proc/PID/root" for a process that has other
    files). `any_file` accepts every existing file for a name without `*`, not only ELF that can be mapped as code.
    """
    names = [name]
    if "/" not in name.partition(SEPARATOR)[0]:
        names += [os.path.join(directory, name) for directory in path_env.split(":") if directory]
    found: dict[str, None] = {}
    for candidate in names:
        if "*" in name:
            found.update(dict.fromkeys(filter(is_probeable, _expand(candidate, root))))
        else:
            path = _within(root, candidate)
            if is_probeable(path) or (any_file and os.path.isfile(path)):
                found[path] = None
    return list(found)


def _within(root: str, path: str) -> str:
    if not root or path.startswith(f"{root}/"):
        return path
    return _inside(root, f"{root}/{path.lstrip('/')}")


def _expand(pattern: str, root: str) -> list[str]:
    import glob  # costs a millisecond, which most scripts need not pay

    if not root:
        return sorted(glob.glob(pattern))
    return sorted(_within(root, path) for path in glob.glob(pattern.lstrip("/"), root_dir=f"{root}/"))


def _inside(root: str, path: str) -> str:
    """`path` below `root` as who lives in there sees it: an absolute symbolic link on the way begins at `root` again.

    To the kernel it would begin at our own root. What has no such link stays as it is.
    """
    known, rest = root, path.removeprefix(root).split("/")
    for _ in range(_MAX_LINKS):
        for index, name in enumerate(rest):
            place = f"{known}/{name}" if name else known
            target = os.readlink(place) if name and os.path.islink(place) else ""
            if target.startswith("/"):
                known, rest = root, [*target.split("/"), *rest[index + 1 :]]
                break
            known = place
        else:
            return known
        path = root + "/".join(rest)
    return path


def is_probeable(path: str) -> bool:
    """ELF of a shared object or PIE, maybe in an archive, or of an executable that its owner may execute."""
    try:
        if names_member(path):
            return ElfFile.from_bytes(read_member(path)[0], path).type == ET_DYN
        with ElfFile(path) as elf:
            owner_executes = elf.status is not None and bool(elf.status.st_mode & stat.S_IXUSR)
            return elf.type == ET_DYN or (elf.type == ET_EXEC and owner_executes)
    except (OSError, ElfError, ArchiveError):
        return False  # a candidate that cannot be read is none: the search goes on
