"""The event loop: takes what the kernel has sent, has it carried out, and brings the run to its end in order.

It drives a `Session` and knows the order of things (events, losses, end probes, maps); what an event does and how
anything looks is decided elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ...core.artifacts import PACKETS_MAP, UNWIND_ROWS_MAP
from ...core.run import RunOptions
from ...core.session import Session
from ...core.types import OwnedType, Record, Tuple, Type
from .events import EventDecoder, Note
from .failures import FailureReporter
from .rendering import ValueRendering
from .run_output import RunOutput
from .stream import STDOUT, GuardedLines, OutputStream, RunStream
from .symbols import MappingWatch, ProcessSymbols

if TYPE_CHECKING:
    from .packets import PacketFiles

#: Milliseconds to wait for events that need not wake us. Idle waits double up to the last, at the start of a run from
#: the first, since a traced process may be a short one, and after events from the second.
FIRST_WAIT, SHORT_WAIT, LONG_WAIT = 1, 20, 100
#: Seconds that events gather after a span that was not empty, so that a trickle is not taken one by one.
GATHER = 0.01
#: A span of this many bytes means that the kernel is busy: the next one is taken at once.
BUSY_SPAN = 1 << 15
#: Seconds between looks at the failure counters while events keep coming; the most between looks at the traced process.
CHECK_INTERVAL = 0.1


class EventLoop:
    """One run of one session. `note` is told of every record (see `EventDecoder`)."""

    def __init__(
        self, session: Session, options: RunOptions, stream: RunStream, note: Note | None = None
    ) -> None:
        program = session.program
        self._session = session
        self._options = options
        self._stream = stream
        symbols = ProcessSymbols(program.config, options.debug_directories)
        rendering = ValueRendering(program.config, options.functions, symbols)
        self.output = RunOutput(session, rendering, options.format.create(rendering), stream, options)
        rendering.guards = options.guards and self.output.format.verbatim
        self._decoder = EventDecoder(program.events, options.functions, self.output, note)
        self._failures = FailureReporter(session, options, self.output)
        self._packets: PacketFiles | None = None
        if any(spec.name == PACKETS_MAP for spec in program.maps):
            from .packets import PacketFiles

            self._packets = PacketFiles(program.events, self.output)
        shown = [t for event in program.events for t in event.fields]
        shown += [t for spec in program.maps for t in (spec.key_type, spec.value_type) if t is not None]
        self._watch: MappingWatch | None = None
        if program.config.cache_user_symbols != "NONE" and any(map(_needs_mappings, shown)):
            self._watch = MappingWatch(symbols, session.pid, CHECK_INTERVAL)

    def run(self) -> int:
        """Gives the exit status that the script asked for.

        Raises: LoadError: when the command of -c cannot be run, or a file for packets cannot be made. KernelError: when
        the events or the failure counters cannot be read.
        """
        for _ in self.steps():
            continue
        return self.output.status

    def steps(self) -> Iterator[None]:
        """The run in steps, each a look for events that takes `LONG_WAIT` at most, so that others can act in between.

        What `run` raises comes out of here.
        """
        session, output = self._session, self.output
        if self._packets is not None:
            self._packets.open()
        if self._watch is not None and any(spec.name == UNWIND_ROWS_MAP for spec in session.program.maps):
            self._watch.look()  # a child has its libraries mapped already
        session.release()
        if self._watch is not None:
            self._watch.look()
        self._announce()
        self._copy_sequence()
        yield from self._take_events()
        session.stop()
        self._drain()
        yield
        output.exiting = False
        session.run_end_probes()
        self._drain()
        self._finish()
        yield

    def _announce(self) -> None:
        output = self.output
        if not self._options.quiet:
            output.notice(output.format.attached(self._session.attached), output.format.notices_on_output)
        word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
        output.flush()
        if self._options.environment.get(word):
            # What waits for the probes to be attached reads standard output, wherever the script's output goes.
            self._stream.flush()
            os.write(STDOUT, word.encode() + b"\n")

    def _copy_sequence(self) -> None:
        """Copies what an iterator writes to standard output, wherever the script's output goes. Its program runs while
        that is read, so what it sends comes in between, and what begin probes have sent before."""
        output, stream = self.output, self._stream
        raw = stream if self._options.output_path is None else OutputStream(STDOUT, self._options.buffering)
        # The kernel has put the script's own words and what was traced into one text.
        text = GuardedLines(raw.write) if os.isatty(STDOUT) else raw
        for chunk in self._session.read_sequence():
            self._drain()
            text.write(chunk)
            if output.exiting or stream.error is not None or raw.error is not None:
                break
        if isinstance(text, GuardedLines):
            text.flush()
        if raw is not stream:
            raw.flush()

    def _take_events(self) -> Iterator[None]:
        """Handles events until the script, a signal, the end of the process or a failed write ends the run."""
        session, output, stream, watch = self._session, self.output, self._stream, self._watch
        wait, next_check = FIRST_WAIT, 0.0
        while not output.exiting and stream.error is None and not session.finished():
            session.run_signal_probes()
            self._take_packets()
            span = session.read_span()
            if span:
                self._decoder.decode(span)
                output.flush()
            if watch is not None:
                watch.look()
            now = monotonic()
            is_time = now >= next_check
            if is_time:
                next_check = now + CHECK_INTERVAL
            if is_time or not span:
                self._failures.report()
                output.flush()
            if not span and watch is not None and watch.hurries:
                session.wait(0)
            elif not span:
                session.wait(wait)
                wait = min(2 * wait, LONG_WAIT)
            elif len(span) < BUSY_SPAN and not output.exiting:
                sleep(GATHER)
                wait = SHORT_WAIT
            yield

    def _take_packets(self) -> None:
        if self._packets is not None:
            self._packets.write(self._session.read_packets())

    def _drain(self) -> None:
        """Handles what is still queued; after an exit it is only taken away. Packets are written in any case."""
        self._take_packets()
        while span := self._session.read_span():
            self._decoder.decode(span)
            self.output.flush()

    def _finish(self) -> None:
        """What is written after the last event."""
        output, program = self.output, self._session.program
        self._failures.finish()
        if self._packets is not None:
            self._packets.close()
        output.write(output.format.end())
        if program.config.print_maps_on_exit:
            for spec in sorted((m for m in program.maps if m.is_script_map), key=lambda m: m.name):
                output.show_map(spec, explicit=False)
        output.flush()
        self._stream.flush()


def _needs_mappings(type_: Type) -> bool:
    """True for what is shown with the names of functions of a process."""
    match type_:
        case OwnedType(owner=owner, name=name):
            return owner == "ustack" or name == "usym_t"
        case Tuple() | Record():
            return any(map(_needs_mappings, type_.elements))
    return False
