"""The ring buffer reader over a file laid out as the kernel lays out a ring buffer map."""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.linux.ringbuf import BUSY, DISCARDED, RingBuffer, records

PAGE = mmap.PAGESIZE
SIZE = PAGE


def record(data: bytes, flags: int = 0) -> bytes:
    return struct.pack("=II", len(data) | flags, 0) + data + bytes(-len(data) % 8)


@dataclass
class Writer:
    """Plays the kernel: a consumer page, a producer page, and the data twice in a row."""

    fd: int
    position: int = 0

    def write(self, data: bytes, flags: int = 0) -> int:
        at = self.position
        self.put(at, record(data, flags))
        self.position += len(record(data))
        os.pwrite(self.fd, struct.pack("=Q", self.position), PAGE)
        return at

    def put(self, position: int, content: bytes) -> None:
        for index, byte in enumerate(content):
            place = (position + index) % SIZE
            for copy in (place, place + SIZE):
                os.pwrite(self.fd, bytes([byte]), 2 * PAGE + copy)

    def consumed(self) -> int:
        return int(struct.unpack("=Q", os.pread(self.fd, 8, 0))[0])


@pytest.fixture
def writer() -> Iterator[Writer]:
    fd = os.memfd_create("ring")
    os.ftruncate(fd, 2 * PAGE + 2 * SIZE)
    yield Writer(fd)
    os.close(fd)


@pytest.fixture
def ring(writer: Writer) -> Iterator[RingBuffer]:
    buffer = RingBuffer(writer.fd, SIZE)
    yield buffer
    buffer.close()


def test_an_empty_buffer_has_an_empty_span(ring: RingBuffer) -> None:
    assert ring.pending() == 0
    assert ring.read_span() == b""


def test_a_span_is_the_records_as_they_are_in_the_buffer(writer: Writer, ring: RingBuffer) -> None:
    writer.write(b"one")
    writer.write(b"two and more")
    assert ring.pending() == 16 + 24
    assert ring.read_span() == record(b"one") + record(b"two and more")
    assert ring.pending() == 0


def test_the_kernel_gets_the_space_back(writer: Writer, ring: RingBuffer) -> None:
    writer.write(b"x" * 20)
    ring.read_span()
    assert writer.consumed() == 32


def test_a_span_ends_before_a_record_that_is_still_being_written(writer: Writer, ring: RingBuffer) -> None:
    writer.write(b"first")
    busy = writer.write(b"second", BUSY)
    writer.write(b"third")
    assert [bytes(r) for r in ring.take()] == [b"first"]
    assert ring.read_span() == b""
    assert ring.pending() == 32
    writer.put(busy, record(b"second"))
    assert [bytes(r) for r in ring.take()] == [b"second", b"third"]


def test_discarded_records_are_skipped_but_their_space_is_given_back(writer: Writer, ring: RingBuffer) -> None:
    writer.write(b"gone", DISCARDED)
    writer.write(b"here")
    writer.write(b"gone too", DISCARDED)
    assert [bytes(r) for r in ring.take()] == [b"here"]
    assert writer.consumed() == writer.position


def test_a_record_across_the_end_of_the_buffer_is_whole(writer: Writer, ring: RingBuffer) -> None:
    writer.write(bytes(SIZE - 32))
    ring.read_span()
    writer.write(bytes(range(100)))
    assert [bytes(r) for r in ring.take()] == [bytes(range(100))]


def test_a_reader_that_comes_later_begins_where_the_last_one_ended(writer: Writer, ring: RingBuffer) -> None:
    writer.write(b"read")
    ring.read_span()
    writer.write(b"unread")
    second = RingBuffer(writer.fd, SIZE)
    assert [bytes(r) for r in second.take()] == [b"unread"]
    second.close()


def test_the_reader_gives_the_same_where_loads_need_a_fence(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybpftrace.core.linux.machine.architecture", lambda: "aarch64")
    ring = RingBuffer(writer.fd, SIZE)
    writer.write(b"data")
    assert ring.read_span() == record(b"data")
    ring.close()


def test_records_of_odd_lengths_are_padded_to_eight_bytes() -> None:
    lengths = [0, 1, 7, 8, 9, 63]
    span = b"".join(record(b"x" * length) for length in lengths)
    assert [len(data) for data in records(span)] == lengths


def test_what_is_too_small_for_a_ring_buffer_is_refused() -> None:
    fd = os.memfd_create("no ring")
    try:
        with pytest.raises(KernelError) as caught:
            RingBuffer(fd, SIZE)
        assert caught.value.errno == errno.EINVAL
        assert caught.value.call == "mmap"
    finally:
        os.close(fd)


def test_a_closed_buffer_can_be_closed_again(writer: Writer) -> None:
    ring = RingBuffer(writer.fd, SIZE)
    ring.close()
    ring.close()
