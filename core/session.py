"""What load hands to output: a program that runs, behind an interface that both know.

Nothing here says how a session comes to be, nor what is done with what it gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .artifacts import CompiledProgram, FailureSite, MapSpec, ProgramSpec
    from .map_batches import MapBatch
    from .probe import ConcretePoint


class Session(Protocol):
    """The load artifact: programs loaded, begin probes run, the rest attached, a `-c` child waiting to start.

    The output stage drives it: `release`, then `run_signal_probes`, `read_span`, `wait` ... until `finished` or an
    exit; then `stop`, `run_end_probes`, the last spans and maps, `close`. In a run of tests or benchmarks nothing is
    attached: `run_program` for each of them, with the spans of each, then `close`. Every method that talks to the
    kernel may raise KernelError.
    """

    program: CompiledProgram
    #: What `Attached N probes` says: links, each function of a multi link, begin, end and self probes.
    attached: int
    #: The process of `-p` or `-c`, or None.
    pid: int | None

    def release(self) -> None:
        """Lets the `-c` child go, once the output is ready for what it does. Raises LoadError: it cannot be run."""

    def wait(self, timeout_ms: int) -> None:
        """Sleeps until events wait, a signal came, the process ended, or the time is over."""

    def read_span(self) -> bytes:
        """Takes the records that are ready off the event ring buffer; empty when there are none.

        Records come as the kernel wrote them: u32 length with the busy (1 << 31) and discard (1 << 30) flags, u32 page
        offset, data, padding to 8 bytes. A span ends before the first busy record and holds whole records only.
        """

    def read_packets(self) -> Sequence[bytes]:
        """Takes the records of PACKETS_MAP that are ready, those of each CPU in order, with some bytes of padding."""

    def read_map(self, spec: MapSpec) -> Iterator[MapBatch]:
        """All entries of a map in the kernel's order, each once; programs may be changing the map meanwhile."""

    def clear_map(self, spec: MapSpec) -> None:
        """Removes all keys of a script map; a scalar map's value and the mark behind it become zero bytes."""

    def zero_map(self, spec: MapSpec) -> None:
        """Sets every value to zero bytes on all CPUs; keys stay, and so does the mark behind a scalar map's value."""

    def failures(self) -> list[tuple[FailureSite, int, int]]:
        """(site, new failures, last code) for every site that failed since the last call."""

    def finished(self) -> bool:
        """True when the run shall end: SIGINT or SIGTERM came, the process of `-p` or `-c` is gone, or only begin and
        end probes exist, so that no further event can come. A run of tests or benchmarks only ends for a signal."""

    def interrupt(self) -> None:
        """Ends the run as SIGINT does. May be called at any time and from any thread."""

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        """Detaches some of the probes while the run goes on; gives their number."""

    def stop(self) -> None:
        """Detaches all probes and terminates a child that still runs. May be called twice."""

    def read_sequence(self) -> Iterator[bytes]:
        """What is to be copied to standard output when everything is attached: the text of an iterator, if there is
        one. Ends early when a signal that ends the run comes. `finished` once it has been read."""

    def run_end_probes(self) -> None: ...

    def run_signal_probes(self) -> None:
        """Runs the programs of `self:signal` in the script's order, once for all signals since the last call."""

    def runnable(self, lifecycle: str) -> Sequence[ProgramSpec]:
        """The loaded programs of a lifecycle other than 'attached', in the script's order."""

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
        """Runs a test or a benchmark: (return value of its last run as u32, ns of one run on average).

        A test's time is that of the whole system call. A signal that ends the run also ends a long repetition: then it
        raises a KernelError with EINTR.
        """

    def close(self) -> None:
        """Gives back everything held. May be called twice."""
