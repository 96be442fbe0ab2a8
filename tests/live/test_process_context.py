"""Who runs and on what machine: processes, their relations and names, users, control groups, CPUs."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from programs import build
from pybpftrace.core.target import Target
from tracing import run, tracer

pytestmark = pytest.mark.live

#: Has a thread and a child, which wait for the end; the names of all three differ.
SOURCE = r"""
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) void here(int who) { __asm__ volatile("" ::: "memory"); }
static void *second(void *unused) { prctl(PR_SET_NAME, "second"); here(2); return 0; }
int main(void) {
    prctl(PR_SET_NAME, "first");
    here(1);
    pthread_t thread;
    pthread_create(&thread, 0, second, 0);
    pthread_join(thread, 0);
    if (fork() == 0) { prctl(PR_SET_NAME, "child"); here(3); _exit(0); }
    wait(0);
    return 0;
}
"""
#: Before that the child is still what will become the program.
SLEEPS = '/pid == cpid && comm == "sleep"/'
needs_task = pytest.mark.skipif(
    not Target.live().has_function("bpf_task_from_pid"), reason="needs a kernel with bpf_task_from_pid"
)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("family"), "family", SOURCE, "-pthread", "-no-pie")


def of_all(family: str, body: str) -> list[str]:
    """What a probe prints of the program and of its child too, which are the only ones to run that file."""
    with tracer("--no-cache", "-B", "none", "-e", f"uprobe:{family}:here {{ {body} }}") as running:
        running.wait_attached()
        subprocess.run([family], check=True)
        return running.interrupt().stdout.splitlines()


def traced(family: str, body: str, *options: str) -> list[str]:
    script = f"uprobe:{family}:here {{ {body} }}"
    done = run("--no-cache", "-q", *options, "-e", script, "-c", family)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.splitlines()


# Relatives


def test_a_thread_knows_its_leader(family: str) -> None:
    lines = of_all(family, 'printf("%s %s %d\\n", comm, leader_comm, leader_tid == tid);')
    assert lines[:3] == ["first first 1", "second first 0", "child child 1"]


def test_a_process_knows_its_parent(family: str) -> None:
    body = """if (arg0 == 1) { @first = (int32)pid; }
    if (arg0 == 3) { printf("%s %s %d\\n", comm, pcomm, ppid == @first); }"""
    assert of_all(family, body)[0] == "child first 1"


def test_another_task_can_be_asked_about_its_relatives(family: str) -> None:
    body = """if (arg0 == 1) { @first = (int32)pid; @parent = ppid; }
    if (arg0 == 3) {
        $t = curtask.real_parent;
        printf("%s %d %d\\n", leader_comm($t), leader_tid($t) == @first, ppid($t) == @parent);
        print((pcomm(curtask), pcomm() == pcomm, leader_tid() == leader_tid, leader_comm() == leader_comm));
    }"""
    assert of_all(family, body)[:2] == ["first 1 1", "(first, true, true, true)"]


# comm(PID)


@needs_task
@pytest.mark.parametrize("probe", ["rawtracepoint:sched_switch", "tracepoint:sched:sched_switch"])
def test_a_thread_is_named_by_its_number(probe: str) -> None:
    body = 'print(comm(tid(init))); print(comm((uint8)0) == "N/A"); print((sizeof(comm(tid)), comm(2))); exit();'
    done = run("--no-cache", "-q", "-e", f"{probe} {SLEEPS} {{ {body} }}", "-c", "/bin/sleep 0.2")
    assert done.stdout.splitlines()[:3] == ["sleep", "true", "(64, kthreadd)"]


@needs_task
def test_a_number_that_no_thread_has_is_told_with_the_call() -> None:
    script = "rawtracepoint:sched_switch /pid == cpid/ { print(comm(-5)); exit(); }"
    done = run("--no-cache", "-q", "-e", script, "-c", "/bin/sleep 0.2")
    assert done.stdout.splitlines()[0] == "N/A"
    first, second = done.stderr.splitlines()[:2]
    assert first.startswith("stdlib/process.bt:")
    assert first.endswith(": WARNING: No such process (pid=-5)")
    assert second == "stdin:1:50-58: WARNING: expanded from"


@needs_task
def test_many_of_them_fit_into_a_probe() -> None:
    body = "$a = comm(tid(init)); @[comm(pid(init)), $a == comm(tid(init))] = comm(2); exit();"
    script = f"rawtracepoint:sched_switch {SLEEPS} {{ {body} }}"
    done = run("--no-cache", "-q", "-e", script, "-c", "/bin/sleep 0.2")
    assert done.stdout == "\n\n@[sleep, true]: kthreadd\n"


@needs_task
@pytest.mark.parametrize(("probe", "word"), [("begin", "special"), ("end", "special"), ("test:t", "test")])
def test_probes_that_may_not_ask_for_a_thread_are_told(probe: str, word: str) -> None:
    done = run("--no-cache", "-e", f"{probe} {{ print(comm(1)); }}")
    assert done.status == 1
    message = f"ERROR: Syntax comm(PID) is not supported in this probe type yet. Type: {word}"
    assert done.stderr.splitlines()[0].endswith(message)


@pytest.mark.parametrize("argument", ['"a"', "comm", "(1, 2)", "true"])
def test_a_thread_is_asked_for_by_an_integer(argument: str) -> None:
    done = run("--no-cache", "-e", f"rawtracepoint:sched_switch {{ print(comm({argument})); }}")
    errors = [line for line in done.stderr.splitlines() if "ERROR: " in line and "expanded" not in line]
    assert [line.partition(": ERROR: ")[2] for line in errors] == ["Only integer supported for comm()'s pid"]


# Users


def test_a_user_is_shown_by_login_name(family: str) -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    lines = traced(family, 'printf("%s|%6s|", username, username); print((username, uid)); exit();')
    assert lines[0] == f"{own}|{own:>6}|({own}, {os.getuid()})"


def test_a_user_is_a_key_and_a_value(family: str) -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    shown = traced(family, "@by[username, arg0] = count(); @last = username;")[2:]
    assert shown == [f"@by[{own}, 1]: 1", f"@by[{own}, 2]: 1", f"@last: {own}"]
    last = traced(family, "@last = username;", "-f", "json")[-1]
    assert json.loads(last) == {"type": "map", "data": {"@last": own}}


# Control groups


def test_the_control_group_of_a_task_has_a_path() -> None:
    line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    path = line.removeprefix("0::")
    script = """begin {
        print(cgroup_path(cgroup, "unified")); printf("[%s]\\n", cgroup_path(cgroup, "no*"));
        @[cgroup_path(cgroup, "uni*")] = cgroup_path(cgroup, "unified"); exit();
    }"""
    done = run("--no-cache", "-q", "-e", script)
    assert done.stdout == f"unified:{path}\n[]\n\n\n@[unified:{path}]: unified:{path}\n"


def test_no_group_has_no_path() -> None:
    script = "begin { print((cgroup_path(123456789012), 1)); exit(); }"
    assert run("--no-cache", "-q", "-e", script).stdout.startswith("(, 1)\n")


def test_a_group_is_found_by_its_path() -> None:
    mounts = map(str.split, Path("/proc/mounts").read_text().splitlines())
    found = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    if not found:
        pytest.skip("needs a mounted cgroup2 hierarchy")
    group = Path(found[0], f"pybpftrace-test-{os.getpid()}")
    group.mkdir()
    try:
        script = f'begin {{ print(cgroup_path(cgroupid("{group}"), "unified")); print(cgroupid("{group}")); exit(); }}'
        done = run("--no-cache", "-q", "-e", script)
        assert done.stdout.splitlines()[:2] == [f"unified:/{group.name}", str(group.stat().st_ino)]
    finally:
        group.rmdir()


def test_a_path_of_no_group_is_an_error() -> None:
    done = run("--no-cache", "-e", 'begin { print(cgroupid("/no/such/group")); }')
    message = 'Failed to get `cgroupid` for path: "/no/such/group": No such file or directory'
    assert done.stderr.splitlines()[0] == f"stdin:1:24-40: ERROR: {message}"


# The machine


def test_the_machine_has_as_many_cpus_as_it_can_have() -> None:
    from pybpftrace.core.linux.machine import possible_cpus

    done = run("--no-cache", "-q", "-e", "begin { print((ncpus, cpu < ncpus, numaid < 1024)); exit(); }")
    assert done.stdout.splitlines()[0] == f"({len(possible_cpus())}, true, true)"


def test_chance_has_32_bits_and_changes() -> None:
    script = """begin {
        @and = (uint64)0xffffffff; @or = (uint64)0; @large = (uint64)0;
        for ($i : 0..64) { $r = rand; @or |= $r; @and &= $r; @large += $r > 0xffffffff ? 1 : 0; }
        exit();
    }"""
    values = dict(line.split(": ") for line in run("--no-cache", "-q", "-e", script).stdout.split("\n") if line)
    assert values == {"@and": "0", "@large": "0", "@or": str(0xFFFF_FFFF)}


# The child


def test_a_run_knows_whether_it_has_a_child() -> None:
    script = "begin { print((has_cpid, has_cpid())); }"
    assert run("--no-cache", "-q", "-e", script, "-c", "/bin/true").stdout.startswith("(true, true)\n")
    done = run("--no-cache", "-q", "-e", script)
    assert (done.stdout.splitlines()[0], done.stderr) == ("(false, false)", "")


def test_the_number_of_a_child_that_is_not_there_is_zero_with_a_warning() -> None:
    done = run("--no-cache", "-q", "-e", "begin { print(cpid); exit(); }")
    assert done.stdout.splitlines()[0] == "0"
    assert done.stderr.splitlines()[0] == "stdin:1:15-19: WARNING: No child command (`-c`); cpid is zero"
