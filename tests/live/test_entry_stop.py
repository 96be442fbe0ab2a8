"""A child of -c that waits at its program's first instruction."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from pybpftrace.passes.load.processes import ChildProcess
from tracing import PATIENCE

pytestmark = pytest.mark.live

STOPPED_BY_A_TRACER = "t (tracing stop)"


def status(pid: int, field: str) -> str:
    """A field of proc_pid_status(5); '' for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""
    return next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith(field))


def test_a_child_waits_with_its_libraries_mapped_and_then_runs_on_unharmed() -> None:
    child = ChildProcess("/bin/cat /proc/self/status")
    try:
        child.run_to_entry()
        assert status(child.pid, "State") == STOPPED_BY_A_TRACER
        assert "/libc.so.6\n" in Path(f"/proc/{child.pid}/maps").read_text(encoding="ascii")
        child.release()
        deadline = time.monotonic() + PATIENCE
        while not child.ended() and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        child.close()
    assert child.ending == "exited with code: 0"


def test_a_child_that_runs_on_has_no_tracer() -> None:
    child = ChildProcess("/bin/sleep 60")
    try:
        child.run_to_entry()
        child.release()
        assert status(child.pid, "TracerPid") == "0"
    finally:
        child.close()
    assert child.ending == "terminated by signal: 15"


def test_a_child_that_is_never_released_is_killed() -> None:
    child = ChildProcess("/bin/sleep 60")
    child.run_to_entry()
    child.close()
    assert (child.ending, status(child.pid, "State")) == ("terminated by signal: 9", "")


def test_a_child_is_killed_with_its_tracer() -> None:
    code = (
        "from pybpftrace.passes.load.processes import ChildProcess\n"
        "child = ChildProcess('/bin/sleep 60'); child.run_to_entry(); print(child.pid, flush=True); input()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as tracer:
        assert tracer.stdout is not None
        pid = int(tracer.stdout.readline())
        assert status(pid, "State") == STOPPED_BY_A_TRACER
        tracer.kill()
    deadline = time.monotonic() + PATIENCE
    while status(pid, "State")[:1] not in ("", "Z") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert status(pid, "State")[:1] in ("", "Z")
