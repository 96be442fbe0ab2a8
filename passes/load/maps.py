"""A program's BPF maps in the kernel: created from their specs, filled where the compiler expects it, read and changed.

It knows the layout that specs promise (the mark behind a scalar map's value, per-CPU values) and no types.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap

from ...core.artifacts import GLOBALS, GLOBALS_MAP, MapSpec
from ...core.config import Config
from ...core.linux import bpf, machine
from ...core.map_batches import MapBatch
from ...core.types import round_up

#: Bytes behind a scalar map's value that are not zero once it was assigned (see MapSpec).
MARK_SIZE = 8
#: Without a size from the user, the ring buffer takes this part of the available memory, within these bounds (bytes).
_MEMORY_PART = 1_000
_RING_MINIMUM, _RING_MAXIMUM = 256 << 10, 16 << 20
#: max_entries of a ring buffer is a power of two in a u32.
_RING_LIMIT = 1 << 31


class Maps:
    """All maps of one program by name. Raises: KernelError, from every method that talks to the kernel."""

    def __init__(self, specs: Iterable[MapSpec], config: Config, entries: Mapping[str, int] | None = None) -> None:
        """`entries` are those of the maps whose size the compiler leaves open, which are to be mapped as memory."""
        entries = entries or {}
        self.descriptors: dict[str, int] = {}
        #: Bytes of the event ring buffer.
        self.ring_size = ring_size(config.perf_rb_pages)
        try:
            for spec in specs:
                self.descriptors[spec.name] = _create(spec, self.ring_size, entries.get(spec.name))
        except BaseException:
            self.close()
            raise

    def fill_globals(self, values: Mapping[str, int]) -> None:
        """Sets the numbers that programs read (`GLOBALS`), if this program has them."""
        if GLOBALS_MAP in self.descriptors:
            data = struct.pack(f"={len(GLOBALS)}Q", *(values[name] for name in GLOBALS))
            bpf.update(self.descriptors[GLOBALS_MAP], bytes(4), data)

    def read(self, spec: MapSpec) -> Iterator[MapBatch]:
        """All entries, each once."""
        fd, size = self.descriptors[spec.name], _copied_size(spec)
        return starmap(MapBatch, bpf.read_batches(fd, spec.key_size, size, spec.max_entries))

    def clear(self, spec: MapSpec) -> None:
        """Removes all keys. The one value of a scalar map becomes zeros, its mark too."""
        fd = self.descriptors[spec.name]
        for batch in self.read(spec):
            if _is_array(spec):
                bpf.update(fd, batch.keys, bytes(len(batch.values)))
            else:
                bpf.delete_batch(fd, batch.keys, spec.key_size)

    def zero(self, spec: MapSpec) -> None:
        """Makes every value zeros; keys stay, and so does the mark of a scalar map."""
        fd = self.descriptors[spec.name]
        step, mark = round_up(spec.value_size, 8), spec.value_size - MARK_SIZE
        for batch in self.read(spec):
            if _is_array(spec):
                values = batch.values
                parts = (values[at : at + step] for at in range(0, len(values), step))
                bpf.update(fd, batch.keys, b"".join(bytes(mark) + part[mark:] for part in parts))
            else:
                bpf.zero_batch(fd, batch.keys, spec.key_size, _copied_size(spec))

    def value(self, spec: MapSpec) -> bytes:
        """The only value of a map of one entry."""
        return bpf.lookup(self.descriptors[spec.name], bytes(4), spec.value_size) or bytes(spec.value_size)

    def close(self) -> None:
        for fd in self.descriptors.values():
            os.close(fd)
        self.descriptors.clear()


def _map_type(spec: MapSpec) -> bpf.MapType:
    return bpf.MapType[spec.kind.upper()]


def _copied_size(spec: MapSpec) -> int:
    return bpf.copied_size(_map_type(spec), spec.value_size)


def _is_array(spec: MapSpec) -> bool:
    return spec.kind.endswith("array")


def _create(spec: MapSpec, ring_bytes: int, open_entries: int | None) -> int:
    if spec.kind == "ringbuf":
        return _create_ring(spec.name, ring_bytes)
    # An array of perf events has one for each CPU.
    entries = max(machine.possible_cpus()) + 1 if spec.kind == "perf_event_array" else spec.max_entries
    flags = bpf.MapFlag.RDONLY_PROG if spec.is_constant else 0
    if open_entries is not None:
        entries, flags = open_entries, bpf.MapFlag.MMAPABLE
    fd = bpf.create_map(_map_type(spec), spec.key_size, spec.value_size, entries, flags, spec.name)
    try:
        if spec.contents:
            bpf.update(fd, bytes(4), spec.contents)
        if spec.is_constant:
            # Its values are known for good, so the verifier may read them while it checks a program.
            bpf.freeze(fd)
    except bpf.KernelError:
        os.close(fd)
        raise
    return fd


def _create_ring(name: str, size: int) -> int:
    try:
        return bpf.create_map(bpf.MapType.RINGBUF, 0, 0, size, 0, name)
    except bpf.KernelError as error:
        if error.errno != errno.EINVAL:
            raise
        advice = "events travel through a BPF ring buffer, which needs Linux 5.8 or newer"
        raise bpf.KernelError(error.errno, error.call, error.subject, advice) from error


def ring_size(pages: int) -> int:
    """The event ring buffer's bytes, a power of two: so many pages, or for 0 what suits the memory and CPUs here."""
    page_size = os.sysconf("SC_PAGE_SIZE")
    if pages:
        return min(_power_of_two(pages * page_size), _RING_LIMIT)
    wanted = min(max(_available_memory() // _MEMORY_PART, _RING_MINIMUM), _RING_MAXIMUM)
    return _power_of_two(max(wanted, page_size * len(machine.possible_cpus())))


def _power_of_two(size: int) -> int:
    """The power of two that is nearest; of two as near, the larger."""
    above = 1 << (size - 1).bit_length()
    return above if above - size <= size - above // 2 else above // 2


def _available_memory() -> int:
    """MemAvailable of proc_meminfo(5), in bytes; 0 when it is not told."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            line = next((line for line in file if line.startswith("MemAvailable:")), "")
    except FileNotFoundError:
        return 0
    return int(line.split()[1]) * 1024 if line else 0
