"""The event loop: takes what the kernel has sent, has it carried out, and brings the run to its end in order.

It drives a `Session` and knows the order of things (events, losses, end probes, maps); what an event does and how
anything looks is decided elsewhere.
"""

from __future__ import annotations

import os
from time import monotonic, sleep

from ...core.artifacts import MapSpec, Session
from ...core.output import Format, Rendering
from ...core.run import RunOptions
from ...core.types import OwnedType, Tuple, Type
from .events import EventDecoder
from .failures import FailureReporter
from .maps import MapReader
from .rendering import ValueRendering
from .stream import OutputStream
from .symbols import MappingWatch, ProcessSymbols

STDOUT, STDERR = 1, 2

#: Milliseconds to wait for events that need not wake us. Idle waits double up to the last, at the start of a run from
#: the first, since a traced process may be a short one, and after events from the second.
FIRST_WAIT, SHORT_WAIT, LONG_WAIT = 1, 20, 100
#: Seconds that events gather after a span that was not empty, so that a trickle is not taken one by one.
GATHER = 0.01
#: A span of this many bytes means that the kernel is busy: the next one is taken at once.
BUSY_SPAN = 1 << 15
#: Seconds between looks at the failure counters while events keep coming; the most between looks at the traced process.
CHECK_INTERVAL = 0.1


def run_session(session: Session, options: RunOptions) -> int:
    """Runs a session to its end and closes it; gives the exit status.

    Raises: LoadError: when the command of -c cannot be run. KernelError: when the events or the failure counters cannot
    be read.
    """
    descriptor = STDOUT
    try:
        if options.output_path is not None:
            try:
                descriptor = os.open(options.output_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
            except OSError as error:
                text = os.strerror(error.errno or 0)
                _write_error(f'ERROR: Failed to open output file: "{options.output_path}": {text}\n'.encode())
                return 1
        return EventLoop(session, options, OutputStream(descriptor, options.buffering)).run()
    finally:
        session.close()
        if descriptor != STDOUT:
            os.close(descriptor)


class RunOutput:
    """The `core.output.Output` of a run."""

    def __init__(self, session: Session, rendering: ValueRendering, format_: Format, stream: OutputStream) -> None:
        self.rendering: Rendering = rendering
        self.format = format_
        #: Set by `exit`: the events that are still queued are not for us.
        self.exiting = False
        self.status = 0
        self._session = session
        self._stream = stream
        self._maps = MapReader(session, rendering)
        self._chunks: list[bytes] = []
        self.write = self._chunks.append

    def flush(self) -> None:
        """Writes what was queued."""
        if self._chunks:
            data = b"".join(self._chunks)
            self._chunks.clear()
            self._stream.write(data)

    def notice(self, data: bytes, on_output: bool) -> None:
        """Writes to the output or to standard error, in order with what was queued."""
        if on_output:
            self.write(data)
        else:
            self.flush()
            _write_error(data)

    def error(self, message: str) -> None:
        self.notice(f"ERROR: {message}\n".encode("utf-8", "surrogateescape"), False)

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None:
        self.show_map(self._session.program.map(name), explicit=True, top=top, divisor=divisor)

    def show_map(self, spec: MapSpec, *, explicit: bool, top: int = 0, divisor: int = 1) -> None:
        try:
            entries = self._maps.entries(spec, explicit=explicit, top=top, divisor=divisor)
        except OSError as error:
            self.error(f"Error printing map: {error}")
            return
        self.write(self.format.map(spec, entries, explicit=explicit))

    def clear_map(self, name: str) -> None:
        self._session.clear_map(self._session.program.map(name))

    def zero_map(self, name: str) -> None:
        self._session.zero_map(self._session.program.map(name))

    def exit(self, code: int) -> None:
        self.status = code & 0xFF
        self.exiting = True


class EventLoop:
    """One run of one session."""

    def __init__(self, session: Session, options: RunOptions, stream: OutputStream) -> None:
        program = session.program
        self._session = session
        self._options = options
        self._stream = stream
        symbols = ProcessSymbols()
        rendering = ValueRendering(program.config, options.functions, symbols)
        self._output = RunOutput(session, rendering, options.format.create(rendering), stream)
        self._decoder = EventDecoder(program.events, options.functions, self._output)
        self._failures = FailureReporter(session, self._output.format, options, self._output.notice)
        shown = [t for event in program.events for t in event.fields]
        shown += [t for spec in program.maps for t in (spec.key_type, spec.value_type) if t is not None]
        self._watch: MappingWatch | None = None
        if session.pid is not None and any(map(_has_user_stack, shown)):
            self._watch = MappingWatch(symbols, session.pid, CHECK_INTERVAL)

    def run(self) -> int:
        """Gives the exit status."""
        session, output = self._session, self._output
        session.release()
        if self._watch is not None:
            self._watch.look()
        self._announce()
        self._take_events()
        session.stop()
        self._drain()
        output.exiting = False
        session.run_end_probes()
        self._drain()
        self._finish()
        return self._status()

    def _announce(self) -> None:
        output = self._output
        if not self._options.quiet:
            output.notice(output.format.attached(self._session.attached), output.format.notices_on_output)
        word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
        output.flush()
        if self._options.environment.get(word):
            # What waits for the probes to be attached reads standard output, wherever the script's output goes.
            self._stream.flush()
            os.write(STDOUT, word.encode() + b"\n")

    def _take_events(self) -> None:
        """Handles events until the script, a signal, the end of the process or a failed write ends the run."""
        session, output, stream, watch = self._session, self._output, self._stream, self._watch
        wait, next_check = FIRST_WAIT, 0.0
        while not output.exiting and stream.error is None and not session.finished():
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

    def _drain(self) -> None:
        """Handles what is still queued; after an exit it is only taken away."""
        while span := self._session.read_span():
            self._decoder.decode(span)
            self._output.flush()

    def _finish(self) -> None:
        """What is written after the last event."""
        output, program = self._output, self._session.program
        self._failures.report(final=True)
        if self._failures.lost and self._options.show_warnings:
            output.notice(b"WARNING: Total lost event count: %d\n" % self._failures.lost, False)
        output.write(output.format.end())
        if program.config.print_maps_on_exit:
            for spec in sorted((m for m in program.maps if m.is_script_map), key=lambda m: m.name):
                output.show_map(spec, explicit=False)
        output.flush()
        self._stream.flush()

    def _status(self) -> int:
        error = self._stream.error
        if error is None:
            return self._output.status
        if not isinstance(error, BrokenPipeError):
            where = f' "{self._options.output_path}"' if self._options.output_path else ""
            _write_error(f"ERROR: Failed to write output{where}: {os.strerror(error.errno or 0)}\n".encode())
        return 1


def _has_user_stack(type_: Type) -> bool:
    match type_:
        case OwnedType(owner=owner):
            return owner == "ustack"
        case Tuple(elements):
            return any(map(_has_user_stack, elements))
    return False


def _write_error(data: bytes) -> None:
    try:
        os.write(STDERR, data)
    except BrokenPipeError:
        return  # nobody reads what goes wrong any more
