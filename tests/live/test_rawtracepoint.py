"""Raw tracepoints of this kernel, seen by the processes that the tests start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import test_cached_start
from tracing import run, tracer, worker

pytestmark = pytest.mark.live

TRUE = "/bin/true"
#: `pid` in an event of the scheduler is that of the task that goes away.
EXEC = "rawtracepoint:sched_process_exec /args.p.tgid == (int32)cpid/"


def test_arguments_have_the_types_of_the_kernel() -> None:
    done = run("-c", TRUE, "-e", EXEC + " { @[str(args.bprm.filename), args.p.comm, args.old_pid == args.p.pid] = 1; }")
    assert done.status == 0, done.stderr
    assert done.stdout == "\n\n@[/bin/true, true, true]: 1\n"


def test_numbered_arguments_are_the_same_as_numbers() -> None:
    script = EXEC + " { print((arg0 == (uint64)args.p, arg1 == (uint64)args.old_pid, arg2 == (uint64)args.bprm)); }"
    done = run("-c", TRUE, "-e", script)
    assert done.status == 0, done.stderr
    assert done.stdout == "(true, true, true)\n\n\n"


def test_addresses_of_the_kernel_are_numbers_to_calculate_with() -> None:
    script = (
        "rt:sched_switch /args.prev.tgid == (int32)cpid/ {"
        "  $p = args.prev; $zero = args.prev.tgid - args.prev.tgid;"
        "  @masked[(uint64)args.prev & 7, (uint64)$p >> 63, $p == args.prev, -(int64)$p > 0] = 1;"
        "  @added[*(uint64 *)((uint64)$p + (uint64)$zero) == *(uint64 *)args.prev] = 1;"
        "  @less[args.prev < args.prev] = 1; @null[args.prev == 0, args.next == 0] = 1;"
        "  @key[args.prev] = 1; @value = args.prev; @indexed = args.prev[0].tgid - $p[$zero].tgid;"
        "  if ($p) { @true = 1; } else { @false = 1; } }"
        "end { clear(@key); clear(@value); }"
    )
    done = run("-c", TRUE, "-e", script)
    assert done.status == 0, done.stderr
    lines = done.stdout.split("\n")
    assert [line for line in lines if line] == [
        "@added[true]: 1",
        "@indexed: 0",
        "@less[false]: 1",
        "@masked[0, 1, true, true]: 1",
        "@null[false, false]: 1",
        "@true: 1",
    ]


def test_members_of_a_struct_that_is_an_argument_are_read_one_by_one() -> None:
    reads = "@[args.state.active, args.state.seq] = 1; $s = args.state; @s = $s.state;"
    script = f"rt:tmigr_group_set_cpu_active {{ {reads} }}"
    done = run("--dry-run", "-e", 'config = { missing_probes = "ignore"; } begin { } ' + script)
    assert done.status == 0, done.stderr


def test_only_the_process_of_p_is_seen() -> None:
    program = "import os, time\nwhile True: os.getppid(); time.sleep(0.01)"
    with worker([sys.executable, "-c", program]) as process:
        script = f"rt:sys_enter /args.id == {SYS_GETPPID}/ {{ print(pid); exit(); }}"
        done = run("-p", str(process.pid), "-e", script)
    assert done.status == 0, done.stderr
    assert set(done.stdout.split()) == {str(process.pid)}


SYS_GETPPID = {"x86_64": 110, "aarch64": 173}[os.uname().machine]


def test_a_wildcard_attaches_to_each_and_names_it() -> None:
    script = 'rt:sched_process_e* /pid == cpid/ { printf("%s\\n", probe); }'
    done = run("-c", TRUE, "-e", script)
    assert done.status == 0, done.stderr
    assert done.stdout.split() == [f"rawtracepoint:vmlinux:sched_process_{event}" for event in ("exec", "exit")]


def test_an_argument_that_is_not_there_is_refused_at_its_place() -> None:
    done = run("-e", "rawtracepoint:sched_process_exit { print(args.nothing); }")
    assert done.status == 1
    assert "ERROR: Can't find function parameter nothing\n" in done.stderr


def test_a_number_beyond_the_arguments_is_refused_by_the_kernel() -> None:
    done = run("-e", "rawtracepoint:sched_process_exec { print(arg9); }")
    assert done.status == 255
    assert "ERROR: Error loading BPF program for rawtracepoint:vmlinux:sched_process_exec." in done.stderr


def test_events_and_their_parameters_are_listed() -> None:
    assert run("-l", "rawtracepoint:sched_process_exec").stdout == "rawtracepoint:vmlinux:sched_process_exec\n"
    assert run("-lv", "rt:vmlinux:sched_process_exec").stdout == (
        "rawtracepoint:vmlinux:sched_process_exec\n"
        "    struct task_struct * p\n"
        "    pid_t old_pid\n"
        "    struct linux_binprm * bprm\n"
    )


def test_a_cached_start_finds_its_tracepoint_without_the_compiler(tmp_path: Path) -> None:
    words = ("-c", TRUE, "-e", EXEC + " { print(args.p.comm); }")
    first, second = (test_cached_start.run(*words, home=tmp_path) for _ in range(2))
    assert first.stdout == second.stdout == "true\n\n\n"
    assert "llvmlite" in first.stderr
    assert second.stderr == "[]\n"


def test_a_tracer_that_is_interrupted_leaves_nothing_attached() -> None:
    with tracer("-e", "rt:sched_process_exec /pid == 0/ { }") as running:
        running.wait_attached()
        assert running.interrupt().status == 0
