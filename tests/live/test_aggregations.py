"""Aggregations are exact while processes on all CPUs update the same entries, several of them on each CPU."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from contention import calls_of, check_maps, contending_program, updates
from pybpftrace.cli.main import execute
from pybpftrace.core.linux import machine
from pybpftrace.core.target import Target
from tracing import Finished, run, tracer

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
]

#: Calls of each process.
CALLS = 20_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return contending_program(tmp_path_factory.mktemp("contention"))


def traced(program: str, script: str) -> Finished:
    """What is printed at the end of a run in which the program ran once. Only the test's own program has the file."""
    with tracer("-e", script) as running:
        running.wait_attached()
        subprocess.run([program, str(CALLS)], check=True)
        done = running.interrupt()
    assert done.status == 0 and done.stderr.startswith("Attached ") and done.stderr.count("\n") == 1, done.stderr
    return done


def all_calls() -> list[tuple[int, int]]:
    return calls_of(len(os.sched_getaffinity(0)), CALLS)


@pytest.mark.parametrize("keyed", [False, True])
def test_no_update_is_lost_on_any_cpu(program: str, keyed: bool) -> None:
    done = traced(program, f"uprobe:{program}:hit {{ {updates(keyed)} }}")
    check_maps(done.stdout, all_calls(), keyed)


def test_a_new_key_that_all_cpus_insert_at_once_counts_every_call(program: str) -> None:
    script = f"uprobe:{program}:hit {{ @[arg1, (int64)arg0] = count(); @n = count(); }}"
    done = traced(program, f"config = {{ max_map_keys = 10000 }} {script}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("@[")]
    calls = all_calls()
    assert len(lines) == len(set(calls))
    assert sum(int(line.rpartition(": ")[2]) for line in lines) == len(calls)


def test_a_deleted_aggregation_is_gone_on_all_cpus(program: str) -> None:
    names = ("count", "sum", "min", "max", "avg", "stats", "hist", "lhist")
    deletions = " ".join(f'printf("{name} %d %d\\n", delete(@{name}), delete(@{name}));' for name in names)
    ending = f"end {{ {deletions} @max = max(-7); print(@max); print(@count); }}"
    done = traced(program, f"uprobe:{program}:hit {{ {updates(False)} }} {ending}")
    removed = "".join(f"{name} 1 0\n" for name in names)
    assert done.stdout == f"{removed}@max: -7\n@count: 0\n\n\n@max: -7\n"


@pytest.mark.parametrize("cpus", [8, 9, 200])
def test_a_program_for_many_cpus_reads_and_deletes_the_parts_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cpus: int
) -> None:
    """Where there are more than a few a loop looks at them; the kernel has no part for those that it does not have."""
    script = """begin {
      @n = count(); @least = min(-3); @steps = lhist(3, 0, 10, 1); @sum = stats(-7);
      @most[1] = max(-9); @most[1] = max(-4);
      print(((int64)@n, (int64)@least, (int64)@most[1], @least < 0, (int64)@most[2]));
      print((delete(@n), delete(@least), delete(@steps), delete(@sum), delete(@n))); exit();
    }"""
    target = Target.live()
    monkeypatch.setattr(target, "possible_cpus", tuple(range(cpus)))
    monkeypatch.setattr(Target, "live", lambda **_: target)
    artifact = str(tmp_path / "artifact")
    assert execute(["--no-cache", "--emit", artifact, "-e", script], os.environ) == 0
    done = run("-q", artifact)
    assert done.stdout == "(1, -3, -4, true, 0)\n(true, true, true, true, false)\n\n\n@most[1]: -4\n"
    assert done.stderr.count("Additional Info - helper: map_lookup_percpu_elem, retcode: 0\n") == 1
