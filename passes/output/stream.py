"""Where the output goes: standard output or a file, flushed as -B says.

It takes bytes and writes them; a failed write ends the output for good and is remembered, so that the run can end in
order instead of in a traceback.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Mapping
from typing import Protocol

from ...core.terminal_text import guarded

STDOUT, STDERR = 1, 2
#: A full buffer, in bytes.
CAPACITY = 1 << 16


class Stream(Protocol):
    """What takes the output of a batch of events."""

    def write(self, data: bytes) -> None: ...


class RunStream(Stream, Protocol):
    """Where a whole run's output goes. `error` is why writing failed, or None."""

    error: OSError | None

    def flush(self) -> None:
        """Writes all that is kept back."""


class OutputStream:
    """Buffered output to a file descriptor.

    `buffering`: 'line' keeps back what follows the last newline, 'none' nothing, 'full' all until the buffer is full.
    """

    def __init__(self, descriptor: int, buffering: str) -> None:
        self._descriptor = descriptor
        self._buffering = buffering
        self._pending = b""
        #: Why writing failed, or None.
        self.error: OSError | None = None

    def write(self, data: bytes) -> None:
        pending = self._pending + data
        match self._buffering:
            case "none":
                cut = len(pending)
            case "line":
                cut = pending.rfind(b"\n") + 1
            case _:
                cut = 0
        if len(pending) - cut >= CAPACITY:
            cut = len(pending)
        self._pending = pending[cut:]
        self._write_all(pending[:cut])

    def flush(self) -> None:
        """Writes all that is kept back."""
        data, self._pending = self._pending, b""
        self._write_all(data)

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self.error is None:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                # Standard output may have been made non-blocking by whoever shares it.
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.error = error


class GuardedLines:
    """Makes text that comes in pieces fit for a terminal, line by line, so that no character is cut in two."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._rest = b""

    def write(self, data: bytes) -> None:
        lines, newline, self._rest = (self._rest + data).rpartition(b"\n")
        if newline:
            self._write(guarded(lines + newline))

    def flush(self) -> None:
        """Writes the line that has no end yet."""
        rest, self._rest = self._rest, b""
        self._write(guarded(rest))


class Capture:
    """Keeps output instead of writing it."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._chunks.append(data)

    def take(self) -> bytes:
        """All that was written since the last call."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


def wants_colour(environment: Mapping[str, str]) -> bool:
    """Whether messages are to be coloured: as the environment says, or where people look at all of the output."""
    setting = environment.get("BPFTRACE_COLOR", "auto")
    return setting == "always" or (setting == "auto" and os.isatty(STDOUT) and os.isatty(STDERR))


def write_error(data: bytes) -> None:
    """To standard error, at once."""
    try:
        os.write(STDERR, data)
    except BrokenPipeError:
        return  # nobody reads what goes wrong any more
