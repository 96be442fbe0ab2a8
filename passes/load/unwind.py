"""Fills the maps by which programs unwind users' stacks: the mappings of the processes that were named, and the unwind
tables of the files mapped there.

Processes are followed while they run: what they and the processes that they start map later is added as the kernel
tells it, a table as long as there is room. How a program uses it is not known here.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

from ...core.artifacts import UNWIND_MAPPINGS_MAP, UNWIND_PROCESSES_MAP, UNWIND_ROWS_MAP
from ...core.binary import mappings as mapped
from ...core.binary.elf import ElfFile
from ...core.binary.elf_format import PF_X, PT_LOAD, ElfError
from ...core.binary.mapped_binaries import VDSO, paths_of_mapping, vdso_image
from ...core.binary.unwind_rows import ROW
from ...core.binary.unwind_tables import cached_unwind_table
from ...core.linux import bpf
from ...core.linux.errors import KernelError
from ...core.linux.mapping_records import Forked, Mapped, MappingRecords
from ...core.run import load_error

_MAPPING = struct.Struct("=QQQII")
_PROCESS = struct.Struct("=I")
_LIST = struct.Struct("=II")
#: Room for what is mapped later: rows, and mappings. A list that changes gets a new place, so several fit.
_SPARE_ROWS, _SPARE_MAPPINGS, _COPIES = 1 << 20, 1 << 14, 4
#: What the program's search can tell apart, see `passes.codegen.unwind`.
_MOST_ROWS, _MOST_MAPPINGS = (1 << 24) - 1, (1 << 20) - 1
_MOST_PROCESSES = 4096
#: Seconds between two looks at processes of which the kernel does not tell everything (what other threads do than the
#: first, and what found its buffer full), and at how many of those that others have started.
_INTERVAL, _LOOKED_AT = 1.0, 64
#: Of a process that maps files all the time: how long it is left alone, in times of what a look took.
_REST = 4

#: Device, inode, modification time (ns) and size; of the vDSO its name.
_FileKey = tuple[int, int, int, int] | str


@dataclass(slots=True)
class _Binary:
    """Where a file's code is, as (place in the file, size, address), and its rows: the first and their number."""

    segments: tuple[tuple[int, int, int], ...]
    first: int
    count: int


@dataclass(slots=True)
class _Tables:
    """The rows of all files. Those that came since `taken` was called last are in `new`."""

    limit: int | None = None
    used: int = 0
    new: list[tuple[int, bytes]] = field(default_factory=list)
    is_short: bool = False

    def add(self, table: bytes) -> tuple[int, int]:
        """The place of a table and its number of rows, which is 0 where there is no room."""
        count = len(table) // ROW.size
        if count > _MOST_ROWS or (self.limit is not None and self.used + count > self.limit):
            self.is_short = True
            return 0, 0
        first, self.used = self.used, self.used + count
        if count:
            self.new.append((first, table))
        return first, count


class UnwindTables:
    """What is known of processes. `fill` gives it to the programs, `follow` keeps it up to date.

    Raises: LoadError: when there is no such process.
    """

    def __init__(self, pids: Sequence[int], *, verbose: bool) -> None:
        self._verbose = verbose
        self._has_told = False
        self._pids = pids
        self._records: list[MappingRecords] = []
        self._tables = _Tables()
        self._binaries: dict[_FileKey, _Binary | None] = {}
        self._lists: dict[int, bytes] = {}
        self._used_mappings = 0
        self._maps: Mapping[str, int] = {}
        self._rows: mmap.mmap | None = None
        self._mappings: mmap.mmap | None = None
        #: Processes to be looked at, as a set in order.
        self._changed: dict[int, None] = {}
        self._next_look = monotonic() + _INTERVAL
        self._next_update = 0.0
        try:
            for pid in pids:
                self._open_records(pid)
                try:
                    self._lists[pid] = self._list(pid)
                except OSError as error:
                    reason = os.strerror(error.errno or 0)
                    raise load_error(f"Failed to read the mappings of process {pid}: {reason}", status=1) from None
        except BaseException:
            self.close()
            raise
        count = sum(map(len, self._lists.values())) // _MAPPING.size
        #: How large the maps are to be.
        self.entries = {
            UNWIND_ROWS_MAP: self._tables.used + _SPARE_ROWS,
            UNWIND_MAPPINGS_MAP: _COPIES * count + _SPARE_MAPPINGS,
        }

    def _open_records(self, pid: int) -> None:
        try:
            self._records.append(MappingRecords(pid, wakes=True))
        except (KernelError, OSError):
            return  # a kernel that does not permit it (perf_event_paranoid): looking has to do

    @property
    def descriptors(self) -> Sequence[int]:
        """What becomes readable when there is something to follow."""
        return [descriptor for records in self._records for descriptor in records.descriptors]

    def fill(self, maps: Mapping[str, int]) -> None:
        """Gives it all to the programs that have these maps. Raises: KernelError."""
        self._maps = maps
        self._tables.limit = self.entries[UNWIND_ROWS_MAP]
        self._rows = self._memory(UNWIND_ROWS_MAP, ROW.size)
        self._mappings = self._memory(UNWIND_MAPPINGS_MAP, _MAPPING.size)
        self._write_rows()
        for pid, listed in self._lists.items():
            self._publish(pid, listed)

    def _memory(self, name: str, size: int) -> mmap.mmap:
        length = -(-self.entries[name] * size // mmap.PAGESIZE) * mmap.PAGESIZE
        try:
            return mmap.mmap(self._maps[name], length)
        except OSError as error:
            raise KernelError(error.errno or 0, "mmap", f"map '{name}'") from None

    def follow(self) -> None:
        """Adds what has been mapped since the last time, and now and then what nobody told of. Raises: KernelError."""
        for records in self._records:
            for record in records.take():
                match record:
                    case Forked(pid, parent) if parent in self._lists:
                        self._publish(pid, self._lists[parent])
                    case Mapped(inode=0):
                        continue  # code that is in no file has no tables
                self._changed[record.pid] = None
        now = monotonic()
        if now >= self._next_look:
            self._next_look = now + _INTERVAL
            self._changed.update(dict.fromkeys([*self._pids, *islice(self._lists, _LOOKED_AT)]))
        if not self._changed or now < self._next_update:
            return
        while self._changed:
            self._update(self._changed.popitem()[0])
        took = monotonic() - now
        self._next_update = now + took + _REST * took

    def close(self) -> None:
        while self._records:
            self._records.pop().close()
        for memory in (self._rows, self._mappings):
            if memory is not None:
                memory.close()
        self._rows = self._mappings = None

    def _update(self, pid: int) -> None:
        try:
            listed = self._list(pid)
        except OSError:
            if pid not in self._pids:
                self._forget(pid)
            return  # it has ended
        # Nothing is shown of a process whose first thread has ended, though others may go on.
        if listed != self._lists.get(pid) and (listed or pid not in self._lists):
            self._write_rows()
            self._publish(pid, listed)
        if self._tables.is_short and self._verbose and not self._has_told:
            self._has_told = True
            sys.stderr.write("No room for more unwind tables: stacks end at code that was mapped later.\n")

    def _forget(self, pid: int) -> None:
        if self._lists.pop(pid, None) is not None:
            bpf.delete(self._maps[UNWIND_PROCESSES_MAP], _PROCESS.pack(pid))

    def _write_rows(self) -> None:
        assert self._rows is not None, "`fill` comes first"
        while self._tables.new:
            first, table = self._tables.new.pop()
            self._rows[first * ROW.size : first * ROW.size + len(table)] = table

    def _publish(self, pid: int, listed: bytes) -> None:
        """Puts a process's list where nobody reads, and then tells of it."""
        if pid not in self._lists and len(self._lists) >= _MOST_PROCESSES - 1:
            self._forget_ended()
        self._lists[pid] = listed
        if self._write_list(pid, listed):
            return
        # Once round: a stack that is unwound at this very moment may come out short.
        self._forget_ended()
        self._used_mappings = 0
        for each, mappings in list(self._lists.items()):
            if not self._write_list(each, mappings):
                self._tables.is_short = True
                self._forget(each)

    def _write_list(self, pid: int, listed: bytes) -> bool:
        assert self._mappings is not None, "`fill` comes first"
        first, count = self._used_mappings, len(listed) // _MAPPING.size
        if first + count > self.entries[UNWIND_MAPPINGS_MAP]:
            return False
        self._mappings[first * _MAPPING.size : (first + count) * _MAPPING.size] = listed
        self._used_mappings += count
        try:
            bpf.update(self._maps[UNWIND_PROCESSES_MAP], _PROCESS.pack(pid), _LIST.pack(first, count))
        except KernelError:
            return False  # as many processes as there is room for
        return True

    def _forget_ended(self) -> None:
        for pid in list(self._lists):
            if not os.path.exists(f"/proc/{pid}"):
                self._forget(pid)

    def _list(self, pid: int) -> bytes:
        """The mappings of a process whose files have tables. Raises OSError."""
        found = []
        for mapping in mapped.ProcessMappings.code_of(pid):
            binary = self._binary(pid, mapping)
            if binary is None or not binary.count:
                continue
            address = _address(binary, mapping.offset)
            if address is not None:
                bias = mapping.start - address & 0xFFFF_FFFF_FFFF_FFFF
                length = mapping.end - mapping.start
                found.append(_MAPPING.pack(mapping.start, length, bias, binary.first, binary.count))
        return b"".join(found[:_MOST_MAPPINGS])

    def _binary(self, pid: int, mapping: mapped.Mapping) -> _Binary | None:
        if mapping.path == VDSO:
            if VDSO not in self._binaries:
                self._binaries[VDSO] = self._read(None)
            return self._binaries[VDSO]
        if not mapping.is_file:
            return None
        for path, _ in paths_of_mapping(pid, mapping):
            try:
                status = os.stat(path)
                key = status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
                if key not in self._binaries:
                    self._binaries[key] = self._read(path)
            except OSError:
                continue  # the process ended, or may not be looked at: the next path may serve
            return self._binaries[key]
        return None

    def _read(self, path: str | None) -> _Binary | None:
        """A file, or the vDSO; None where it is no ELF file or corrupt, so that stacks end there. Raises OSError."""
        try:
            elf = ElfFile(path) if path is not None else vdso_image()
            if elf is None:
                return None
            with elf:
                segments = tuple(
                    (header.offset, header.file_size, header.address)
                    for header in elf.program_headers
                    if header.type == PT_LOAD and header.flags & PF_X
                )
                return _Binary(segments, *self._tables.add(cached_unwind_table(elf)))
        except ElfError:
            return None


def _address(binary: _Binary, place: int) -> int | None:
    """The file's own address of a place in it, which is at the beginning of a page: segments need not begin there."""
    for offset, size, address in binary.segments:
        if offset - offset % mmap.PAGESIZE <= place < offset + size:
            return place - offset + address
    return None
