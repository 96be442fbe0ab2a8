"""The reading end of a perf event's buffer: what the kernel has written there, taken as whole records.

Layout (perf_event_open(2)): one page with the positions, then the data, which goes on at its beginning behind its end.
A record is a header (u32 kind, u16 flags, u16 size of the whole record), and then what its kind says. Kinds are
not known here.
"""

from __future__ import annotations

import mmap
import os
import struct
from _thread import allocate_lock
from collections.abc import Iterator

from . import machine

#: Where the first page (struct perf_event_mmap_page) has data_head and data_tail, in u64.
_HEAD, _TAIL = 128, 129
_HEADER = struct.Struct("<IHH")


class PerfBuffer:
    """The buffer of `pages` pages, a power of two, of an event whose descriptor is given away.

    Raises: OSError: from mmap(2); the descriptor is closed then.
    """

    def __init__(self, descriptor: int, pages: int) -> None:
        self.descriptor = descriptor
        self._size = pages * mmap.PAGESIZE
        try:
            self._memory = mmap.mmap(descriptor, mmap.PAGESIZE + self._size)
        except OSError:
            os.close(descriptor)
            raise
        self._view = memoryview(self._memory)
        # Words are read and written in one machine access each.
        self._words = self._view[: mmap.PAGESIZE].cast("Q")
        self._ordered_loads = machine.architecture() == "x86_64"
        self._lock = allocate_lock()

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._memory.close()
        os.close(self.descriptor)

    def take(self) -> bytes:
        """All records since the last time, which have then left the buffer."""
        head, tail = self._words[_HEAD], self._words[_TAIL]
        if head == tail:
            return b""
        self._fence()
        start, end = tail % self._size, head % self._size
        data = self._view[mmap.PAGESIZE :]
        taken = bytes(data[start:end]) if start < end else bytes(data[start:]) + bytes(data[:end])
        self._fence()
        self._words[_TAIL] = head
        return taken

    def _fence(self) -> None:
        """Keeps the data's loads behind that of the head and in front of the store of the tail."""
        if not self._ordered_loads:
            for _ in range(2):
                with self._lock:
                    continue


def records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(kind, flags, what follows the header) of each record."""
    at = 0
    while at + _HEADER.size <= len(data):
        kind, flags, size = _HEADER.unpack_from(data, at)
        if size < _HEADER.size:
            return
        yield kind, flags, data[at + _HEADER.size : at + size]
        at += size
