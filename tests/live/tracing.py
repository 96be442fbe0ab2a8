"""Runs the command as a user would, against processes that the test started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from json_lines import checked_lines

PYBPFTRACE = [sys.executable, "-m", "pybpftrace"]
#: How long anything may take before a test gives up; not a measure of speed.
PATIENCE = 60.0


@dataclass(frozen=True)
class Finished:
    status: int
    stdout: str
    stderr: str


def run(*arguments: str, environment: dict[str, str] | None = None) -> Finished:
    """Runs the command to its end."""
    done = subprocess.run(
        [*PYBPFTRACE, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    check_json(arguments, done.stdout)
    return Finished(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def check_json(arguments: Sequence[str], stdout: bytes) -> None:
    """What a command with `-f json` printed fits the published schema, but for what stays plain text everywhere."""
    if ("-f", "json") in pairwise(arguments) and "-o" not in arguments:
        checked_lines(b"".join(line for line in stdout.splitlines(keepends=True) if line.startswith(b"{")))


class Tracer:
    """A running command; its output is collected as it comes."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.process = subprocess.Popen(
            [*PYBPFTRACE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        self._collected = {"stdout": b"", "stderr": b""}
        self._threads = [threading.Thread(target=self._collect, args=(name,), daemon=True) for name in self._collected]
        for thread in self._threads:
            thread.start()

    def _collect(self, name: str) -> None:
        stream = getattr(self.process, name)
        while data := os.read(stream.fileno(), 65536):
            self._collected[name] += data

    def wait_for(self, pattern: str, stream: str = "stdout") -> str:
        """Waits until the stream's text matches; gives the text so far."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            text = self._collected[stream].decode(errors="replace")
            if re.search(pattern, text, re.MULTILINE):
                return text
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} on {stream}; got {self._collected}")

    def wait_attached(self) -> None:
        self.wait_for(r"^Attached \d+ probe", "stderr")

    def interrupt(self) -> Finished:
        """SIGINT, then the rest of the output."""
        self.process.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self) -> Finished:
        status = self.process.wait(timeout=PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        check_json(self._arguments, self._collected["stdout"])
        return Finished(
            status,
            self._collected["stdout"].decode(errors="replace"),
            self._collected["stderr"].decode(errors="replace"),
        )


@contextmanager
def tracer(*arguments: str) -> Iterator[Tracer]:
    running = Tracer(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


@contextmanager
def worker(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the test's own that works until the test is over."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
