"""What an action sees of the running session: where its text goes, the script's maps, and the end of the run.

It collects what a batch of events writes and puts it out at once. Where that goes is the stream's business, what it
looks like the format's.
"""

from __future__ import annotations

from ...core.artifacts import MapSpec, Session
from ...core.output import Format, Rendering
from .maps import MapReader
from .rendering import ValueRendering
from .stream import Stream, write_error


class RunOutput:
    """The `core.output.Output` of a run."""

    def __init__(self, session: Session, rendering: ValueRendering, format_: Format, stream: Stream) -> None:
        self.rendering: Rendering = rendering
        self.format = format_
        #: Set by `exit`: the events that are still queued are not for us.
        self.exiting = False
        self.status = 0
        #: Set when something is wrong that the user is told of as an error; a test in which that happens has failed.
        self.failed = False
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
            write_error(data)

    def error(self, message: str) -> None:
        self.failed = True
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
