"""A tracer that is killed leaves nothing behind: no program, map or link in the kernel, no child."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bpf_objects import ids
from programs import build
from tracing import PATIENCE, tracer

pytestmark = pytest.mark.live

KINDS = ("program", "map", "link")
PROGRAM = r"""
#include <unistd.h>
#include <stdio.h>
int value;
__attribute__((noinline)) void first(int n) { value += n; }
__attribute__((noinline)) void second(int n) { value -= n; }
int main(void) {
    printf("%d\n", getpid());
    fflush(stdout);
    for (;;) { first(2); second(1); usleep(1000); }
}
"""

#: What is attached, by the ways of attaching; PROGRAM is the child's path.
SCRIPTS = {
    "tracepoint": "tracepoint:syscalls:sys_enter_clock_nanosleep /pid == cpid/ { @ = count(); }",
    "rawtracepoint": "rawtracepoint:sys_enter /pid == cpid/ { @ = count(); }",
    "uprobe": "uprobe:PROGRAM:first { @ = count(); } uretprobe:PROGRAM:second { @r = count(); }",
    "uprobes in one link": "uprobe:PROGRAM:*s*d { @ = count(); } uprobe:PROGRAM:*i*st { @f = count(); }",
    "timers": "profile:hz:99 { @ = count(); } interval:ms:10 { @i = count(); }",
    "software": "software:cpu-clock:100000 { @ = count(); }",
    "self": "self:signal:SIGUSR1 { @ = count(); } begin { @b = 1; } end { @e = 1; }",
}


def objects() -> dict[str, set[int]]:
    return {kind: set(ids(kind)) for kind in KINDS}


def wait_until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("killed"), "worker", PROGRAM)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_killed_tracer_leaves_no_object_and_no_child(script: str, program: str) -> None:
    before = objects()
    with tracer("-e", script.replace("PROGRAM", program), "-c", program) as running:
        running.wait_attached()
        child = os.pidfd_open(int(running.wait_for(r"^(\d+)$").split()[0]))
        made = {kind: found - before[kind] for kind, found in objects().items()}
        assert made["program"] and made["map"], "the test looks at the wrong objects"
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    try:
        assert select.select([child], [], [], PATIENCE)[0] == [child], "the child still runs"
    finally:
        os.close(child)
    left = lambda: {kind: made[kind] & found for kind, found in objects().items() if made[kind] & found}  # noqa: E731
    assert wait_until(lambda: not left()), left()


def test_nothing_stays_in_the_bpf_file_system_unless_it_is_pinned(tmp_path: Path) -> None:
    pins = Path("/sys/fs/bpf")
    before = set(pins.iterdir()) if pins.is_dir() else set()
    with tracer("-e", "interval:ms:10 { @ = count(); }") as running:
        running.wait_attached()
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    assert (set(pins.iterdir()) if pins.is_dir() else set()) == before


