"""A booted guest, and commands that run in it.

It knows nothing of pybpftrace: what a test traces is tracing.py's.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from . import agent
from .kernel import Kernel
from .machine import Machine
from .prerequisites import Programs

_BOOT_PATIENCE = 120.0
#: Seconds that a guest may take to say that it ended a command whose time was over.
_GRACE = 30.0
_ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


class GuestDied(Exception):
    """The machine ended, or does not answer; the text has the last that it said."""


class TimeLimit(AssertionError):
    """A command took longer than its test allows and was killed; the text has its output."""


@dataclass(frozen=True)
class Completed:
    """A command that ended. `status` is negative for a signal. `os.fsencode` gives the bytes of the streams."""

    status: int
    stdout: str
    stderr: str


@dataclass
class _Record:
    """What the reading thread knows of a command."""

    streams: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    status: int | None = None
    timed_out: bool = False


class Running:
    """A command that runs in a guest. Its process group is killed when its first process ends, or its time is over."""

    def __init__(self, guest: Guest, number: int, words: Sequence[str], limit: float) -> None:
        self._guest = guest
        self._number = number
        self._words = words
        self._deadline = time.monotonic() + limit + _GRACE

    def wait(self) -> Completed:
        """Raises TimeLimit, GuestDied."""
        record = self._guest.wait_until(self._number, lambda record: record.status is not None, self._deadline)
        stdout, stderr = (_text(record.streams[name]) for name in ("stdout", "stderr"))
        if record.timed_out or record.status is None:
            raise TimeLimit(f"took too long: {' '.join(self._words)}\nstdout:\n{stdout}\nstderr:\n{stderr}")
        return Completed(record.status, stdout, stderr)

    def wait_for(self, pattern: str, stream: str = "stdout") -> str:
        """Until the stream's text matches; gives the text so far. AssertionError when the command ends before."""
        compiled = re.compile(pattern, re.MULTILINE)

        def is_there(record: _Record) -> bool:
            return record.status is not None or compiled.search(_text(record.streams[stream])) is not None

        record = self._guest.wait_until(self._number, is_there, self._deadline)
        text = _text(record.streams[stream])
        assert compiled.search(text), f"no {pattern!r} on {stream}: {record}"
        return text

    def signal(self, number: signal.Signals) -> None:
        """To the process group."""
        self._guest.send({"id": self._number, "signal": int(number)})

    def interrupt(self) -> Completed:
        """SIGINT, then the rest of the output."""
        self.signal(signal.SIGINT)
        return self.wait()


class Guest:
    """A machine that has booted `kernel`. Make it, stop it, and let nobody else's thread do so (see Machine)."""

    def __init__(self, kernel: Kernel, programs: Programs) -> None:
        """Boots. Raises GuestDied when that fails."""
        self.kernel = kernel
        self._records: dict[int, _Record] = {0: _Record()}
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._is_dead = False
        self._connection: socket.socket | None = None
        self._machine = Machine(kernel, programs)
        try:
            self._machine.start()
            self._connection = self._machine.connect(_BOOT_PATIENCE)
            self._reader = threading.Thread(target=self._read, args=(self._connection,), daemon=True)
            self._reader.start()
            self.wait_until(0, lambda record: record.status is not None, time.monotonic() + _BOOT_PATIENCE)
        except TimeoutError:
            last_words = self._machine.last_words
            self.stop()
            raise GuestDied(f"QEMU did not start{last_words}") from None
        except BaseException:
            self.stop()
            raise

    def run(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60,
        stdin: bytes = b"",
        directory: str = "/",
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a command to its end, `timeout` in seconds. Raises TimeLimit, GuestDied."""
        return self.start(
            command, timeout=timeout, stdin=stdin, directory=directory, environment=environment
        ).wait()

    def start(
        self,
        command: Sequence[str],
        *,
        timeout: float = 60,
        stdin: bytes = b"",
        directory: str = "/",
        environment: Mapping[str, str] | None = None,
    ) -> Running:
        """Start a command; others can run meanwhile. Raises GuestDied."""
        with self._changed:
            number = len(self._records)
            self._records[number] = _Record()
        request = {
            "id": number,
            "command": list(command),
            "directory": directory,
            "environment": {**_ENVIRONMENT, **(environment or {})},
            "limit": timeout,
        }
        self.send(request, stdin)
        return Running(self, number, command, timeout)

    def write(self, path: str, content: bytes) -> None:
        """Put a file into the guest; it is not seen here. Raises TimeLimit, GuestDied."""
        done = self.run(["sh", "-c", 'mkdir -p "${0%/*}" && cat >"$0"', path], stdin=content)
        assert done.status == 0, done

    def send(self, request: dict[str, object], data: bytes = b"") -> None:
        """Raises GuestDied."""
        assert self._connection is not None
        try:
            with self._sending:
                self._connection.sendall(agent.pack(request, data))
        except OSError:
            raise GuestDied(f"the guest is gone{self._machine.last_words}") from None

    def wait_until(self, number: int, condition: Callable[[_Record], bool], deadline: float) -> _Record:
        """The record of a command, once it meets the condition. Raises GuestDied."""
        record = self._records[number]
        with self._changed:
            self._changed.wait_for(lambda: self._is_dead or condition(record), deadline - time.monotonic())
            if condition(record):
                return record
        what = "ended" if self._is_dead else "does not answer"
        raise GuestDied(f"the guest {what}{self._machine.last_words}")

    @property
    def console(self) -> str:
        """What the kernel said at level 4 (warning) and above."""
        return self._machine.console

    def stop(self) -> None:
        """Can be called twice."""
        self._machine.stop()
        if self._connection is not None:
            self._connection.close()

    def _read(self, connection: socket.socket) -> None:
        with suppress(EOFError, OSError):
            while True:
                fields, data = agent.unpack(connection.recv)
                with self._changed:
                    record = self._records[fields["id"]]
                    if "stream" in fields:
                        record.streams[fields["stream"]] += data
                    else:
                        record.status, record.timed_out = fields.get("status", 0), fields.get("timed_out", False)
                    self._changed.notify_all()
        with self._changed:
            self._is_dead = True
            self._changed.notify_all()


def _text(content: bytearray) -> str:
    return content.decode("utf-8", "surrogateescape")
