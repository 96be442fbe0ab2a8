"""A process that demangles long names, because one such name can take all memory and time there is.

It holds no file of the tracer's, so that nothing stays attached through it, and ends when the tracer does. A name that
exceeds the limits ends it, and the next name gets a new one. This file must not know how names are demangled.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable

#: More memory than it begins with, in bytes; processor time of a name, in seconds; bytes of a text.
_MAX_MEMORY, _MAX_SECONDS, _MAX_TEXT = 1 << 26, 1.0, 1 << 16
#: How often it is started again: whoever makes names that end it shall not make the tracer start processes for ever.
_MAX_STARTS = 8
_LENGTH = struct.Struct("<I")
_PR_SET_PDEATHSIG = 1


class DemangleChild:
    """Started by the first name. `demangle` is called in there."""

    def __init__(self, demangle: Callable[[bytes], bytes | None]) -> None:
        self._demangle = demangle
        self._starts = 0
        self._pid = 0
        self._send = self._receive = -1

    def ask(self, name: bytes) -> bytes | None:
        """What `demangle` gives; None too where that takes too much or is too long. Raises OSError."""
        if not self._pid:
            if self._starts >= _MAX_STARTS:
                return None
            self._start()
        try:
            os.write(self._send, _LENGTH.pack(len(name)) + name)
            (length,) = _LENGTH.unpack(_exactly(self._receive, _LENGTH.size))
            return _exactly(self._receive, length) or None
        except (BrokenPipeError, EOFError):
            self.close()
            return None

    def close(self) -> None:
        if self._pid:
            os.close(self._send)
            os.close(self._receive)
            os.waitpid(self._pid, 0)
            self._pid = 0

    def _start(self) -> None:
        self._starts += 1
        requests, self._send = os.pipe()
        self._receive, answers = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid:
            os.close(requests)
            os.close(answers)
            return
        try:
            _be_alone(parent, requests, answers)
            while True:
                self._serve(requests, answers)
        finally:
            os._exit(0)

    def _serve(self, requests: int, answers: int) -> None:
        """Answers one name. Raises EOFError when the tracer has ended."""
        (length,) = _LENGTH.unpack(_exactly(requests, _LENGTH.size))
        name = _exactly(requests, length)
        signal.setitimer(signal.ITIMER_VIRTUAL, _MAX_SECONDS)  # its signal ends a process that does not catch it
        text = self._demangle(name) or b""
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if len(text) > _MAX_TEXT:
            text = b""
        answer = _LENGTH.pack(len(text)) + text
        while answer:
            answer = answer[os.write(answers, answer) :]


def _exactly(descriptor: int, size: int) -> bytes:
    """Raises EOFError where the other end was closed before."""
    data = b""
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _be_alone(parent: int, *kept: int) -> None:
    """Closes what belongs to the tracer, ends when it does, leaves signals of the terminal to it, and sets limits."""
    import resource

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGVTALRM,))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)  # it ended before it could be said so
    at = 0
    for descriptor in (*sorted(kept), 1 << 20):
        os.closerange(at, descriptor)
        at = descriptor + 1
    with open("/proc/self/statm", "rb") as file:
        begun_with = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (begun_with + _MAX_MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
