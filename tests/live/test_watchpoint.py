"""Watchpoints on a program of the test's own: which accesses they see, on whom, and what goes wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from programs import build
from tracing import run, worker

pytestmark = pytest.mark.live

SOURCE = r"""
#include <pthread.h>
#include <stddef.h>
#include <unistd.h>
volatile long watched;
__attribute__((noinline)) void touch(void) { watched = 1; }
static void *work(void *unused) { for (;;) { touch(); usleep(1000); } return unused; }
int main(int count, char **words) {
    pthread_t thread;
    if (count > 1) {
        for (int i = 0; i < 2; i++) pthread_create(&thread, NULL, work, NULL);
        work(words);
    }
    for (int i = 0; i < 5; i++) touch();
    for (int i = 0; i < 3; i++) (void)watched;
    usleep(200000);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("watched"), "watched", SOURCE, "-no-pie", "-pthread")


def address(program: str, symbol: str) -> int:
    lines = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(int(line.split()[0], 16) for line in lines if line.split()[-1] == symbol)


def test_writes_reads_and_instructions_are_seen(program: str) -> None:
    data, code = address(program, "watched"), address(program, "touch")
    script = f"""
    watchpoint:{data}:8:w /usermode/ {{ @w[ctx.addr == {data}] = count(); }}
    watchpoint:{data}:8:wr /usermode/ {{ @rw = count(); }}
    w:{code}:1:x {{ @x[probe, reg("ip") == {code}] = count(); }}
    """
    done = run("--no-cache", "-q", "-e", script, "-c", program)
    assert done.stdout == f"\n\n@rw: 8\n@w[true]: 5\n@x[watchpoint:{code}:1:x, true]: 5\n"


def test_all_threads_of_a_running_process_are_watched(program: str) -> None:
    point = address(program, "watched")
    script = f"watchpoint:{point}:8:w {{ @[tid] = count(); }} interval:ms:500 {{ exit(); }}"
    with worker([program, "go"]) as process:
        done = run("--no-cache", "-q", "-p", str(process.pid), "-e", script)
    assert done.status == 0
    assert done.stdout.count("@[") == 3


def test_the_probe_is_named_with_the_traced_program_and_a_sorted_mode(program: str) -> None:
    point = address(program, "watched")
    script = f"watchpoint:{point:#x}:8:wr {{ print(probe); exit(); }}"
    with worker([program, "go"]) as process:
        done = run("--no-cache", "-q", "-p", str(process.pid), "-e", script)
    assert done.stdout.splitlines()[0] == f"watchpoint:{Path(program).resolve()}:{point}:8:rw"


def test_more_than_the_processor_can_watch_are_refused_in_words(program: str) -> None:
    points = [f"watchpoint:{address(program, 'watched')}:8:w {{ @[{number}] = count(); }}" for number in range(33)]
    done = run("--no-cache", "-e", " ".join(points), "-c", program)
    assert done.status == 255
    assert "ERROR: No more HW registers left\n" in done.stderr
    assert "ERROR: Unable to attach probe: watchpoint:" in done.stderr


def test_an_address_that_is_not_aligned_is_explained(program: str) -> None:
    done = run("--no-cache", "-e", f"watchpoint:{address(program, 'watched') + 1}:8:w {{ }}", "-c", program)
    assert done.status == 255
    assert "Invalid argument (EINVAL): " in done.stderr
    assert "the address has to be a multiple of the length" in done.stderr


def test_with_missing_probes_the_others_go_on(program: str) -> None:
    point = address(program, "watched")
    script = f"""
    config = {{ missing_probes = "warn" }}
    watchpoint:{point + 1}:8:w {{ }}
    watchpoint:{point}:8:w /usermode/ {{ @ = count(); }}
    """
    done = run("--no-cache", "-e", script, "-c", program)
    assert done.stdout == "\n\n@: 5\n"
    assert f"WARNING: Unable to attach probe: watchpoint:{point + 1}:8:w. Skipping.\n" in done.stderr
