"""Iterators: what the kernel lists, read at once or pinned and read like a file."""

from __future__ import annotations

import pytest

from .guest import Guest
from .tracing import trace


def test_each_task_is_printed(guest: Guest) -> None:
    done = trace(guest, 'iter:task { printf("%d %s\\n", ctx.task.pid, ctx.task.comm); }')
    assert done.status == 0, done.stderr
    tasks = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line)
    assert tasks["2"] == "kthreadd"
    assert len(tasks) > 10


def test_what_is_counted_is_a_map_at_the_end(guest: Guest) -> None:
    done = trace(guest, "iter:task_file { @files[ctx.task.comm] = count(); }")
    assert done.status == 0, done.stderr
    assert "@files[" in done.stdout


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_every_mapping_of_a_process(guest: Guest) -> None:
    script = 'iter:task_vma { if (ctx.vma != 0) { printf("%d %lx\\n", ctx.task.pid, ctx.vma->vm_start); } }'
    done = trace(guest, script)
    assert done.status == 0, done.stderr
    assert len(done.stdout.splitlines()) > 10


def test_a_pinned_one_is_read_like_a_file(guest: Guest) -> None:
    done = trace(guest, 'iter:task:tasks { printf("task %d\\n", ctx.task.pid); }')
    assert done.status == 0, done.stderr
    assert "Program pinned to /sys/fs/bpf/tasks\n" in done.stdout
    try:
        read = guest.run(["/bin/cat", "/sys/fs/bpf/tasks"])
        assert "task 1\n" in read.stdout
    finally:
        guest.run(["/bin/rm", "/sys/fs/bpf/tasks"])


def test_one_that_the_kernel_lacks_is_named(guest: Guest) -> None:
    done = trace(guest, "iter:no_such_thing { @ = count(); }")
    assert done.status == 1
    assert "iter no_such_thing not available for your kernel version." in done.stderr
