"""Calls of kernel functions from probes on kernel functions, and on kernels that do not have the called ones."""

from __future__ import annotations

import pytest

from .guest import Guest
from .tracing import trace, trace_in_guest

READ = "/bin/cat /etc/hostname"
SCRIPT = """fentry:vfs_read /pid == cpid/ {
    $task = bpf_task_from_pid((int32)tid(init));
    if ($task != 0) { @[$task.comm, $task.tgid == pid(init)] = count(); bpf_task_release($task); }
}"""


@pytest.mark.kernels("6.12", "newest")
def test_fentry_reads_an_object_that_a_kernel_function_gives(guest: Guest) -> None:
    done = trace(guest, SCRIPT, workload=READ)
    assert done.status == 0, done.stderr
    assert "@[cat, true]: " in done.stdout


@pytest.mark.kernels("5.10", "6.1")
def test_a_kernel_without_the_function_does_not_know_it(guest: Guest) -> None:
    done = trace(guest, SCRIPT, workload=READ)
    assert done.status == 1
    assert "ERROR: Unknown function: 'bpf_task_from_pid'" in done.stderr


@pytest.mark.kernels("6.12")
def test_a_trial_program_in_the_guest_tells_who_may_call_what(guest: Guest) -> None:
    script = """begin { @[probe] = kfunc_allowed("bpf_task_from_pid"); }
    fentry:vfs_read { @[probe] = kfunc_allowed("bpf_task_from_pid"); }"""
    done = trace_in_guest(guest, script, workload=READ)
    assert "@[begin]: false" in done.stdout, done.stderr
    assert "@[fentry:vmlinux:vfs_read]: true" in done.stdout
