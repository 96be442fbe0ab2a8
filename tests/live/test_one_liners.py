"""The README's one-liners, exactly as written, against processes that the tests start."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracing import run, tracer, worker

pytestmark = pytest.mark.live

READER = """
import os, sys, time
while True:
    with open(sys.argv[1], "rb") as file:
        file.read(100)
    time.sleep(0.005)
"""
TOUCHER = """
import mmap, time
while True:
    area = mmap.mmap(-1, 64 * 4096)
    for page in range(64):
        area[page * 4096] = 1
    area.close()
    time.sleep(0.005)
"""
SPINNER = """
#include <stdlib.h>
volatile unsigned long total;
__attribute__((noinline)) void leaf(void) { for (int i = 0; i < 100000; i++) total += i; }
__attribute__((noinline)) void middle(void) { leaf(); total++; }
int main(void) { for (;;) middle(); }
"""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A process that reads 100 bytes of a file of the test's own again and again: its pid and the file."""
    file = tmp_path / "read-by-the-worker"
    file.write_bytes(b"x" * 100)
    with worker(["python3", "-S", "-E", "-c", READER, str(file)]) as process:
        yield process.pid, file


@pytest.fixture
def spinner(tmp_path: Path) -> Iterator[int]:
    """A C program with frame pointers and symbols that spins in main -> middle -> leaf."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build the traced program")
    (tmp_path / "spinner.c").write_text(SPINNER)
    program = str(tmp_path / "spinner")
    flags = ["-O0", "-fno-omit-frame-pointer"]
    subprocess.run(["gcc", *flags, "-o", program, str(tmp_path / "spinner.c")], check=True)
    with worker([program]) as process:
        yield process.pid


def test_openat_prints_the_process_and_the_file_name(reader: tuple[int, Path]) -> None:
    pid, file = reader
    script = 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\\n", comm, str(args->filename)); }'
    with tracer("-p", str(pid), "-e", script) as running:
        running.wait_for(f"^python3 {re.escape(str(file))}$")
        done = running.interrupt()
    assert done.status == 0
    assert done.stderr == "Attached 1 probe\n"
    assert set(done.stdout.strip().splitlines()) == {f"python3 {file}"}


def test_both_spellings_of_field_access_mean_the_same(reader: tuple[int, Path]) -> None:
    pid, file = reader
    script = 'tracepoint:syscalls:sys_enter_openat { printf("%s\\n", str(args.filename)); }'
    with tracer("-p", str(pid), "-e", script) as running:
        running.wait_for(f"^{re.escape(str(file))}$")


def test_system_calls_are_counted_by_process(reader: tuple[int, Path]) -> None:
    with tracer("-p", str(reader[0]), "-e", "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }") as running:
        running.wait_attached()
        _let_it_work()
        done = running.interrupt()
    assert re.fullmatch(r"\n\n@\[python3\]: \d+\n", done.stdout), done.stdout
    assert int(re.findall(r": (\d+)", done.stdout)[0]) > 10


def test_bytes_read_are_summed_by_process(reader: tuple[int, Path]) -> None:
    script = "tracepoint:syscalls:sys_exit_read /args->ret/ { @[comm] = sum(args->ret); }"
    with tracer("-p", str(reader[0]), "-e", script) as running:
        running.wait_attached()
        _let_it_work()
        done = running.interrupt()
    total = int(re.fullmatch(r"\n\n@\[python3\]: (\d+)\n", done.stdout)[1])  # type: ignore[index]  # asserts
    assert total > 0 and total % 100 == 0


def test_read_sizes_become_a_histogram(reader: tuple[int, Path]) -> None:
    script = "tracepoint:syscalls:sys_exit_read { @[comm] = hist(args->ret); }"
    with tracer("-p", str(reader[0]), "-e", script) as running:
        running.wait_attached()
        _let_it_work()
        done = running.interrupt()
    assert re.search(r"^@\[python3\]:$", done.stdout, re.MULTILINE)
    assert re.search(r"^\[64, 128\) +\d+ \|@{52}\|$", done.stdout, re.MULTILINE), done.stdout


def test_a_count_is_printed_and_cleared_every_second(reader: tuple[int, Path]) -> None:
    script = "tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:s:1 { print(@); clear(@); }"
    with tracer("-p", str(reader[0]), "-e", script) as running:
        running.wait_for(r"(@: \d+\n){2}")
        done = running.interrupt()
    counts = [int(n) for n in re.findall(r"^@: (\d+)$", done.stdout, re.MULTILINE)]
    assert min(counts[:2]) > 0
    # Cleared each time: the second count is of one second, not of two.
    assert counts[1] < 1.6 * counts[0] + 100


def test_block_requests_attach_and_print_their_fields(reader: tuple[int, Path]) -> None:
    script = 'tracepoint:block:block_rq_issue { printf("%d %s %d\\n", pid, comm, args->bytes); }'
    with tracer("-p", str(reader[0]), "-e", script) as running:
        running.wait_attached()
        done = running.interrupt()
    assert done.status == 0 and done.stderr == "Attached 1 probe\n"


def test_page_faults_are_counted_with_period_one() -> None:
    with (
        worker(["python3", "-S", "-E", "-c", TOUCHER]) as process,
        tracer("-p", str(process.pid), "-e", "software:faults:1 { @[comm] = count(); }") as running,
    ):
        running.wait_attached()
        _let_it_work()
        done = running.interrupt()
    assert int(re.findall(r"@\[python3\]: (\d+)", done.stdout)[0]) >= 64


def test_hardware_events_without_a_pmu_say_so() -> None:
    done = run("-c", shutil.which("true") or "true", "-e", "hardware:cache-misses:1000000 { @[comm, pid] = count(); }")
    if done.status == 0:
        pytest.skip("this machine has a hardware PMU")
    assert done.status == 255
    assert "PMU" in done.stderr and "software:cpu-clock" in done.stderr, done.stderr
    assert "Unable to attach probe: hardware:cache-misses:1000000." in done.stderr


def test_user_stacks_of_a_profile_have_symbols(spinner: int) -> None:
    with tracer("-e", f"profile:hz:99 /pid == {spinner}/ {{ @[ustack] = count(); }}") as running:
        running.wait_attached()
        _let_it_work()
        done = running.interrupt()
    assert re.search(r"@\[\n        leaf\+\d+\n        middle\+\d+\n        main\+\d+\n", done.stdout), done.stdout


def test_kernel_stacks_have_symbols(reader: tuple[int, Path]) -> None:
    script = "tracepoint:syscalls:sys_enter_openat { @[kstack(3)] = count(); exit(); }"
    with tracer("-p", str(reader[0]), "-e", script) as running:
        done = running.finish()
    assert re.search(r"@\[\n(        \w+\+\d+\n){1,3}\]: \d+\n", done.stdout), done.stdout


def test_a_cgroup_predicate_selects_by_path(tmp_path: Path) -> None:
    root = Path("/sys/fs/cgroup/unified")
    if not (root / "cgroup.procs").exists():
        root = Path("/sys/fs/cgroup")
    if not (root / "cgroup.procs").exists():
        pytest.skip("needs a cgroup version 2 hierarchy")
    group = root / f"pybpftrace-test-{os.getpid()}"
    group.mkdir()
    file = tmp_path / "opened-in-the-cgroup"
    file.touch()
    try:
        with worker(["python3", "-S", "-E", "-c", READER, str(file)]) as process:
            (group / "cgroup.procs").write_text(str(process.pid))
            script = (
                f'tracepoint:syscalls:sys_enter_openat /cgroup == cgroupid("{group}")/ '
                '{ printf("%s\\n", str(args->filename)); }'
            )
            with tracer("-e", script) as running:
                running.wait_for(f"^{re.escape(str(file))}$")
                done = running.interrupt()
        assert set(done.stdout.strip().splitlines()) == {str(file)}
    finally:
        group.rmdir()


def test_json_has_one_object_per_line(reader: tuple[int, Path]) -> None:
    script = (
        'tracepoint:syscalls:sys_enter_openat { printf("%s\\n", str(args->filename)); @[comm] = count(); '
        "@h = hist(pid); @s = stats(pid); }"
    )
    with tracer("-f", "json", "-p", str(reader[0]), "-e", script) as running:
        running.wait_for('"printf"')
        done = running.interrupt()
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages[0] == {"type": "attached_probes", "count": 1, "data": {"probes": 1}}
    assert {"type": "printf", "data": f"{reader[1]}\n"} in messages
    by_type = {message["type"]: message["data"] for message in messages}
    assert by_type["map"]["@"]["python3"] > 0
    assert by_type["hist"]["@h"][0]["count"] > 0
    assert by_type["stats"]["@s"]["average"] == reader[0]


def test_uprobes_see_arguments_and_return_values(tmp_path: Path) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build the traced program")
    source = tmp_path / "adder.c"
    source.write_text(
        "#include <unistd.h>\n"
        "__attribute__((noinline)) int add(int a, int b) { return a + b; }\n"
        "volatile int x = 20;\n"
        "int main(void) { return add(x, 22) != 42; }\n"
    )
    program = tmp_path / "adder"
    subprocess.run(["gcc", "-O1", "-o", str(program), str(source)], check=True)
    done = run(
        "-q",
        "-c",
        str(program),
        "-e",
        f'uprobe:{program}:add {{ printf("%d %d\\n", arg0, arg1); }} '
        f'uretprobe:{program}:add {{ printf("%d %s\\n", retval, probe); }}',
    )
    assert done == type(done)(0, f"20 22\n42 uretprobe:{program}:add\n\n\n", "")


def _let_it_work() -> None:
    """Gives the traced process time to do something; how fast it is is not asserted."""
    time.sleep(0.6)
