"""A shell command, run to its end, and what it wrote.

The shell dies with the tracer, however that happens (PR_SET_PDEATHSIG, prctl(2)). Whom the command leaves behind in the
background is not waited for. Nothing here knows what the command is for.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from functools import partial

_PR_SET_PDEATHSIG = 1
_CHUNK = 1 << 16


def run_shell(command: bytes) -> tuple[int, bytes]:
    """(exit status, what it wrote to standard output and standard error); killed by a signal, the status is negative.

    Raises: OSError: it could not be started.
    """
    # A background process may hold on to the output for ever: what counts is the shell itself.
    with subprocess.Popen(
        [b"/bin/sh", b"-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=partial(_die_with, os.getpid()),
    ) as shell:
        assert shell.stdout is not None, "it is a pipe"
        output = shell.stdout.fileno()
        os.set_blocking(output, False)
        ending = os.pidfd_open(shell.pid)
        try:
            chunks = list(_until(ending, output))
        finally:
            os.close(ending)
    return shell.returncode, b"".join(chunks)


def _until(ending: int, output: int) -> Iterator[bytes]:
    """What can be read from a pipe until `ending` becomes readable, and what is left in the pipe then."""
    poll = select.poll()
    poll.register(ending, select.POLLIN)
    poll.register(output, select.POLLIN)
    ended = False
    while not ended:
        ready = {descriptor for descriptor, _ in poll.poll()}
        ended = ending in ready
        while output in ready:
            try:
                chunk = os.read(output, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                poll.unregister(output)
                break
            yield chunk


def _die_with(tracer: int) -> None:
    """In the child, before exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL.value, 0, 0, 0)
    if os.getppid() != tracer:  # it died before prctl
        os._exit(127)
    # The tracer ignores it, and ignored signals stay so across exec.
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
