"""Tracing in a guest: scripts compiled here for the guest's kernel and run there, or compiled there too.

Here means in this process, which has the kernel's types at hand; only the command's own `main` is called.
"""

from __future__ import annotations

import io
import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from pybpftrace.cli.main import execute
from pybpftrace.core.target import Target

from .guest import Completed, Guest, Running
from .target import GuestTarget, cache_home, target_of

PYBPFTRACE = (sys.executable, "-m", "pybpftrace")
#: Seconds of a run in the guest, and of one with a compilation, which is 15 to 20 times slower than here.
PATIENCE, PATIENCE_WITH_COMPILER = 60.0, 300.0
_numbers = itertools.count(1)


def trace(
    guest: Guest,
    script: str,
    *options: str,
    workload: str | None = None,
    pid: int | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = PATIENCE,
) -> Completed:
    """Compile here and run in the guest, to its end: `pybpftrace OPTIONS -p PID -c WORKLOAD -e SCRIPT ARGUMENTS`.

    A script that does not compile gives what the compiler gave.
    """
    options = (*options, *(("-c", workload) if workload is not None else ()))
    compiled, artifact = compile_for(
        target_of(guest), (*options, *(("-p", str(pid)) if pid else ()), "-e", script, *arguments), environment
    )
    if artifact is None:
        return compiled
    return run_artifact(guest, artifact, *options, environment=environment, timeout=timeout).wait()


def start_trace(guest: Guest, script: str, *options: str, timeout: float = PATIENCE) -> Running:
    """The same without waiting, for a test that does something meanwhile; the program is attached when this returns."""
    compiled, artifact = compile_for(target_of(guest), (*options, "-e", script))
    assert artifact is not None, compiled.stderr
    running = run_artifact(guest, artifact, *options, timeout=timeout)
    running.wait_for(r"^Attached \d+ probe", "stderr")
    return running


def trace_in_guest(
    guest: Guest,
    script: str,
    *options: str,
    workload: str | None = None,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = PATIENCE_WITH_COMPILER,
) -> Completed:
    """Compile and run in the guest."""
    words = (*options, *(("-c", workload) if workload is not None else ()), "-e", script, *arguments)
    return pybpftrace(guest, *words, environment=environment, timeout=timeout).wait()


def pybpftrace(
    guest: Guest, *words: str, environment: Mapping[str, str] | None = None, timeout: float = PATIENCE_WITH_COMPILER
) -> Running:
    """Start the command in the guest, with any words."""
    target_of(guest)
    home = {"XDG_CACHE_HOME": str(cache_home(guest.kernel))}
    return guest.start([*PYBPFTRACE, *words], environment={**home, **(environment or {})}, timeout=timeout)


def run_artifact(
    guest: Guest,
    artifact: bytes,
    *options: str,
    environment: Mapping[str, str] | None = None,
    timeout: float = PATIENCE,
) -> Running:
    path = f"/tmp/artifacts/{next(_numbers)}"
    guest.write(path, artifact)
    return pybpftrace(guest, *options, path, environment=environment, timeout=timeout)


def compile_for(
    target: GuestTarget, words: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[Completed, bytes | None]:
    """Compile with `--target --emit` and the given words: what the command said, and the artifact if there is one."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with TemporaryDirectory() as directory:
        file = Path(directory, "artifact")
        with (
            mock.patch.object(Target, "from_directory", return_value=target),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            command = ["--no-cache", "--target", target.path, "--emit", str(file), *words]
            status = execute(command, {**os.environ, **(environment or {})})
        artifact = file.read_bytes() if status == 0 else None
    return Completed(status, stdout.getvalue(), stderr.getvalue()), artifact
