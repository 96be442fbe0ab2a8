"""Aggregations on all CPUs of a guest, on kernels that can exchange atomically and reach other CPUs' parts, or not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .guest import Completed, Guest
from .tracing import start_trace, trace

#: Calls of each process; a guest is slow. So many take a second, and tasks preempt each other inside of probes.
CALLS = 3000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from contention import contending_program

    yield contending_program(tmp_path_factory.mktemp("contention"))


def calls(guest: Guest) -> list[tuple[int, int]]:
    from contention import calls_of

    cpus = int(guest.run(["/usr/bin/nproc"]).stdout)
    assert cpus > 1, "a guest has several CPUs"
    return calls_of(cpus, CALLS)


def traced(guest: Guest, program: str, script: str) -> Completed:
    """What is printed at the end of a run in which the program ran once, with its children."""
    running = start_trace(guest, script)
    worked = guest.run([program, str(CALLS)])
    done = running.interrupt()
    assert (worked.status, done.status) == (0, 0), done.stderr
    return done


@pytest.mark.parametrize("keyed", [False, True])
def test_no_update_is_lost_on_any_cpu(guest: Guest, program: str, keyed: bool) -> None:
    """One program with all eight updates takes so much stack that Linux 6.13 and newer would have its runs share one on
    each CPU, those of tasks that preempt each other too (passes/codegen/own_stack.py keeps the kernel from it)."""
    from contention import check_maps, updates

    done = traced(guest, program, f"uprobe:{program}:hit {{ {updates(keyed)} }}")
    assert done.stderr == "Attached 1 probe\n"
    check_maps(done.stdout, calls(guest), keyed)


@pytest.mark.kernels("6.1", "6.12", "newest")
def test_a_program_reads_and_deletes_what_all_cpus_have(guest: Guest, program: str) -> None:
    names = ("count", "sum", "min", "max", "avg", "stats", "hist", "lhist")
    deletions = " ".join(f'printf("{name} %d %d\\n", delete(@{name}), delete(@{name}));' for name in names)
    script = f"""
    uprobe:{program}:hit {{ @count = count(); @sum = sum((int64)arg0); @min = min((int64)arg0);
      @max = max((int64)arg0); @avg = avg((int64)arg0); @stats = stats(arg0); @hist = hist(arg0, 5);
      @lhist = lhist(arg0, 0, 400, 100);
      @by[arg1] = min((int64)arg0); }}
    end {{
      print(((int64)@count, (int64)@sum, (int64)@min, (int64)@max, (int64)@avg));
      if (@min < 0 && @max > 0) {{ printf("both signs\\n"); }}
      {deletions} print(((int64)@count, (int64)@min));
      print(((int64)@by[2], (int64)@by[9])); clear(@by);
    }}
    """
    done = traced(guest, program, script)
    numbers = [number for number, _ in calls(guest)]
    average = -(-sum(numbers) // len(numbers))
    assert done.stdout == (
        f"({len(numbers)}, {sum(numbers)}, {min(numbers)}, {max(numbers)}, {average})\nboth signs\n"
        + "".join(f"{name} 1 0\n" for name in names)
        + f"(0, 0)\n({min(number for number, key in calls(guest) if key == 2)}, 0)\n\n\n"
    ), done.stderr
    assert "Additional Info - helper: map_lookup_percpu_elem, retcode: 0\n" in done.stderr


@pytest.mark.kernels("5.10")
def test_deleting_all_parts_is_refused_by_name_where_a_program_reaches_its_own_only(guest: Guest) -> None:
    done = trace(guest, "begin { @n = count(); _ = delete(@n); }")
    assert done.status == 1
    assert "stdin:1:34-36: ERROR: Missing required kernel feature: map_lookup_percpu_elem\n" in done.stderr


def test_a_key_with_all_its_parts_is_deleted_on_every_kernel(guest: Guest) -> None:
    script = """begin {
      @n["a"] = count(); @n["a"] = count(); @n["b"] = count(); @least["a"] = min(-5);
      printf("%d %d %d\\n", delete(@n, "a"), delete(@n, "a"), delete(@least, "a"));
      @n["a"] = count(); @least["a"] = min(7); exit(); }"""
    done = trace(guest, script, "-q")
    assert (done.status, done.stdout) == (0, "1 0 1\n\n\n@least[a]: 7\n@n[a]: 1\n@n[b]: 1\n"), done.stderr


@pytest.mark.parametrize("bits", range(6))
def test_a_hist_of_any_bits_is_verified_on_every_kernel(guest: Guest, bits: int) -> None:
    done = trace(guest, f"begin {{ @ = hist(nsecs, {bits}); @k[1] = hist(-1, {bits}); exit(); }}", "-q")
    assert done.status == 0, done.stderr
    assert "@k[1]:\n(..., 0)               1 |" in done.stdout


@pytest.mark.parametrize("aggregation", ["", ', "avg"', ', "max"', ', "min"', ', "sum"'])
def test_a_time_series_is_verified_on_every_kernel(guest: Guest, aggregation: str) -> None:
    script = f"""config = {{ unstable_tseries = enable; }}
    begin {{
      @ = tseries((int64)cpu - 7, 1h, 7{aggregation}); @k[1] = tseries(nsecs, 1h, 1000{aggregation}); exit();
    }}"""
    done = trace(guest, script, "-q")
    assert done.status == 0, done.stderr
    assert re.search(r"^@:\n.*\n.*\n.* -[67]\n", done.stdout, re.MULTILINE), done.stdout
