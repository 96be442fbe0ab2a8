"""The functions of running BPF programs, of which those of a tracer that the test starts are some."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.target import Target
from pybpftrace.core.target.dependency import still_holds
from tracing import tracer

pytestmark = pytest.mark.live

SCRIPT = "tracepoint:raw_syscalls:sys_enter /pid == 1 && pid == 2/ { @never = count(); }"


def programs_of(pid: int) -> set[int]:
    """The ids of the programs that a process has open."""
    texts = (path.read_text() for path in Path(f"/proc/{pid}/fdinfo").iterdir())
    return {int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("prog_id:")}


def test_programs_come_and_go_with_their_tracer() -> None:
    with tracer("-e", SCRIPT) as running:
        running.wait_attached()
        own = programs_of(running.process.pid)
        target = Target.live()
        assert [name for i, name in target.bpf_functions() if i in own and "sys_enter" in name]
        running.interrupt()
    assert not own & {i for i, _ in Target.live().bpf_functions()}
    assert not all(map(still_holds, target.dependencies))
