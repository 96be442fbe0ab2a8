"""Which function of a process an address is in.

Puts mappings, binaries and the lists of JIT compilers together, and remembers processes, because their addresses are
often printed after they ended. This file must not know how frames are printed or where addresses come from.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..linux.mapping_records import Executed, Forked, Mapped, Record
from .debug_files import DEBUG_DIRECTORIES
from .mapped_binaries import VDSO, MappedBinaries, MappedBinary, is_mapped_file, put
from .mappings import Mapping, ProcessMappings
from .perf_map import PerfMap
from .process_files import process_root
from .symbol_names import SymbolNames

if TYPE_CHECKING:
    from ..output import CodePlace

#: A process may start a new program or unload a library: what is known of it is checked when older than this (seconds).
_CHECK_AFTER = 1.0
#: An address in no mapping may be in a library loaded since, but is mostly a bad frame: maps are not read for each.
_MISS_AFTER = 0.05
_MAX_PROCESSES = 4096
#: Mappings that are noted of a process one by one before they are read anew.
_MAX_NOTED = 256
_NEVER = float("-inf")
#: What the kernel calls memory without a file in its records, and adds to the path of a file that is gone.
_ANONYMOUS, _DELETED = b"//anon", b" (deleted)"


@dataclass(frozen=True, slots=True)
class UserFrame:
    """`offset` is in bytes: after the start of `symbol`, without one after that of the file `module`, without that
    the address itself. `module` is the mapped file's path as the process sees it, or "[vdso]"."""

    symbol: str | None
    offset: int
    module: str | None


@dataclass(frozen=True, slots=True)
class _Jit:
    """Where a process lists the functions that it compiles: the path below `root`, and whose file it must be."""

    root: str
    path: str
    owner: int


@dataclass(slots=True)
class _Process:
    """A process's program and mappings at the time `taken` (seconds of the clock).

    `image` changes with every exec and differs for another process of the same pid. `noted` are mappings that were told
    of since, which lie over the others. `binaries` are those looked up for its mappings by (device, inode), None where
    there is no readable ELF. `perf_map` is its open list `jit`.
    """

    image: tuple[bytes, ...]
    mappings: ProcessMappings
    taken: float
    noted: list[Mapping] = field(default_factory=list)
    binaries: dict[tuple[int, int], MappedBinary | None] = field(default_factory=dict)
    jit: _Jit | None = None
    perf_map: PerfMap | None = None

    def find(self, address: int) -> tuple[Mapping, int] | None:
        """The mapping around an address, and the byte of its file that is seen there."""
        for mapping in reversed(self.noted):
            if mapping.start <= address < mapping.end:
                return mapping, address - mapping.start + mapping.offset
        return self.mappings.find(address)


class UserSymbols:
    """Resolves addresses of processes, running or remembered. `clock` gives seconds.

    `demangles`, `is_lazy` and `remembers` are the config keys cpp_demangle, lazy_symbolication and cache_user_symbols:
    binaries are read when an address in them is asked for, and processes that have ended are known still.
    `shows_source`: debug information is going to be asked for.
    """

    def __init__(
        self,
        debug_directories: Sequence[str] = DEBUG_DIRECTORIES,
        clock: Callable[[], float] = time.monotonic,
        *,
        demangles: bool = True,
        is_lazy: bool = True,
        remembers: bool = True,
        shows_source: bool = False,
    ) -> None:
        self._clock = clock
        self._is_lazy = is_lazy
        self._remembers = remembers
        self._shows_source = shows_source
        self._processes: dict[int, _Process] = {}
        #: Asked for records of what processes do when an address is in nothing that is known.
        self.news: Callable[[], Iterable[Record]] | None = None
        self._binaries = MappedBinaries(debug_directories, SymbolNames(demangles=demangles))

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
            process.jit, process.perf_map = known.jit, known.perf_map
        else:
            process.jit = _jit_of(pid)
        put(self._processes, pid, process, _MAX_PROCESSES)
        self._keep(pid, process)
        return True

    def remember_code(self, pid: int) -> None:
        """Notes what `pid` has mapped as code, if nothing is known of it: less than `remember` does, but fast."""
        if pid in self._processes:
            return
        try:
            image, mappings = _image(pid), ProcessMappings.code_of(pid)
        except OSError:
            return  # it has ended
        if len(mappings):
            process = _Process(image, mappings, self._clock())
            put(self._processes, pid, process, _MAX_PROCESSES)

    def hear(self, records: Iterable[Record]) -> None:
        """Notes what the kernel tells of processes, in its order."""
        for record in records:
            match record:
                case Mapped(pid=pid):
                    process = self._processes.get(pid)
                    if process is None:
                        process = _unseen()
                        put(self._processes, pid, process, _MAX_PROCESSES)
                    process.noted.append(_noted(record))
                    if len(process.noted) > _MAX_NOTED and not self.remember(pid):
                        del process.noted[: _MAX_NOTED // 2]
                case Executed(pid=pid):
                    known = self._processes.pop(pid, None)
                    process = _unseen()
                    process.jit = None if known is None else known.jit
                    put(self._processes, pid, process, _MAX_PROCESSES)
                case Forked(pid=pid, parent=parent):
                    known = self._processes.get(parent)
                    if known is not None:
                        copy = replace(known, image=(), taken=_NEVER, noted=list(known.noted), jit=None, perf_map=None)
                        put(self._processes, pid, copy, _MAX_PROCESSES)

    def _keep(self, pid: int, process: _Process) -> None:
        """Reads what cannot be reached from here once the process has ended."""
        for mapping in process.mappings:
            if mapping.executable and mapping.is_file:
                if is_mapped_file(mapping.path, mapping):
                    if not self._is_lazy:
                        self._binary_of(pid, process, mapping)
                    continue
                binary = self._binary_of(pid, process, mapping)
                if binary is not None and self._shows_source:
                    binary.open_source()
        if process.jit is not None and process.jit.root:
            _perf_map_of(pid, process)

    def resolve(self, pid: int, address: int) -> UserFrame:
        """The function at `address` of `pid`; what cannot be found out is None in the frame."""
        process, found = self._place(pid, address)
        if process is None:
            return UserFrame(None, address, None)
        mapping, offset = found or (None, address)
        binary = None if mapping is None else self._binary_at(pid, process, mapping)
        symbol = None if binary is None else binary.function_at(offset)
        if symbol is not None and mapping is not None:
            return UserFrame(*symbol, mapping.path)
        if binary is None or mapping is None:
            compiled = _perf_map_of(pid, process)
            symbol = None if compiled is None else compiled.find(address)
            if compiled is not None and symbol is not None:
                return UserFrame(*symbol, compiled.path)
        if mapping is not None and (mapping.is_file or mapping.path == VDSO):
            return UserFrame(None, offset, mapping.path)
        return UserFrame(None, address, None)

    def source(self, pid: int, address: int) -> Sequence[CodePlace]:
        """What the code at `address` of `pid` was compiled from, as `core.output.Symbols` says."""
        process, found = self._place(pid, address)
        if process is None or found is None or found[0].path == VDSO:
            return ()
        binary = self._binary_at(pid, process, found[0])
        return () if binary is None else binary.source_at(found[1])

    def _place(self, pid: int, address: int) -> tuple[_Process | None, tuple[Mapping, int] | None]:
        """The process, and the mapping around the address with the byte of its file."""
        process, found = self._known_place(pid, address)
        if found is None and self._hear_news():
            process, found = self._known_place(pid, address)
        if found is None and process is not None and self._clock() - process.taken > _MISS_AFTER and self.remember(pid):
            process = self._processes[pid]
            found = process.find(address)
        return process, found

    def _known_place(self, pid: int, address: int) -> tuple[_Process | None, tuple[Mapping, int] | None]:
        process = self._current(pid)
        return process, None if process is None else process.find(address)

    def _current(self, pid: int) -> _Process | None:
        process = self._processes.get(pid)
        if process is None:
            self.remember(pid)
            return self._processes.get(pid)
        now = self._clock()
        if now - process.taken > _CHECK_AFTER or not self._remembers:
            try:
                is_same = _image(pid) == process.image
            except OSError:
                is_same = False
                if not self._remembers:
                    del self._processes[pid]
                    return None
            if not is_same and self.remember(pid):
                return self._processes[pid]
            if not is_same and self._hear_news():
                # It ended: what is remembered stays, unless it has started another program before that.
                process = self._processes.get(pid, process)
            process.taken = now
        return process

    def _hear_news(self) -> bool:
        """False when there is nobody to ask."""
        if self.news is None:
            return False
        self.hear(self.news())
        return True

    def _binary_at(self, pid: int, process: _Process, mapping: Mapping) -> MappedBinary | None:
        if mapping.path == VDSO:
            # A 32-bit process has another vDSO, which this process cannot show.
            return self._binaries.vdso if mapping.end > 1 << 32 else None
        return self._binary_of(pid, process, mapping) if mapping.is_file else None

    def _binary_of(self, pid: int, process: _Process, mapping: Mapping) -> MappedBinary | None:
        key = (mapping.device, mapping.inode)
        if key not in process.binaries:
            process.binaries[key] = self._binaries.find(pid, mapping)
        return process.binaries[key]


def _unseen() -> _Process:
    """A process of which only is known what it is told to do."""
    return _Process((), ProcessMappings(()), _NEVER)


def _noted(record: Mapped) -> Mapping:
    path = record.path
    deleted = path.endswith(_DELETED)
    name = "" if path == _ANONYMOUS else os.fsdecode(path.removesuffix(_DELETED))
    end = record.address + record.length
    return Mapping(record.address, end, "r-xp", record.offset, record.device, record.inode, name, deleted)


def _perf_map_of(pid: int, process: _Process) -> PerfMap | None:
    """The list of a process, opened; it may come to be at any time."""
    if process.jit is None:
        # Of a process that has ended before anybody looked it is not known whose it was: root's list is believed.
        process.jit = _jit_of(pid) or _Jit("", f"/tmp/perf-{pid}.map", 0)
    if process.perf_map is None:
        jit = process.jit
        process.perf_map = PerfMap.open(jit.root + jit.path, jit.path, jit.owner)
    return process.perf_map


def _jit_of(pid: int) -> _Jit | None:
    """None where the process has ended. Its list has its number in the innermost pid namespace (proc_pid_status(5))."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            lines = dict(line.split(b":", 1) for line in file.read().splitlines() if b":" in line)
        number = int(lines.get(b"NSpid", b"%d" % pid).split()[-1])
        return _Jit(process_root(pid), f"/tmp/perf-{number}.map", int(lines[b"Uid"].split()[1]))
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _image(pid: int) -> tuple[bytes, ...]:
    """What tells one program of a process from the next, from /proc/PID/stat (proc_pid_stat(5)).

    These are fields 22, 26, 28 and 48: the start time, and where code, stack and arguments begin. They read as 0 or 1
    where ptrace is not permitted.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The command's name, field 2, may have blanks and brackets in it.
        fields = file.read().rpartition(b") ")[2].split()
    return tuple(fields[number - 3] for number in (22, 26, 28, 48))
