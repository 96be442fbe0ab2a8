"""SIGINT and SIGTERM end a run in an orderly way: they wake whoever waits, and leave it to them to stop.

Nothing is raised from a signal handler, so no resource is lost half-way. Whoever sends a third one does not want to
wait for that (output into a pipe that nobody reads can block for ever): it has its default effect. SIGUSR1 is ignored,
as tools that drive a tracer expect. The earlier handlers come back when the run is over.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)


class EndSignals:
    """Catches the signals from construction to `restore`. Main thread only (signal(3) handlers in Python are)."""

    def __init__(self) -> None:
        #: How many signals came.
        self.count = 0
        self.descriptor, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._note) for number in _ENDING}
        self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        # Not at the second: timeout(1) and terminals often deliver the first one twice.
        if self.count == 2:
            for ending in _ENDING:
                signal.signal(ending, signal.SIG_DFL)

    def drain(self) -> None:
        """Empties the wakeup descriptor, so that it does not stay readable. Every caught signal put a byte there."""
        try:
            while os.read(self.descriptor, 64):
                continue
        except BlockingIOError:
            return

    def restore(self) -> None:
        """Gives the signals back; may be called twice."""
        if not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.descriptor)
        os.close(self._write_end)
