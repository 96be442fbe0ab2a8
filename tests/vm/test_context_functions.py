"""What a probe asks the kernel about itself, and what it makes the kernel do, on each kernel that has it or has not."""

from __future__ import annotations

import pytest

from .guest import Guest
from .tracing import trace

READ = "/bin/cat /dev/null"
#: From here on the kernel has the helpers.
TAI = ("6.1", "6.12", "newest")


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


# Clocks


def test_clocks_move_on_every_kernel(guest: Guest) -> None:
    script = """begin {
        $a = nsecs; $m = nsecs(monotonic); $s = nsecs(sw_tai);
        print((nsecs(boot) >= $a, $m <= $a + 1000000, $s > 1600000000000000000, jiffies > 0, elapsed < 60000000000));
        print((ncpus > 0, rand <= 0xffffffff, numaid < 1024, has_cpid)); exit();
    }"""
    done = trace(guest, script, "-q")
    assert lines(done.stdout) == ["(true, true, true, true, true)", "(true, true, true, false)"], done.stderr


@pytest.mark.kernels(*TAI)
def test_the_tai_clock_is_what_its_stand_in_says(guest: Guest) -> None:
    done = trace(guest, "begin { $t = nsecs(tai); $s = nsecs(sw_tai); print($s - $t < 1000000000); exit(); }", "-q")
    assert lines(done.stdout) == ["true"], done.stderr


@pytest.mark.kernels("5.10")
def test_a_kernel_without_the_tai_clock_points_to_its_stand_in(guest: Guest) -> None:
    done = trace(guest, "begin { print(nsecs(tai)); }")
    assert done.status == 1
    message = "Kernel does not support tai timestamp, please try sw_tai"
    assert done.stderr.splitlines()[0] == f"stdin:1:21-24: ERROR: {message}"


# Tasks


def test_relatives_of_a_task_are_known_in_kernel_probes(guest: Guest) -> None:
    script = """kprobe:vfs_read /pid == cpid/ {
        printf("%s %d %d %s\\n", leader_comm, leader_tid == tid, ppid > 0, username); exit();
    }"""
    done = trace(guest, script, "-q", workload=READ)
    assert lines(done.stdout)[0] == "cat 1 1 root", done.stderr


@pytest.mark.kernels("6.12", "newest")
@pytest.mark.parametrize("probe", ["fentry:vfs_read", "tracepoint:syscalls:sys_enter_read"])
def test_a_thread_is_named_by_its_number(guest: Guest, probe: str) -> None:
    script = f"{probe} /pid == cpid/ {{ print((comm(pid), comm(1) == comm(-1))); exit(); }}"
    done = trace(guest, script, "-q", workload=READ)
    assert lines(done.stdout)[0] == "(cat, false)", done.stderr
    assert "WARNING: No such process (pid=-1)" in done.stderr


@pytest.mark.kernels("6.12", "newest")
def test_a_kprobe_may_not_ask_for_a_thread(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_read { print(comm(1)); }")
    assert done.status == 255
    assert "calling kernel function bpf_task_from_pid is not allowed" in done.stderr


@pytest.mark.kernels("5.10", "6.1")
def test_a_kernel_that_cannot_name_a_thread_by_its_number_says_so(guest: Guest) -> None:
    script = "tracepoint:syscalls:sys_enter_read /pid == cpid/ { print(comm(1)); exit(); }"
    done = trace(guest, script, "-q", workload=READ)
    assert lines(done.stdout)[0] == "[unknown]"
    assert "WARNING: 'bpf_task_from_pid kfunc' is not supported on your system" in done.stderr


# Objects of the kernel


def test_fentry_shows_the_path_of_a_file(guest: Guest) -> None:
    script = "fentry:security_file_open /pid == cpid/ { @[path(args.file.f_path, 100)] = count(); }"
    done = trace(guest, script, "-q", workload=READ)
    assert "@[/dev/null]: " in done.stdout, done.stderr


@pytest.mark.kernels(*TAI)
def test_each_cpu_s_variable_has_its_address(guest: Guest) -> None:
    script = """begin {
        $here = (struct rq *)percpu_kaddr("runqueues"); $first = (struct rq *)percpu_kaddr("runqueues", 0);
        print(($here->cpu < 64, $first->cpu, percpu_kaddr("runqueues", 100000) == 0)); exit();
    }"""
    done = trace(guest, script, "-q")
    assert lines(done.stdout) == ["(true, 0, true)"], done.stderr


@pytest.mark.kernels("5.10")
def test_a_variable_that_the_types_do_not_have_is_named(guest: Guest) -> None:
    done = trace(guest, 'begin { print(percpu_kaddr("runqueues")); }')
    message = 'Could not resolve variable "runqueues" from BTF'
    assert done.stderr.splitlines()[0] == f"stdin:1:28-39: ERROR: {message}"


def test_an_address_is_that_of_the_kernel_that_runs_and_not_of_the_one_that_was_compiled_for(guest: Guest) -> None:
    script = """begin {
        $first = (struct task_struct *)kaddr("init_task");
        printf("%s %d %lx\\n", $first->comm, $first->pid, kaddr("init_task")); exit();
    }"""
    done = trace(guest, script, "-q")
    listed = guest.run(["/bin/grep", " init_task$", "/proc/kallsyms"], timeout=60)
    assert lines(done.stdout) == [f"swapper/0 0 {listed.stdout.split()[0].lstrip('0')}"], done.stderr


# Acting


@pytest.mark.parametrize("probe", ["kprobe:vfs_read", "fentry:vfs_read", "tracepoint:syscalls:sys_enter_read"])
def test_kernel_probes_send_signals(guest: Guest, probe: str) -> None:
    script = f'{probe} /pid == cpid/ {{ signal("KILL"); exit(); }}'
    done = trace(guest, script, "-q", "--unsafe", workload="/bin/sleep 100")
    assert (done.status, done.stderr) == (0, "")


def test_override_is_refused_by_kernels_that_are_not_built_for_it(guest: Guest) -> None:
    done = trace(guest, "kprobe:vfs_read { override(7); }", "--unsafe")
    assert done.status == 255
    assert "HINT: override() needs a kernel that was built with CONFIG_BPF_KPROBE_OVERRIDE" in done.stderr, done
