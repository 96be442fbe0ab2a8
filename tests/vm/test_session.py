"""A kprobe and a kretprobe of the same functions are one program where the kernel can run one at entry and return."""

from __future__ import annotations

import re

import pytest

from .guest import Guest
from .tracing import trace, trace_in_guest

pytestmark = pytest.mark.kernels("6.12", "newest")

PAIR = """
kprobe:vfs_open /pid == cpid/ { @entries = count(); }
kretprobe:vfs_open /pid == cpid && !retval/ { @opened = count(); }
"""


def counts(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r"^(@\w+): (\d+)$", text, re.MULTILINE)}


def test_both_bodies_run_in_one_program(guest: Guest) -> None:
    done = trace(guest, PAIR, workload="/bin/cat /etc/hostname")
    assert done.status == 0, done.stderr
    assert "Attached 1 probe\n" in done.stderr
    found = counts(done.stdout)
    assert found["@entries"] >= found["@opened"] > 0


def test_without_the_feature_they_are_two_programs_that_find_the_same(guest: Guest) -> None:
    done = trace(guest, PAIR, "--no-feature", "kprobe_session", workload="/bin/cat /etc/hostname")
    assert "Attached 2 probes\n" in done.stderr, done.stderr
    together = trace(guest, PAIR, workload="/bin/cat /etc/hostname")
    assert counts(done.stdout) == counts(together.stdout)


def test_a_wildcard_is_one_program_for_all_of_its_functions(guest: Guest) -> None:
    script = """
    kprobe:vfs_rea* /pid == cpid/ { @in[func] = count(); }
    kretprobe:vfs_rea* /pid == cpid/ { @out[func] = count(); }
    """
    done = trace(guest, script, workload="/bin/cat /etc/hostname")
    assert done.status == 0, done.stderr
    entered, left = (dict(re.findall(rf"@{name}\[(\w+)\]: (\d+)", done.stdout)) for name in ("in", "out"))
    assert "vfs_read" in entered and entered == left
    plain = trace(guest, script, "--no-feature", "kprobe_session", workload="/bin/cat /etc/hostname")
    together, apart = (int(re.findall(r"Attached (\d+) probes", run.stderr)[0]) for run in (done, plain))
    assert (together * 2, together > 1) == (apart, True)


def test_a_return_of_either_body_with_any_value_ends_that_body_only(guest: Guest) -> None:
    """1 from the body at entry would keep the kernel from running the one at return."""
    script = """
    kprobe:vfs_open { if (pid != cpid) { return 1; } @entries = count(); return 1; }
    kretprobe:vfs_open { if (pid != cpid) { return 1; } @exits = count(); return 1; @never = count(); }
    """
    done = trace(guest, script, "--unsafe", workload="/bin/cat /etc/hostname")
    assert "Attached 1 probe\n" in done.stderr, done.stderr
    found = counts(done.stdout)
    assert found["@entries"] == found["@exits"] > 0
    assert "@never" not in found


def test_each_body_has_its_own_variables_loops_and_arguments(guest: Guest) -> None:
    script = """
    kprobe:vfs_open /pid == cpid/ {
        $x = arg0; $name = "entry"; @path[tid] = $x;
        for ($i : 0..3) { if ($i == 2) { return; } @rounds_in = count(); }
    }
    kretprobe:vfs_open /pid == cpid/ {
        $x = (int32)retval; $name = "exit"; if (@path[tid] != 0 && $x == 0) { @same = count(); }
        for ($i : 0..4) { @rounds_out = count(); @name[$name] = count(); }
    }
    """
    done = trace(guest, script, workload="/bin/cat /etc/hostname")
    assert "Attached 1 probe\n" in done.stderr, done.stderr
    found = counts(done.stdout)
    assert found["@rounds_out"] == 2 * found["@rounds_in"] > 0
    assert found["@same"] > 0
    assert re.findall(r"@name\[(\w+)\]", done.stdout) == ["exit"]


@pytest.mark.kernels("6.12")
def test_the_process_of_p_is_the_one_of_both_bodies(guest: Guest) -> None:
    script = "kprobe:vfs_open { @in[pid] = count(); } kretprobe:vfs_open { @out[pid] = count(); }"
    command = ["/bin/sh", "-c", "echo $$; while :; do : < /etc/hostname; done"]
    workers = [guest.start(command, timeout=300) for _ in range(2)]
    pids = [worker.wait_for(r"^\d+$").strip() for worker in workers]
    done = trace_in_guest(guest, f"{script} interval:ms:500 {{ exit(); }}", "-p", pids[0])
    for worker in workers:
        worker.interrupt()
    assert "Attached 2 probes\n" in done.stderr, done.stderr
    assert set(re.findall(r"@(\w+)\[(\d+)\]", done.stdout)) == {("in", pids[0]), ("out", pids[0])}
