"""The standard library's macros and calls of kernel functions, as a user runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pybpftrace.core.target import Target
from tracing import run

#: Since Linux 6.17; every type of program may call it (common_btf_ids of kernel/bpf/helpers.c).
LENGTH = "bpf_strlen"
#: Since Linux 6.7, for programs that trace and some others.
TASK, RELEASE = "bpf_task_from_pid", "bpf_task_release"

pytestmark = pytest.mark.live
needs_length = pytest.mark.skipif(not Target.live().has_function(LENGTH), reason=f"needs a kernel with {LENGTH}")
needs_task = pytest.mark.skipif(not Target.live().has_function(TASK), reason=f"needs a kernel with {TASK}")


def told(stderr: str) -> list[str]:
    """What is said on stderr but for the line that tells how many probes were attached."""
    return [line for line in stderr.splitlines() if not line.startswith("Attach")]


# assert


def test_a_condition_that_fails_ends_the_probe_and_the_run() -> None:
    script = 'begin { assert(1 == 2, "one is not two"); printf("after\\n"); } end { printf("end\\n"); }'
    done = run("-q", "--no-cache", "-e", script)
    assert (done.status, done.stdout.strip()) == (1, "end")
    lines = told(done.stderr)
    assert lines[0].startswith("stdlib/assert.bt:")
    assert lines[0].endswith(": ERROR: assert failed: one is not two")
    assert "stdin:1:9-41: ERROR: expanded from" in lines


def test_a_condition_that_holds_says_nothing() -> None:
    done = run("--no-cache", "-e", 'begin { assert(1 == 1, "one"); printf("after\\n"); exit(); }')
    assert (done.status, done.stdout.strip(), told(done.stderr)) == (0, "after", [])


def test_a_condition_that_fails_in_a_loop_ends_all_of_it() -> None:
    script = 'begin { for ($i : 0..5) { printf("%d ", $i); assert($i < 2, "small"); } printf("after\\n"); }'
    done = run("--no-cache", "-e", script)
    assert (done.status, done.stdout.strip()) == (1, "0 1 2")


def test_a_condition_inside_of_a_script_s_own_macro_is_traced_to_each_call() -> None:
    script = 'macro small(x) { assert(x < 3, "small"); }\nbegin {\n  small(2);\n  small(3);\n}'
    done = run("--no-cache", "-e", script)
    assert done.status == 1
    places = [line.partition(": ")[0] for line in told(done.stderr) if line.endswith("expanded from")]
    assert [place.rpartition(":")[0] for place in places] == ["stdin:1", "stdin:4"]


def test_a_run_from_the_cache_says_the_same(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    script = 'begin { assert(1 == 2, "one is not two"); }'
    first = run("-e", script, environment=environment)
    assert sorted(name.partition("-")[0] for name in os.listdir(tmp_path / "pybpftrace")).count("macros") == 1
    assert run("-e", script, environment=environment) == first
    assert first.status == 1


def test_static_assert_stops_the_compiler() -> None:
    done = run("--no-cache", "-e", 'begin { static_assert(sizeof(int32) == 8, "no room"); }')
    assert (done.status, done.stdout) == (1, "")
    assert ": ERROR: no room\n" in done.stderr


# Kernel functions


@needs_length
def test_a_kernel_function_is_called_by_its_name() -> None:
    script = 'begin { $s = comm; print((bpf_strlen("four"), bpf_strnlen("four", 2), bpf_strlen($s))); exit(); }'
    done = run("--no-cache", "-e", script)
    name = Path("/proc/self/comm").read_text().strip()
    assert (done.stdout.strip(), told(done.stderr)) == (f"(4, 2, {len(name)})", [])


@needs_length
def test_a_kernel_function_is_called_wherever_its_value_is_used() -> None:
    script = """begin {
        @sum = (int64)0;
        for ($i : 0..3) { @sum += bpf_strlen("ab"); }
        if (bpf_strlen("x") == 1) { printf("%d %d\\n", @sum, bpf_strlen("abc") * 2); }
        exit();
    }"""
    assert run("--no-cache", "-q", "-e", script).stdout.splitlines()[0] == "6 6"


@needs_task
def test_an_object_that_a_kernel_function_gives_is_read_and_given_back() -> None:
    script = f"""rawtracepoint:sched_switch /pid == cpid && comm == "sleep"/ {{
        $task = {TASK}((int32)tid(init));
        if ($task != 0) {{
            printf("%s %d\\n", $task.comm, $task.pid == tid(init));
            {RELEASE}($task);
            exit();
        }}
    }}"""
    done = run("--no-cache", "-q", "-c", "sleep 1", "-e", script)
    assert done.stdout.splitlines()[0] == "sleep 1"


@needs_task
def test_an_object_that_is_not_given_back_is_explained() -> None:
    done = run("--no-cache", "-e", f"rawtracepoint:sched_switch {{ $task = {TASK}(1); }}")
    assert "reference leak" in done.stderr
    assert "HINT: what a kernel function gave has to be given back, on every path, before the probe ends" in done.stderr


@needs_task
def test_what_a_probe_may_not_call_is_told_before_it_is_loaded() -> None:
    script = f"begin {{ $task = {TASK}(1); }}"
    done = run("--no-cache", "-e", script)
    assert done.status == 1
    assert done.stderr.splitlines()[0] == (
        f"stdin:1:17-37: ERROR: Function `{TASK}` cannot be called here: the kernel does not allow it in programs of "
        "the type raw_tracepoint"
    )


@needs_task
@pytest.mark.parametrize(("probe", "allowed"), [("begin", "false"), ("rawtracepoint:sched_switch", "true")])
def test_kfunc_allowed_asks_the_verifier(probe: str, allowed: str) -> None:
    done = run("--no-cache", "-q", "-e", f'{probe} {{ print(kfunc_allowed("{TASK}")); exit(); }}')
    assert done.stdout.split()[0] == allowed


def test_a_function_that_is_not_for_programs_is_refused() -> None:
    done = run("--no-cache", "-e", "begin { kernel_halt(); }")
    assert done.stderr.splitlines()[0] == "stdin:1:9-22: ERROR: Unsupported function linkage: 'kernel_halt'"
