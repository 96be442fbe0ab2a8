"""No event is unaccounted for: what a program produced is what was delivered and what was reported lost, exactly.

The traced program makes events faster than a slow reader of the output takes them, with a ring buffer of one page.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import IO

import pytest
from programs import build
from tracing import PATIENCE, PYBPFTRACE, Finished, worker

pytestmark = pytest.mark.live

CALLS = 300_000
SOURCE = """
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((noinline)) void work(const char *text) { __asm__ volatile("" :: "r"(text) : "memory"); }
int main(int argc, char **argv) {
    long count = atol(argv[2]);
    char text[201];
    memset(text, 'x', 200);
    text[200] = 0;
    for (long i = 0; i < count; i++)
        switch (argv[1][0]) {
        case 'g': syscall(SYS_getppid); break;
        case 'o': open(text, O_RDONLY); break;
        case 'w': work(text); break;
        }
    return 0;
}
"""
GETPPID = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/"
OPENAT = "tracepoint:syscalls:sys_enter_openat /pid == cpid/"
NUMBER = 'printf("event %d 0x%x\\n", pid, tid); @n = count();'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("loss"), "caller", SOURCE)


def read_slowly(stream: IO[bytes], interrupt: Callable[[], None]) -> bytes:
    """Takes a pipe's worth now and then, so that the writer has to wait most of the time."""
    collected = [os.read(stream.fileno(), 1)]
    time.sleep(0.3)
    interrupt()
    while data := os.read(stream.fileno(), 1 << 16):
        collected.append(data)
        time.sleep(0.001)
    return b"".join(collected)


def run_slowly(*arguments: str, pages: int = 1, interrupts: bool = False) -> Finished:
    """Runs the command with its output read slowly; what it says on standard error is short.

    `interrupts`: it gets SIGINT when it has been running for a moment.
    """
    environment = {**os.environ, "BPFTRACE_PERF_RB_PAGES": str(pages)}
    with subprocess.Popen(
        [*PYBPFTRACE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        number = signal.SIGINT if interrupts else 0  # 0 tests whether it is there
        out = read_slowly(process.stdout, lambda: process.send_signal(number))
        err = process.stderr.read()
        status = process.wait(PATIENCE)
    return Finished(status, out.decode(), err.decode())


@pytest.mark.parametrize(
    ("work", "calls", "script"),
    [
        ("getppid", CALLS, f"{GETPPID} {{ {NUMBER} }}"),
        ("getppid", CALLS, f'{GETPPID} {{ printf("event %s %s\\n", comm, probe); @n = count(); }}'),
        ("openat", CALLS // 3, f'{OPENAT} {{ printf("event %s\\n", str(args.filename)); @n = count(); }}'),
        ("work", CALLS // 3, 'uprobe:{program}:work {{ printf("event %s\\n", str(arg0)); @n = count(); }}'),
    ],
    ids=["numbers", "short strings", "long strings", "strings in a uprobe"],
)
def test_what_is_produced_is_delivered_or_reported_lost(program: str, work: str, calls: int, script: str) -> None:
    if "{program}" in script:
        script = script.format(program=program)
    done = run_slowly("-c", f"{program} {work} {calls}", "-e", script)
    assert done.status == 0
    delivered = sum(line.startswith("event ") for line in done.stdout.splitlines())
    lost = [int(number) for number in re.findall(r"^Lost (\d+) events$", done.stderr, re.MULTILINE)]
    # The loader of the traced program opens some files, too.
    produced = int(re.findall(r"^@n: (\d+)$", done.stdout, re.MULTILINE)[0])
    assert calls <= produced <= calls + (20 if work == "openat" else 0)
    assert delivered + sum(lost) == produced
    assert 0 < delivered < produced
    assert all(lost)
    assert done.stderr.splitlines()[-1] == f"WARNING: Total lost event count: {sum(lost)}"
    others = [line for line in done.stderr.splitlines() if not line.startswith(("Lost ", "WARNING: Total "))]
    assert others == ["Attached 1 probe"]


def test_in_json_losses_are_objects_among_the_others_that_sum_up(program: str) -> None:
    done = run_slowly("-f", "json", "-c", f"{program} getppid {CALLS}", "-e", f"{GETPPID} {{ {NUMBER} }}")
    assert done.status == 0
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    delivered = sum(message["type"] == "printf" for message in messages)
    lost = [message for message in messages if message["type"] == "lost_events"]
    assert lost and all(message["count"] == message["data"]["events"] > 0 for message in lost)
    total = sum(message["count"] for message in lost)
    assert messages[-1] == {"type": "map", "data": {"@n": CALLS}}
    assert delivered + total == CALLS
    assert done.stderr == f"WARNING: Total lost event count: {total}\n"


def test_nothing_is_lost_and_nothing_said_of_it_when_the_ring_buffer_holds_everything(program: str) -> None:
    calls = 20_000
    done = run_slowly("-c", f"{program} getppid {calls}", "-e", f"{GETPPID} {{ {NUMBER} }}", pages=1024)
    assert done.stdout.count("event ") == calls
    assert f"@n: {calls}\n" in done.stdout
    assert done.stderr == "Attached 1 probe\n"


def test_without_warnings_the_total_is_not_told_but_each_loss_is(program: str) -> None:
    script = f"{GETPPID} {{ {NUMBER} }}"
    done = run_slowly("--no-warnings", "-c", f"{program} getppid {CALLS}", "-e", script)
    lost = sum(map(int, re.findall(r"^Lost (\d+) events$", done.stderr, re.MULTILINE)))
    assert done.stdout.count("event ") + lost == CALLS
    assert "WARNING" not in done.stderr


def test_every_event_of_an_interrupted_run_is_accounted_for_though_the_process_goes_on(program: str) -> None:
    script = f'tracepoint:syscalls:sys_enter_getppid {{ {NUMBER} }} end {{ printf("last\\n"); }}'
    with worker([program, "getppid", str(10**12)]) as traced:
        done = run_slowly("-p", str(traced.pid), "-e", script, interrupts=True)
        assert traced.poll() is None
    assert done.status == 0
    lost = sum(map(int, re.findall(r"^Lost (\d+) events$", done.stderr, re.MULTILINE)))
    ending = re.search(r"^last\n\n\n@n: (\d+)\n\Z", done.stdout, re.MULTILINE)
    assert ending is not None, done.stdout[-200:]
    assert done.stdout.count("event ") + lost == int(ending[1])
    assert lost > 0
