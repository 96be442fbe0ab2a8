"""What holds on every kernel, from the oldest to the newest: a program starts, sees events, and ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .guest import Guest
from .target import directory_of
from .tracing import PYBPFTRACE, run_artifact, start_trace, trace, trace_in_guest


def test_begin_and_end_run(guest: Guest) -> None:
    done = trace(guest, 'begin { printf("begun\\n"); exit(); } end { printf("ended\\n"); }')
    assert (done.status, done.stdout.split()) == (0, ["begun", "ended"]), done.stderr


def test_a_tracepoint_has_its_arguments(guest: Guest) -> None:
    script = 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("opens %s\\n", str(args.filename)); }'
    done = trace(guest, script, workload="/bin/cat /etc/hostname")
    assert done.status == 0, done.stderr
    assert "opens /etc/hostname\n" in done.stdout, done


def test_an_interrupted_program_prints_its_maps(guest: Guest) -> None:
    running = start_trace(guest, "tracepoint:syscalls:sys_enter_getcwd { @calls[comm] = count(); }")
    guest.run(["/bin/pwd"])
    done = running.interrupt()
    assert "@calls[pwd]: 1\n" in done.stdout, done


def test_a_script_with_an_error_is_refused_before_it_gets_to_the_guest(guest: Guest) -> None:
    done = trace(guest, "tracepoint:sched:no_such_event { exit(); }")
    assert done.status == 1
    assert "sched:no_such_event" in done.stderr


@pytest.mark.kernels("5.10")
def test_what_an_old_kernel_lacks_is_refused_with_the_name_of_the_feature(guest: Guest) -> None:
    done = trace(guest, "tracepoint:sched:sched_switch { @[cpu] = count(); } end { print(@[0]); }")
    assert done.status == 1
    assert "ERROR: Missing required kernel feature: map_lookup_percpu_elem\n" in done.stderr


def test_a_function_of_a_library_of_this_machine_is_probed_in_the_guest(guest: Guest) -> None:
    done = trace(guest, 'uprobe:libc:malloc /pid == cpid/ { @calls = count(); }', workload="/bin/cat /etc/hostname")
    assert done.status == 0, done.stderr
    assert "@calls: " in done.stdout, done


@pytest.mark.kernels("6.12")
def test_a_script_is_compiled_in_the_guest(guest: Guest) -> None:
    done = trace_in_guest(guest, 'begin { printf("%s\\n", comm); exit(); }')
    assert (done.status, done.stdout.strip()) == (0, "python"), done.stderr


@pytest.mark.kernels("6.1")
def test_the_captured_target_is_one_that_the_command_reads(guest: Guest, tmp_path: Path) -> None:
    script = 'tracepoint:sched:sched_switch { printf("%s\\n", args.next_comm); exit(); }'
    options = ["--target", str(directory_of(guest.kernel)), "--emit", str(tmp_path / "emitted"), "-e", script]
    compiled = subprocess.run([*PYBPFTRACE, *options], capture_output=True, text=True, check=False)
    assert (compiled.returncode, compiled.stderr) == (0, "")
    done = run_artifact(guest, (tmp_path / "emitted").read_bytes()).wait()
    assert (done.status, done.stderr) == (0, "Attached 1 probe\n")
