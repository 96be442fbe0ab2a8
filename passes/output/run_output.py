"""What an action sees of the running session: where its text goes, the script's maps, and the end of the run.

It collects what a batch of events writes and puts it out at once. Where that goes is the stream's business, what it
looks like the format's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from ...core.artifacts import MapSpec
from ...core.output import Format, Rendering, ScriptMessage
from ...core.probe import ConcretePoint
from ...core.run import RunOptions
from ...core.session import Session
from ...core.source import SavedSpan
from ...core.terminal_text import guarded_message
from .maps import MapReader
from .rendering import ValueRendering
from .stream import STDERR, Stream, wants_colour, write_error

#: Pieces of a map that are written at a time, so that one of a million keys is never all text.
_PIECES = 4096


class RunOutput:
    """The `core.output.Output` of a run. With `captures` what the script reports goes where all else of its goes, so
    that it is kept or thrown away together with that."""

    def __init__(
        self,
        session: Session,
        rendering: ValueRendering,
        format_: Format,
        stream: Stream,
        options: RunOptions,
        *,
        captures: bool = False,
    ) -> None:
        self.rendering: Rendering = rendering
        rendering.complain = self.error
        self.format = format_
        #: Set by `exit`: the events that are still queued are not for us.
        self.exiting = False
        self.status = 0
        #: Set when something is wrong that the user is told of as an error; a test in which that happens has failed.
        self.failed = False
        #: Whether messages are in colour.
        self.colour = wants_colour(options.environment)
        self._on_terminal = os.isatty(STDERR)
        self.guards_notices = self._on_terminal and not format_.notices_on_output
        self._reports_on_output = captures or format_.notices_on_output
        self._shows_warnings = options.show_warnings
        self._session = session
        self._stream = stream
        #: Reads the script's maps.
        self.maps = MapReader(session, rendering)
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
        self._say("error", message)

    def warning(self, message: str) -> None:
        """The same for a `WARNING:` line."""
        self._say("warning", message)

    def _say(self, level: str, message: str) -> None:
        self.write(self.format.message(level, message))
        shown = guarded_message(message) if self._on_terminal else message
        self.notice(f"{level.upper()}: {shown}\n".encode("utf-8", "surrogateescape"), False)

    def report(self, level: str, place: Sequence[SavedSpan], text: bytes) -> None:
        if level == "error":
            self.failed = True
        elif not self._shows_warnings:
            return
        source = self._session.program.source
        message = ScriptMessage(source, source.span_of(*place), level, text)
        self.notice(self.format.script_message(message, colour=self.colour), self._reports_on_output)

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None:
        self.show_map(self._session.program.map(name), explicit=True, top=top, divisor=divisor)

    def show_map(self, spec: MapSpec, *, explicit: bool, top: int = 0, divisor: int = 1) -> None:
        try:
            entries = self.maps.entries(spec, explicit=explicit, top=top, divisor=divisor)
        except OSError as error:
            self.error(f"Error printing map: {error}")
            return
        for number, piece in enumerate(self.format.map(spec, entries, explicit=explicit), 1):
            self.write(piece)
            if number % _PIECES == 0:
                self.flush()

    def clear_map(self, name: str) -> None:
        self._session.clear_map(self._session.program.map(name))

    def zero_map(self, name: str) -> None:
        self._session.zero_map(self._session.program.map(name))

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        return self._session.detach(is_meant)

    def exit(self, code: int) -> None:
        self.status = code & 0xFF
        self.exiting = True
