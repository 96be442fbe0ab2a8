"""What tests and benchmarks have in common: programs that the tracer itself runs one by one, with what each says.

What a program prints is kept for the runner to judge. What the begin programs printed before, and what goes wrong in
probes, is told as in any other run.
"""

from __future__ import annotations

from errno import EINTR

from ...core.artifacts import ProgramSpec
from ...core.frozen import dataclass
from ...core.linux.errors import KernelError
from ...core.run import RunOptions
from ...core.session import Session
from .events import EventDecoder
from .failures import FailureReporter
from .rendering import ValueRendering
from .run_output import RunOutput
from .stream import Capture, OutputStream
from .symbols import ProcessSymbols


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of running a program: its return value (u32), the ns of one run on average, what it printed.

    `failed`: it said itself that something is wrong, by an error or an exit with another status than 0.
    """

    returned: int
    nanoseconds: int
    failed: bool
    output: bytes


class ProgramRunner:
    """Runs the programs of a mode's lifecycle; `programs` has them with their names, in the script's order."""

    def __init__(self, session: Session, options: RunOptions, stream: OutputStream) -> None:
        program = session.program
        self.programs = [(spec.point.text("name"), spec) for spec in session.runnable(options.mode)]
        symbols = ProcessSymbols(program.config, options.debug_directories)
        self.rendering = ValueRendering(program.config, options.functions, symbols)
        #: The run's own output; what the programs print does not get there by itself.
        self.output = RunOutput(session, self.rendering, options.format.create(self.rendering), stream, options)
        self.rendering.guards = options.guards and self.output.format.verbatim
        self._session = session
        self._options = options
        self._functions = options.functions
        self._stream = stream
        self._capture = Capture()
        self._capture_format = (options.capture_format or options.format).create(self.rendering)
        self._failures = FailureReporter(session, options, self.output)

    @property
    def interrupted(self) -> bool:
        """Whether a signal wants the run to end."""
        return self._session.finished()

    def begin(self) -> bool:
        """Handles what the begin programs sent; False when they ended the run."""
        self._drain(self.output)
        self.report_failures()
        return not self.output.exiting

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> Outcome | None:
        """None when a signal that ends the run came meanwhile. Raises: KernelError."""
        try:
            returned, nanoseconds = self._session.run_program(program, repeat)
        except KernelError as error:
            if error.errno != EINTR:
                raise
            return None
        kept = RunOutput(
            self._session, self.rendering, self._capture_format, self._capture, self._options, captures=True
        )
        self._drain(kept)
        return Outcome(returned, nanoseconds, kept.failed or kept.status != 0, self._capture.take())

    def report_failures(self) -> None:
        """Tells what went wrong in probes since the last call: warnings, lost events."""
        self._failures.report(final=True)
        self.output.flush()

    def forget_failures(self) -> None:
        """Takes away what went wrong in probes since the last report."""
        self._session.failures()

    def end(self) -> None:
        """Writes what ends every run. Maps are not shown: they hold what the programs needed for themselves."""
        self.output.write(self.output.format.end())
        self.output.flush()
        self._stream.flush()

    def _drain(self, output: RunOutput) -> None:
        """Handles what is queued; behind an exit it is only taken away."""
        decoder = EventDecoder(self._session.program.events, self._functions, output)
        while span := self._session.read_span():
            decoder.decode(span)
            output.flush()
