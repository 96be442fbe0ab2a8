"""Which function of a process an address is in.

Puts mappings, ELF symbol tables and separate debug files together, and remembers processes, because their addresses are
often printed after they ended. This file must not know how frames are printed or where addresses come from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from .elf import ElfFile
from .elf_format import ElfError, ProgramHeader, offset_to_address
from .elf_symbols import FunctionTable, SymbolData
from .mappings import Mapping, ProcessMappings

VDSO = "[vdso]"
DEBUG_DIRECTORY = "/usr/lib/debug"
#: A process may start a new program or unload a library: what is known of it is checked when older than this (seconds).
_CHECK_AFTER = 1.0
#: An address in no mapping may be in a library loaded since, but is mostly a bad frame: maps are not read for each.
_MISS_AFTER = 0.05
_MAX_PROCESSES = 4096
_MAX_BINARIES = 1024

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

#: Device, inode and modification time (ns).
_FileKey = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class UserFrame:
    """`offset` is in bytes: after the start of `symbol`, without one after that of the file `module`, without that
    the address itself. `module` is the mapped file's path as the process sees it, or "[vdso]"."""

    symbol: str | None
    offset: int
    module: str | None


@dataclass(frozen=True, slots=True)
class _Binary:
    """What is kept of an ELF file; the file itself is closed again."""

    program_headers: tuple[ProgramHeader, ...]
    functions: FunctionTable


@dataclass(slots=True)
class _Process:
    """A process's program and mappings at the time `taken` (seconds of the clock).

    `image` changes with every exec and differs for another process of the same pid. `binaries` are those looked up for
    its mappings by (device, inode), None where there is no readable ELF.
    """

    image: tuple[bytes, ...]
    mappings: ProcessMappings
    taken: float
    binaries: dict[tuple[int, int], _Binary | None] = field(default_factory=dict)


class UserSymbols:
    """Resolves addresses of processes, running or remembered. `clock` gives seconds."""

    def __init__(self, debug_directory: str = DEBUG_DIRECTORY, clock: Callable[[], float] = time.monotonic) -> None:
        self._debug_directory = debug_directory
        self._clock = clock
        self._processes: dict[int, _Process] = {}
        self._binaries: dict[_FileKey, _Binary | None] = {}

    def remember(self, pid: int) -> bool:
        """Notes what `pid` has mapped, so that its addresses resolve after it ended, in place of what was known of it.

        To be called when it starts a program. False, and nothing changes, where it has ended or may not be looked at.
        """
        try:
            image = _image(pid)
            mappings = ProcessMappings.of(pid)
        except OSError:
            return False
        if not len(mappings):  # a zombie, or a kernel thread
            return False
        process = _Process(image, mappings, self._clock())
        known = self._processes.pop(pid, None)
        if known is not None and known.image == image:
            process.binaries.update(known.binaries)
        _put(self._processes, pid, process, _MAX_PROCESSES)
        for mapping in mappings:
            # Files that have no path here are gone with the process: these are read now, others when needed.
            if mapping.executable and mapping.is_file and not _is_mapped_file(mapping.path, mapping):
                self._binary_of(pid, process, mapping)
        return True

    def resolve(self, pid: int, address: int) -> UserFrame:
        """The function at `address` of `pid`; what cannot be found out is None in the frame."""
        process = self._current(pid)
        found = process.mappings.find(address) if process is not None else None
        if found is None and process is not None and self._clock() - process.taken > _MISS_AFTER and self.remember(pid):
            process = self._processes[pid]
            found = process.mappings.find(address)
        if process is None or found is None:
            return UserFrame(None, address, None)
        mapping, offset = found
        if mapping.path == VDSO:
            # A 32-bit process has another vDSO, which this process cannot show.
            binary = self._vdso if mapping.end > 1 << 32 else None
        elif mapping.is_file:
            binary = self._binary_of(pid, process, mapping)
        else:
            return UserFrame(None, address, None)
        symbol = _function_at(binary, offset) if binary is not None else None
        return UserFrame(None, offset, mapping.path) if symbol is None else UserFrame(*symbol, mapping.path)

    def _current(self, pid: int) -> _Process | None:
        process = self._processes.get(pid)
        if process is None:
            self.remember(pid)
            return self._processes.get(pid)
        now = self._clock()
        if now - process.taken > _CHECK_AFTER:
            try:
                changed = _image(pid) != process.image
            except OSError:
                changed = False  # it ended: what was remembered stays
            if changed and self.remember(pid):
                return self._processes[pid]
            process.taken = now
        return process

    def _binary_of(self, pid: int, process: _Process, mapping: Mapping) -> _Binary | None:
        key = (mapping.device, mapping.inode)
        if key not in process.binaries:
            process.binaries[key] = self._find_binary(pid, mapping)
        return process.binaries[key]

    def _find_binary(self, pid: int, mapping: Mapping) -> _Binary | None:
        for path in _paths(pid, mapping):
            try:
                key = _key(os.stat(path))
                if key not in self._binaries:
                    _put(self._binaries, key, self._read(path, key), _MAX_BINARIES)
            except OSError:
                continue  # the process ended, or may not be looked at: the next path may serve
            return self._binaries[key]
        return None

    def _read(self, path: str, key: _FileKey) -> _Binary | None:
        """None where the file is no ELF or corrupt, which is no reason to stop tracing. Raises OSError."""
        try:
            with ElfFile(path) as elf:
                if elf.status is None or _key(elf.status) != key:
                    # Else whoever owns the path could give its symbols to a file that all processes share.
                    raise FileNotFoundError(f"{path}: replaced while it was opened")
                tables = elf.symbol_tables()
                if not elf.has_symbol_table:
                    tables += self._debug_tables(elf.build_id())
                return _Binary(elf.program_headers, FunctionTable(tables))
        except ElfError:
            return None

    def _debug_tables(self, build_id: str | None) -> list[SymbolData]:
        """The symbols that were stripped from a binary, where its separate debug file is installed and sound."""
        if not build_id:
            return []
        path = os.path.join(self._debug_directory, ".build-id", build_id[:2], f"{build_id[2:]}.debug")
        try:
            with ElfFile(path) as debug:
                return debug.symbol_tables() if debug.build_id() == build_id else []
        except (OSError, ElfError):
            return []  # not installed, mostly

    @cached_property
    def _vdso(self) -> _Binary | None:
        """The code that the kernel puts into every process: the same image everywhere, so this process's own serves."""
        try:
            return _read_vdso()
        except (OSError, ElfError):
            return None  # not readable (a process can be barred from its own memory): frames there have no names


def _function_at(binary: _Binary, offset: int) -> tuple[str, int] | None:
    address = offset_to_address(binary.program_headers, offset)
    if address is None:
        return None
    try:
        return binary.functions.find(address)
    except ElfError:
        return None  # the function's name is corrupt


def _paths(pid: int, mapping: Mapping) -> Iterator[str]:
    """Where the mapped file can be opened, surest first."""
    if _is_mapped_file(mapping.path, mapping):
        yield mapping.path
    # This link is the mapped file itself, even deleted or replaced, but following it takes CAP_CHECKPOINT_RESTORE.
    yield f"/proc/{pid}/map_files/{mapping.start:x}-{mapping.end:x}"
    # The path as the process sees it. The device is not compared: some file systems (btrfs) give stat() another one.
    root = f"/proc/{pid}/root{mapping.path}"
    if not mapping.deleted and _has_inode(root, mapping.inode):
        yield root


def _key(status: os.stat_result) -> _FileKey:
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _is_mapped_file(path: str, mapping: Mapping) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (mapping.device, mapping.inode)


def _has_inode(path: str, inode: int) -> bool:
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False


def _image(pid: int) -> tuple[bytes, ...]:
    """What tells one program of a process from the next, from /proc/PID/stat (proc_pid_stat(5)).

    These are fields 22, 26, 28 and 48: the start time, and where code, stack and arguments begin. They read as 0 or 1
    where ptrace is not permitted.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The command's name, field 2, may have blanks and brackets in it.
        fields = file.read().rpartition(b") ")[2].split()
    return tuple(fields[number - 3] for number in (22, 26, 28, 48))


def _read_vdso() -> _Binary | None:
    mapping = next((m for m in ProcessMappings.of(os.getpid()) if m.path == VDSO), None)
    if mapping is None:
        return None
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        image = os.pread(memory.fileno(), mapping.end - mapping.start, mapping.start)
    elf = ElfFile.from_bytes(image, VDSO)
    return _Binary(elf.program_headers, FunctionTable(elf.symbol_tables()))


def _put(table: dict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    """Adds to a table of bounded size, at the cost of its oldest entry."""
    while len(table) >= limit:
        del table[next(iter(table))]
    table[key] = value
