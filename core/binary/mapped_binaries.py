"""The ELF files that processes have mapped: where each can be opened, and what is kept of it.

A file is read once however many processes have it mapped, and found by its inode, because its path may be another
file's by now or be one of another mount namespace. This file must not know of addresses in processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from .elf import ElfFile
from .elf_format import ElfError, ProgramHeader, offset_to_address
from .elf_symbols import FunctionTable
from .mappings import Mapping, ProcessMappings
from .symbol_names import SymbolNames
from .symbol_tables import symbol_tables

if TYPE_CHECKING:
    from ..output import CodePlace
    from .dwarf_frames import SourceFrames

VDSO = "[vdso]"
_MAX_BINARIES = 1024

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

#: Device, inode and modification time (ns).
_FileKey = tuple[int, int, int]


@dataclass(slots=True)
class MappedBinary:
    """What is kept of an ELF file; the file itself is closed again, but for debug information that was asked for.

    `path` is where it was opened, `place` what it is called below `root`.
    """

    program_headers: tuple[ProgramHeader, ...]
    functions: FunctionTable
    names: SymbolNames
    path: str = ""
    root: str = ""
    place: str = ""
    debug_directories: Sequence[str] = ()
    _source: SourceFrames | None = None
    _has_source: bool = True

    def function_at(self, offset: int) -> tuple[str, int] | None:
        """The function at a place of the file, and how many bytes after its start that is."""
        address = offset_to_address(self.program_headers, offset)
        if address is None:
            return None
        try:
            found = self.functions.find(address)
        except ElfError:
            return None  # the function's name is corrupt
        return None if found is None else (self.names.shown(found[0]), found[1])

    def source_at(self, offset: int) -> Sequence[CodePlace]:
        """What the code at a place of the file was compiled from; empty without debug information."""
        address = offset_to_address(self.program_headers, offset)
        source = self.open_source()
        return () if address is None or source is None else source.places(address)

    def open_source(self) -> SourceFrames | None:
        if self._has_source and self._source is None:
            from .dwarf_frames import SourceFrames

            self._source = SourceFrames.open(
                self.path, self.names, self.debug_directories, root=self.root, place=self.place
            )
            self._has_source = self._source is not None
        return self._source


class MappedBinaries:
    """All that were asked for, up to a bound. Names are `names`'s; debug files are below `debug_directories`."""

    def __init__(self, debug_directories: Sequence[str], names: SymbolNames) -> None:
        self._debug_directories = debug_directories
        self._names = names
        self._binaries: dict[_FileKey, MappedBinary | None] = {}

    def __len__(self) -> int:
        return len(self._binaries)

    def find(self, pid: int, mapping: Mapping) -> MappedBinary | None:
        """The file of a mapping of `pid`; None where it cannot be reached, is no ELF file or corrupt."""
        for path, root in paths_of_mapping(pid, mapping):
            try:
                key = _key(os.stat(path))
                if key not in self._binaries:
                    put(self._binaries, key, self._read(path, root, mapping.path, key), _MAX_BINARIES)
            except OSError:
                continue  # the process ended, or may not be looked at: the next path may serve
            return self._binaries[key]
        return None

    def _read(self, path: str, root: str, place: str, key: _FileKey) -> MappedBinary | None:
        """None where the file is no ELF or corrupt, which is no reason to stop tracing. Raises OSError."""
        try:
            with ElfFile(path) as elf:
                if elf.status is None or _key(elf.status) != key:
                    # Else whoever owns the path could give its symbols to a file that all processes share.
                    raise FileNotFoundError(f"{path}: replaced while it was opened")
                tables = symbol_tables(elf, [], self._debug_directories, root=root, place=place)
                functions = FunctionTable(tables)
                names, directories = self._names, self._debug_directories
                return MappedBinary(elf.program_headers, functions, names, path, root, place, directories)
        except ElfError:
            return None

    @cached_property
    def vdso(self) -> MappedBinary | None:
        """The code that the kernel puts into every process: the same image everywhere, so this process's own serves."""
        try:
            return _read_vdso(self._names)
        except (OSError, ElfError):
            return None  # not readable (a process can be barred from its own memory): frames there have no names


def is_mapped_file(path: str, mapping: Mapping) -> bool:
    """Whether `path` is, out here, the file of a mapping."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (mapping.device, mapping.inode)


def put(table: dict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    """Adds to a table of bounded size, at the cost of its oldest entry."""
    while len(table) >= limit:
        del table[next(iter(table))]
    table[key] = value


def paths_of_mapping(pid: int, mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Where the mapped file can be opened, surest first, each with the root below which it has its path."""
    if is_mapped_file(mapping.path, mapping):
        yield mapping.path, ""
    # This link is the mapped file itself, even deleted or replaced, but following it takes CAP_CHECKPOINT_RESTORE.
    root = f"/proc/{pid}/root"
    yield f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}", root
    # The path as the process sees it. The device is not compared: some file systems (btrfs) give stat() another one.
    path = f"{root}{mapping.path}"
    if not mapping.deleted and _has_inode(path, mapping.inode):
        yield path, root
    # Of a process that has ended, reaped or not, the path out here is all that is left; the inode has to do then.
    if not mapping.deleted and not os.path.exists(f"{root}/") and _has_inode(mapping.path, mapping.inode):
        yield mapping.path, ""


def _key(status: os.stat_result) -> _FileKey:
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _has_inode(path: str, inode: int) -> bool:
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False


def vdso_image() -> ElfFile | None:
    """This process's own vDSO. Raises: OSError; ElfError."""
    mapping = next((m for m in ProcessMappings.of(os.getpid()) if m.path == VDSO), None)
    if mapping is None:
        return None
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        image = os.pread(memory.fileno(), mapping.end - mapping.start, mapping.start)
    return ElfFile.from_bytes(image, VDSO)


def _read_vdso(names: SymbolNames) -> MappedBinary | None:
    elf = vdso_image()
    if elf is None:
        return None
    return MappedBinary(elf.program_headers, FunctionTable(elf.symbol_tables()), names, _has_source=False)
