"""A running program as the output stage sees it: events to wait for, maps to read, an end to bring about.

It owns everything that was made for the run and gives it back in `close`; what attached the probes is not its business.
All of it is file descriptors, so nothing stays behind when the process is killed.
"""

from __future__ import annotations

import errno
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic, perf_counter_ns, sleep
from typing import TYPE_CHECKING

from ...core.artifacts import EVENTS_MAP, FAILURES_MAP, PACKETS_MAP, CompiledProgram, FailureSite, MapSpec, ProgramSpec
from ...core.linux import bpf
from ...core.linux.ringbuf import RingBuffer
from ...core.map_batches import MapBatch
from ...core.probe import ConcretePoint, Link, SequenceLink
from .failures import FailureCounts
from .links import Links
from .maps import Maps
from .processes import TracedProcess
from .programs import Programs
from .signals import RunSignals

if TYPE_CHECKING:
    from .packets import PacketBuffers
    from .unwind import UnwindTables

#: Seconds that a record which was begun before the probes were detached has to be completed in.
_LAST_RECORD = 0.5
#: The smallest packet that the kernel runs a program on: an Ethernet header.
_PACKET = bytes(14)


class KernelSession:
    """The `Session` of core.artifacts; see there for what each method promises.

    `descriptors` has those of the programs that are run by hand, by lifecycle and in the script's order; `verbose`
    tells on standard error what is run, and how a child ended.
    """

    def __init__(
        self,
        program: CompiledProgram,
        maps: Maps,
        programs: Programs,
        signals: RunSignals,
        process: TracedProcess | None,
        descriptors: Mapping[str, Sequence[tuple[ProgramSpec, int]]],
        *,
        verbose: bool,
        unwinding: UnwindTables | None = None,
    ) -> None:
        self.program = program
        self.attached = 0
        self.pid = process.pid if process else None
        self._maps = maps
        self._programs = programs
        self._signals = signals
        self._process = process
        self._by_hand = descriptors
        self._verbose = verbose
        self._links = Links()
        self._sequence: SequenceLink | None = None
        self._was_read = False
        self._stopped = False
        self._failures = FailureCounts(program.failures)
        self._ring: RingBuffer | None = None
        self._poll = select.poll()
        self._poll.register(signals.descriptor, select.POLLIN)
        if process is not None:
            self._poll.register(process.descriptor, select.POLLIN)
        if EVENTS_MAP in maps.descriptors:
            descriptor = maps.descriptors[EVENTS_MAP]
            self._ring = RingBuffer(descriptor, maps.ring_size)
            self._poll.register(descriptor, select.POLLIN)
        self._unwinding = unwinding
        if unwinding is not None:
            for descriptor in unwinding.descriptors:
                self._poll.register(descriptor, select.POLLIN)
        self._packets: PacketBuffers | None = None
        if PACKETS_MAP in maps.descriptors:
            from .packets import PacketBuffers

            self._packets = PacketBuffers(maps.descriptors[PACKETS_MAP])
            for descriptor in self._packets.descriptors:
                self._poll.register(descriptor, select.POLLIN)

    def expect_links(self, count: int) -> None:
        """So many are going to be added."""
        self._links.expect(count)

    def add_link(self, link: Link, point: ConcretePoint) -> None:
        self._links.add(link, point)

    def keep(self, descriptor: int) -> None:
        """What the link that is added next leaves behind."""
        self._links.keep(descriptor)

    def add_sequence(self, link: SequenceLink) -> None:
        self._links.add(link)
        self._sequence = link

    def read_sequence(self) -> Iterator[bytes]:
        if self._sequence is None:
            return
        for chunk in self._sequence.read():
            yield chunk
            if self._signals.count:
                break
        self._was_read = True

    def release(self) -> None:
        if self._process is not None:
            self._process.release()

    def wait(self, timeout_ms: int) -> None:
        self._poll.poll(timeout_ms)
        self._signals.drain()

    def read_span(self) -> bytes:
        if self._unwinding is not None and not self._stopped:
            self._unwinding.follow()
        if self._ring is None:
            return b""
        span = self._ring.read_span()
        if not span and self._stopped:
            # No more records are begun, but a program that another task preempted may still be writing one.
            deadline = monotonic() + _LAST_RECORD
            while not span and self._ring.pending() and monotonic() < deadline:
                sleep(0.001)
                span = self._ring.read_span()
        return span

    def read_packets(self) -> Sequence[bytes]:
        return self._packets.take() if self._packets is not None else ()

    def read_map(self, spec: MapSpec) -> Iterator[MapBatch]:
        return self._maps.read(spec)

    def clear_map(self, spec: MapSpec) -> None:
        self._maps.clear(spec)

    def zero_map(self, spec: MapSpec) -> None:
        self._maps.zero(spec)

    def failures(self) -> list[tuple[FailureSite, int, int]]:
        found = []
        if self.program.failures:
            found = self._failures.gained(self._maps.value(self.program.map(FAILURES_MAP)))
        if self._stopped:
            found += self._failures.missed(self._missed())
        return found

    def _missed(self) -> Iterator[tuple[int, int]]:
        """For each program, by its place in the script's, how often the kernel did not run it because it was running
        another one, or the same, on that CPU."""
        numbers = {id(spec): number for number, spec in enumerate(self.program.programs)}
        for spec, descriptor in self._programs.loaded:
            yield numbers[id(spec)], bpf.recursion_misses(descriptor)

    def finished(self) -> bool:
        if self._was_read or self._signals.count or (self._process is not None and self._process.ended()):
            return True
        return not self._links and not any(self._by_hand[lifecycle] for lifecycle in ("signal", "test", "bench"))

    def interrupt(self) -> None:
        self._signals.interrupt()

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        return self._links.detach_from(is_meant)

    def stop(self) -> None:
        self._stopped = True
        self._links.detach()
        if self._process is not None:
            self._process.terminate()
            if self._verbose and self._process.ending:
                sys.stderr.write(f"Child {self._process.ending}\n")
                self._process.ending = ""

    def run_end_probes(self) -> None:
        self._run_all("end")

    def run_signal_probes(self) -> None:
        if self._signals.take_user():
            self._run_all("signal")

    def _run_all(self, lifecycle: str) -> None:
        for _, descriptor in self._by_hand[lifecycle]:
            bpf.test_run(descriptor)

    def runnable(self, lifecycle: str) -> Sequence[ProgramSpec]:
        return [program for program, _ in self._by_hand[lifecycle]]

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
        descriptor = next(fd for programs in self._by_hand.values() for spec, fd in programs if spec is program)
        while True:
            try:
                if program.program_type == "xdp":
                    return bpf.test_run(descriptor, _PACKET, repeat=repeat)
                begun = perf_counter_ns()
                returned, _ = bpf.test_run(descriptor)
                return returned, perf_counter_ns() - begun
            except bpf.KernelError as error:
                if error.errno != errno.EINTR or self._signals.count:
                    raise

    def close(self) -> None:
        self._links.detach()
        if self._ring is not None:
            self._ring.close()
            self._ring = None
        if self._packets is not None:
            self._packets.close()
            self._packets = None
        if self._unwinding is not None:
            self._unwinding.close()
            self._unwinding = None
        self._programs.close()
        self._maps.close()
        if self._process is not None:
            self._process.close()
        self._links.close()
        self._signals.restore()
