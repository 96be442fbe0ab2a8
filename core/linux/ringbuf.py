"""The reading end of a BPF ring buffer, a span of many records at a time.

Layout (kernel document bpf/ringbuf.rst): one page with the consumer's position, one with the producers', then the data,
which is mapped twice in a row so that no record is ever cut by the end of the buffer. Positions are u64 byte counts
that only grow. A record is a u32 length with two flag bits, a u32 for the kernel, the data, and padding to 8 bytes.
Nothing here knows what is in a record.
"""

from __future__ import annotations

import errno
import mmap
import select
from _thread import allocate_lock
from collections.abc import Iterator
from struct import Struct

from . import machine
from .errors import KernelError

#: Bits of a record's first u32: still being written; thrown away by its writer.
BUSY = 1 << 31
DISCARDED = 1 << 30
LENGTH = DISCARDED - 1
HEADER_SIZE = 8
#: Adds the header to a length and rounds up to 8: `length + RECORD_PADDING & ~7` is what a record takes.
RECORD_PADDING = HEADER_SIZE + 7

_unpack_header = Struct("=I").unpack_from


class RingBuffer:
    """A mapped ring buffer map of `size` bytes (its max_entries: a power of two and whole pages).

    One reader at a time. Positions are read and written as aligned 8-byte words in one machine access each. On x86 that
    is all that is needed, since loads stay in order; elsewhere `_fence` keeps the data's loads after the headers' and
    before the store that gives the space back.
    """

    def __init__(self, map_fd: int, size: int) -> None:
        """Raises: KernelError: not a ring buffer, or not of that size."""
        page = mmap.PAGESIZE
        self._mappings: list[mmap.mmap] = []
        self._views: list[memoryview] = []
        self._epoll: select.epoll | None = None
        self._fd = map_fd
        self._mask = size - 1
        self._lock = allocate_lock()
        self._ordered_loads = machine.architecture() == "x86_64"
        consumer = self._map(page, 0, mmap.PROT_READ | mmap.PROT_WRITE)
        producer = self._map(page + 2 * size, page, mmap.PROT_READ)
        # Format Q of a memoryview is a native u64; struct's '<Q' would read it a byte at a time.
        self._consumer = self._view(memoryview(consumer).cast("Q"))
        self._producer = self._view(memoryview(producer)[:page].cast("Q"))
        self._data = self._view(memoryview(producer)[page:])
        self._headers = self._view(self._data.cast("I"))
        self._position: int = self._consumer[0]

    def _map(self, length: int, offset: int, protection: int) -> mmap.mmap:
        try:
            mapping = mmap.mmap(self._fd, length, mmap.MAP_SHARED, protection, offset=offset)
        except (OSError, ValueError) as error:
            self.close()
            number = error.errno if isinstance(error, OSError) else None
            raise KernelError(number or errno.EINVAL, "mmap", f"ring buffer fd {self._fd}") from None
        self._mappings.append(mapping)
        return mapping

    def _view(self, view: memoryview) -> memoryview:
        self._views.append(view)
        return view

    def pending(self) -> int:
        """Bytes between the consumer and the producers, records that are still being written included."""
        return int(self._producer[0]) - self._position

    def read_span(self) -> bytes:
        """All complete records, with their headers, as they are in the buffer; b'' when there is none.

        The span ends before the first record that is still being written. The kernel gets the space back when the
        copy is made, so a slow reader of the span does not hold up the writers.
        """
        pending = self.pending()
        if not pending:
            return b""
        start = self._position & self._mask
        # The walk is the only work per record here, so it counts in u32s (two for each 8 bytes) and has one test for
        # both flags. The second mapping makes it a straight line.
        headers = self._headers
        index, end = start >> 2, start + pending >> 2
        while index < end:
            header = headers[index]
            if header >= DISCARDED:
                if header & BUSY:
                    break
                header &= LENGTH
            index += (header + RECORD_PADDING >> 3) << 1
        self._fence()
        span = bytes(self._data[start : index << 2])
        self._fence()
        self._position += len(span)
        self._consumer[0] = self._position
        return span

    def take(self) -> Iterator[memoryview]:
        """The data of all complete records, which have then left the ring buffer."""
        return records(self.read_span())

    def wait(self, timeout_ms: int) -> bool:
        """Sleeps until a writer wakes us, or until the time is over; whether there is something in the buffer.

        Returns at once when something is, even if it is still being written. A timeout of -1 waits for ever.
        Raises: KernelError.
        """
        try:
            if self._epoll is None:
                self._epoll = select.epoll()  # close-on-exec
                self._epoll.register(self._fd, select.EPOLLIN)
            return bool(self._epoll.poll(timeout_ms / 1000 if timeout_ms >= 0 else None))
        except OSError as error:
            raise KernelError(error.errno or 0, "epoll", f"ring buffer fd {self._fd}") from None

    def close(self) -> None:
        """Unmaps the buffer. The map's fd stays the caller's."""
        for view in reversed(self._views):
            view.release()
        for mapping in self._mappings:
            mapping.close()
        if self._epoll is not None:
            self._epoll.close()
        self._views, self._mappings, self._epoll = [], [], None

    def _fence(self) -> None:
        if not self._ordered_loads:
            # Releasing a lock and taking it again orders everything before against everything after.
            for _ in range(2):
                self._lock.acquire()
                self._lock.release()


def records(span: bytes) -> Iterator[memoryview]:
    """The data of each record in a span (bytes as `RingBuffer.read_span` gives them), without the discarded ones."""
    view = memoryview(span)
    position, end = 0, len(span)
    while position < end:
        header: int = _unpack_header(span, position)[0]
        length = header & LENGTH
        if not header & DISCARDED:
            yield view[position + HEADER_SIZE : position + HEADER_SIZE + length]
        position += length + RECORD_PADDING & ~7
