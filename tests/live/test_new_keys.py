"""What is done to a key that is not in a map yet is not lost when it is done on all CPUs at once."""

from __future__ import annotations

import os
import subprocess
from collections import Counter

import pytest
from new_keys import PROCESSES, meeting_program, values
from pybpftrace.core.linux import machine
from tracing import tracer

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
]

KEYS = 8000
#: Processes that call the function with each key.
CALLS = PROCESSES * len(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return meeting_program(tmp_path_factory.mktemp("new_keys"))


def traced(program: str, update: str, declaration: str = "") -> list[str]:
    """What the map @n has after the program ran once. Only the test's own program has the file."""
    script = f"config = {{ max_map_keys = {KEYS * CALLS} }} {declaration} uprobe:{program}:hit {{ {update} }}"
    with tracer("-e", script) as running:
        running.wait_attached()
        subprocess.run([program, str(KEYS)], check=True)
        done = running.interrupt()
    assert done.status == 0 and done.stderr.startswith("Attached ") and done.stderr.count("\n") == 1, done.stderr
    return values(done.stdout)


@pytest.mark.parametrize(
    ("update", "each"),
    [
        ("@n[arg0]++;", 1),
        ("--@n[arg0];", -1),
        ("@n[arg0] += 3;", 3),
        ("@n[arg0] -= 3;", -3),
        ("$old = @n[arg0]++;", 1),
        ("@n[arg0] = count();", 1),
        ("@n[arg0] = sum(3);", 3),
    ],
)
def test_every_addition_counts(program: str, update: str, each: int) -> None:
    assert Counter(traced(program, update)) == {str(each * CALLS): KEYS}


def test_every_bit_is_kept(program: str) -> None:
    assert Counter(traced(program, "@n[arg0] |= 1 << arg1;")) == {str((1 << CALLS) - 1): KEYS}
