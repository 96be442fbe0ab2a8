"""Where the output goes: standard output or a file, flushed as -B says.

It takes bytes and writes them; a failed write ends the output for good and is remembered, so that the run can end in
order instead of in a traceback.
"""

from __future__ import annotations

import os
import select
from typing import Protocol

STDOUT, STDERR = 1, 2
#: A full buffer, in bytes.
CAPACITY = 1 << 16


class Stream(Protocol):
    """What takes the output of a batch of events."""

    def write(self, data: bytes) -> None: ...


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


def write_error(data: bytes) -> None:
    """To standard error, at once."""
    try:
        os.write(STDERR, data)
    except BrokenPipeError:
        return  # nobody reads what goes wrong any more
