"""Maps that change while they are read, cleared and zeroed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pybpftrace.core.linux import bpf, machine
from pybpftrace.core.linux.bpf import MapType

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
]

STAYING, MOVING = 5_000, 2_000


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


@pytest.fixture(params=[MapType.HASH, MapType.LRU_HASH, MapType.PERCPU_HASH])
def table(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A map with keys that stay, and the size of its values."""
    kind: MapType = request.param
    size = bpf.copied_size(kind, 8)
    fd = bpf.create_map(kind, 8, 8, 20_000)
    for key in range(STAYING):
        bpf.update(fd, u64(key), u64(1) * (size // 8))
    yield fd, size
    os.close(fd)


@contextmanager
def changing(fd: int, size: int) -> Iterator[None]:
    """Other keys are added and removed all the time."""
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for key in range(STAYING, STAYING + MOVING):
                bpf.update(fd, u64(key), bytes(size))
            for key in range(STAYING, STAYING + MOVING):
                bpf.delete(fd, u64(key))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def keys_of(fd: int, size: int, batch: int | None) -> list[int]:
    found = []
    for count, keys, _ in bpf.read_batches(fd, 8, size, 20_000, batch):
        found += [int.from_bytes(keys[at : at + 8], "little") for at in range(0, 8 * count, 8)]
    return found


@pytest.mark.parametrize("batch", [None, 1, 200])
def test_no_key_comes_twice_and_none_that_stays_is_missed(table: tuple[int, int], batch: int | None) -> None:
    fd, size = table
    with changing(fd, size):
        for _ in range(10 if batch != 1 else 3):
            found = keys_of(fd, size, batch)
            assert len(found) == len(set(found))
            assert set(range(STAYING)) <= set(found)
            assert set(found) <= set(range(STAYING + MOVING))


def test_zeroing_brings_no_key_back_that_was_removed(table: tuple[int, int]) -> None:
    fd, size = table
    keys = b"".join(map(u64, range(STAYING)))
    for key in range(0, STAYING, 3):
        bpf.delete(fd, u64(key))
    bpf.zero_batch(fd, keys, 8, size)
    assert sorted(keys_of(fd, size, None)) == [key for key in range(STAYING) if key % 3]
    assert bpf.lookup(fd, u64(1), size) == bytes(size)


def test_removing_goes_on_over_keys_that_others_remove(table: tuple[int, int]) -> None:
    fd, size = table
    with changing(fd, size):
        for _, keys, _ in bpf.read_batches(fd, 8, size, 20_000, 500):
            bpf.delete_batch(fd, keys, 8)
    assert not set(keys_of(fd, size, None)) & set(range(STAYING))
