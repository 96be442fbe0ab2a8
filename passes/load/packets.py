"""The perf buffers that packets travel through, one for each CPU. What becomes of a packet is not known here."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence

from ...core.linux import bpf, machine
from ...core.linux.perf import perf_event_open
from ...core.linux.perf_buffer import PerfBuffer, records
from ...core.linux.perf_constants import AttributeFlag, PerfType, Software

#: Bytes that all buffers share, and how many a CPU's has at least and at most; powers of two.
_MEMORY, _LEAST, _MOST = 16 << 20, 256 << 10, 2 << 20
#: PERF_SAMPLE_RAW, and PERF_RECORD_SAMPLE, which then is a u32 with the size of the data, and the data.
_SAMPLE_RAW, _SAMPLE = 1 << 10, 9
_SIZE = struct.Struct("<I")


class PacketBuffers:
    """Buffers for the CPUs that are online, in a map of them. Raises: KernelError."""

    def __init__(self, map_descriptor: int) -> None:
        self._buffers: list[PerfBuffer] = []
        cpus = machine.online_cpus()
        size = min(max(_MEMORY // len(cpus), _LEAST), _MOST)
        try:
            for cpu in cpus:
                self._buffers.append(_open(cpu, (1 << size.bit_length() - 1) // mmap.PAGESIZE))
                descriptor = self._buffers[-1].descriptor
                bpf.update(map_descriptor, struct.pack("=I", cpu), struct.pack("=I", descriptor))
        except BaseException:
            self.close()
            raise

    @property
    def descriptors(self) -> Sequence[int]:
        """What becomes readable when a buffer fills up."""
        return [buffer.descriptor for buffer in self._buffers]

    def take(self) -> list[bytes]:
        """The packets that have come since the last time."""
        found: list[bytes] = []
        for buffer in self._buffers:
            for kind, _, record in records(buffer.take()):
                if kind == _SAMPLE:
                    found.append(record[_SIZE.size : _SIZE.size + _SIZE.unpack_from(record)[0]])
        return found

    def close(self) -> None:
        while self._buffers:
            self._buffers.pop().close()


def _open(cpu: int, pages: int) -> PerfBuffer:
    subject = f"a buffer for packets (CPU {cpu})"
    descriptor = perf_event_open(
        PerfType.SOFTWARE,
        Software.BPF_OUTPUT,
        period=1,
        sample_type=_SAMPLE_RAW,
        # The reader polls on a short timer, and is woken only when there is much.
        attribute_flags=AttributeFlag.WATERMARK,
        wakeup=pages * mmap.PAGESIZE // 2,
        cpu=cpu,
        subject=subject,
    )
    try:
        return PerfBuffer(descriptor, pages)
    except OSError as error:
        raise bpf.KernelError(error.errno or 0, "mmap", subject) from None
