"""The signals of a run: SIGINT and SIGTERM end it in an orderly way, SIGUSR1 is for the script's `self` probes.

They wake whoever waits, and leave it to them to act. Nothing is raised from a signal handler, so no resource is lost
half-way. Whoever sends a third SIGINT or SIGTERM does not want to wait (output into a pipe that nobody reads can block
for ever): it has its default effect. A SIGUSR1 that no probe waits for is ignored, as tools that drive a tracer expect.
The earlier handlers come back when the run is over.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM)


class RunSignals:
    """Catches the signals from construction to `restore`, in the main thread only (signal(3) handlers in Python are).

    `catches_user`: somebody will ask for SIGUSR1 with `take_user`. With `catches` false, which any thread can ask for,
    signals are left alone, and the run ends early by `interrupt`.
    """

    def __init__(self, *, catches: bool = True, catches_user: bool = False) -> None:
        #: How many signals came that end the run.
        self.count = 0
        self._user_came = False
        self.descriptor, self._write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._wakeup_before = -1
        self._before: dict[signal.Signals, Any] = {}
        if catches:
            self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
            self._before = {number: signal.signal(number, self._note) for number in _ENDING}
            user = self._note_user if catches_user else signal.SIG_IGN
            self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, user)

    def interrupt(self) -> None:
        """Ends the run as SIGINT does; any thread may ask for it, also when it has ended already."""
        self.count += 1
        with suppress(OSError):  # the pipe is full, which wakes as well, or closed
            os.write(self._write_end, b"!")

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        # Not at the second: timeout(1) and terminals often deliver the first one twice.
        if self.count == 2:
            for ending in _ENDING:
                signal.signal(ending, signal.SIG_DFL)

    def _note_user(self, number: int, frame: FrameType | None) -> None:
        self._user_came = True

    def take_user(self) -> bool:
        """Whether SIGUSR1 came since the last call, once or more often."""
        came, self._user_came = self._user_came, False
        return came

    def drain(self) -> None:
        """Empties the wakeup descriptor, so that it does not stay readable. Every caught signal put a byte there."""
        try:
            while os.read(self.descriptor, 64):
                continue
        except BlockingIOError:
            return

    def restore(self) -> None:
        """Gives the signals back; may be called twice."""
        if self.descriptor < 0:
            return
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self._before:
            signal.set_wakeup_fd(self._wakeup_before)
        self._before.clear()
        os.close(self.descriptor)
        os.close(self._write_end)
        self.descriptor = self._write_end = -1
