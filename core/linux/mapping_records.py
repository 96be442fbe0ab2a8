"""What processes map as code, and which programs they start, told by the kernel as it happens.

Perf events that count nothing (PERF_COUNT_SW_DUMMY) carry such records for one process and its children or for all
processes, a buffer for each CPU; so what a process had mapped is known even if it ended before anybody looked. Nothing
here knows what mappings are for. Layouts: perf_event_open(2), PERF_RECORD_MMAP2, _COMM and _FORK.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence

from ..frozen import dataclass
from . import machine
from .errors import KernelError
from .perf import perf_event_open
from .perf_buffer import PerfBuffer, records
from .perf_constants import AttributeFlag, PerfType, Software

_FLAGS = (
    AttributeFlag.MMAP | AttributeFlag.MMAP2 | AttributeFlag.COMM | AttributeFlag.COMM_EXEC | AttributeFlag.TASK
    | AttributeFlag.SAMPLE_ID_ALL
)  # fmt: skip
#: PERF_SAMPLE_TIME: with SAMPLE_ID_ALL every record ends in its time (u64, ns), by which those of all CPUs are ordered.
_SAMPLE_TIME = 1 << 2
_COMM, _FORK, _MMAP2 = 3, 7, 10
_COMM_EXEC = 1 << 13
_TIME = struct.Struct("<Q")
_IDS = struct.Struct("<II")  # process, thread; of a fork: process, parent
_MAPPED = struct.Struct("<8xQQQIIQ8xII")  # address, length, offset, major, minor, inode, protection, flags
_EXECUTABLE = 4  # PROT_EXEC
#: Pages of a CPU's buffer: some thousand records of all processes, some hundred of one.
_PAGES_FOR_ALL, _PAGES_FOR_ONE = 64, 8


@dataclass(frozen=True, slots=True)
class Mapped:
    """Process `pid` has mapped `length` bytes of a file from byte `offset` on at `address`, to execute them."""

    pid: int
    address: int
    length: int
    offset: int
    device: int
    inode: int
    path: bytes


@dataclass(frozen=True, slots=True)
class Executed:
    """Process `pid` has started another program: what it had mapped is gone."""

    pid: int


@dataclass(frozen=True, slots=True)
class Forked:
    """Process `pid` came to be as a copy of its `parent`."""

    pid: int
    parent: int


Record = Mapped | Executed | Forked


class MappingRecords:
    """The records of process `pid` and of those that it starts afterwards, or with None of all processes.

    Raises: KernelError: from perf_event_open(2); OSError: from mmap(2).
    """

    def __init__(self, pid: int | None, *, wakes: bool = False) -> None:
        """`wakes`: a descriptor becomes readable with each record, not when much has come."""
        self._buffers: list[PerfBuffer] = []
        flags, pages = _FLAGS, _PAGES_FOR_ALL
        if pid is not None:
            flags, pages = _FLAGS | AttributeFlag.INHERIT, _PAGES_FOR_ONE
        try:
            for cpu in machine.online_cpus():
                self._buffers.append(_open(-1 if pid is None else pid, cpu, flags, pages, wakes=wakes))
        except (KernelError, OSError):
            self.close()
            raise

    @property
    def descriptors(self) -> Sequence[int]:
        return [buffer.descriptor for buffer in self._buffers]

    def close(self) -> None:
        while self._buffers:
            self._buffers.pop().close()

    def take(self) -> Sequence[Record]:
        """What has come since the last time, in order. Where the kernel found a buffer full some may be missing."""
        found: list[tuple[int, Record]] = []
        for buffer in self._buffers:
            found += _records(buffer.take())
        found.sort(key=lambda record: record[0])
        return [record for _, record in found]


def _open(pid: int, cpu: int, flags: int, pages: int, *, wakes: bool) -> PerfBuffer:
    descriptor = perf_event_open(
        PerfType.SOFTWARE,
        Software.DUMMY,
        attribute_flags=flags | (AttributeFlag.WATERMARK if wakes else 0),
        wakeup=1 if wakes else 0,
        sample_type=_SAMPLE_TIME,
        pid=pid,
        cpu=cpu,
        subject=f"the mappings of {'all processes' if pid < 0 else f'process {pid}'} (CPU {cpu})",
    )
    return PerfBuffer(descriptor, pages)


def _records(data: bytes) -> Iterator[tuple[int, Record]]:
    """(time, record) of those that are of use here."""
    for kind, misc, record in records(data):
        with contextlib.suppress(struct.error):  # one that is shorter than its kind is none
            found = _record(kind, misc, record)
            if found is not None and found.pid:  # 0: of another pid namespace
                yield _TIME.unpack_from(record, len(record) - _TIME.size)[0], found


def _record(kind: int, misc: int, data: bytes) -> Record | None:
    first, second = _IDS.unpack_from(data)
    if kind == _MMAP2:
        address, length, offset, major, minor, inode, protection, _ = _MAPPED.unpack_from(data)
        if not protection & _EXECUTABLE:
            return None
        path = data[_MAPPED.size : -_TIME.size].partition(b"\0")[0]
        return Mapped(first, address, length, offset, os.makedev(major, minor), inode, path)
    if kind == _COMM and misc & _COMM_EXEC:
        return Executed(first)
    return Forked(first, second) if kind == _FORK and first != second else None
