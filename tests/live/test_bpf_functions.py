"""The functions of running BPF programs, of which those of a tracer that the test starts are some."""

from __future__ import annotations

import pytest
from pybpftrace.core.target import Target
from pybpftrace.core.target.dependency import still_holds
from tracing import tracer

pytestmark = pytest.mark.live

SCRIPT = "tracepoint:raw_syscalls:sys_enter /pid == 1 && pid == 2/ { @never = count(); }"


def test_programs_come_and_go_with_their_tracer() -> None:
    before = Target.live()
    known = before.bpf_functions()
    assert all(map(still_holds, before.dependencies))
    with tracer("-e", SCRIPT) as running:
        running.wait_attached()
        during = Target.live()
        new = set(during.bpf_functions()) - set(known)
        assert [name for _, name in new if "sys_enter" in name], new
        assert not all(map(still_holds, before.dependencies))
        running.interrupt()
    assert not new & set(Target.live().bpf_functions())
    assert not all(map(still_holds, during.dependencies))
