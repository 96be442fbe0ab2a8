"""What scripts have done beside printing: messages, files, commands, joined arguments, watchpoints taken away."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import build
from tracing import PATIENCE, run, tracer

pytestmark = pytest.mark.live

TRACEFS = Path("/sys/kernel/tracing")

MESSAGES = """macro check(cond, msg) {
  if (!cond) { errorf("failed: %s", msg); }
}
begin {
  printf("first\\n");
  warnf("n is %d\\n", 5);
  check(1 == 2, "no");
  printf("last\\n");
  exit();
}
"""


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "m.bt"
    path.write_text(text)
    return str(path)


class TestMessages:
    def test_they_tell_their_place_and_the_macro_calls_that_they_come_from(self, tmp_path: Path) -> None:
        path = script(tmp_path, MESSAGES)
        done = run("-q", path)
        assert (done.status, done.stdout) == (0, "first\nlast\n\n\n")
        assert done.stderr == (
            f"{path}:6:3-24: WARNING: n is 5\n"
            f"{path}:2:16-41: ERROR: failed: no\n"
            f"{path}:7:3-22: ERROR: expanded from\n"
            '  check(1 == 2, "no");\n'
            "  ~~~~~~~~~~~~~~~~~~~\n"
        )

    def test_a_run_from_the_cache_tells_the_same(self, tmp_path: Path) -> None:
        path = script(tmp_path, MESSAGES)
        caches = {"XDG_CACHE_HOME": str(tmp_path)}
        assert run("-q", path, environment=caches) == run("-q", path, environment=caches)

    def test_json_has_them_in_order_with_all_else(self, tmp_path: Path) -> None:
        path = script(tmp_path, MESSAGES)
        done = run("-q", "-f", "json", path)
        assert done.stderr == ""
        assert [json.loads(line) for line in done.stdout.splitlines()] == [
            {"type": "printf", "data": "first\n"},
            {"type": "warnf", "msg": "n is 5\n", "filename": path, "line": 6, "col": 3},
            {"type": "errorf", "msg": "failed: no", "filename": path, "line": 2, "col": 16},
            {"type": "printf", "data": "last\n"},
        ]

    def test_no_warnings_hides_warnings_only(self, tmp_path: Path) -> None:
        done = run("-q", "--no-warnings", script(tmp_path, MESSAGES))
        assert "WARNING" not in done.stderr
        assert "ERROR: failed: no" in done.stderr

    def test_a_test_that_reports_an_error_has_failed_and_shows_it(self, tmp_path: Path) -> None:
        text = 'test:bad { errorf("wrong"); }\ntest:good { warnf("odd"); }\n'
        done = run("--test", script(tmp_path, text))
        assert done.status == 1
        assert f"{tmp_path}/m.bt:1:12-27: ERROR: wrong\n" in done.stdout
        assert "odd" not in done.stdout + done.stderr

    def test_a_benchmark_that_reports_an_error_has_failed_and_shows_it(self, tmp_path: Path) -> None:
        done = run("--bench", script(tmp_path, 'bench:bad { errorf("wrong"); }'))
        assert done.status == 1
        assert done.stderr == f"{tmp_path}/m.bt:1:13-28: ERROR: wrong\nERROR: Benchmark 'bad' failed.\n"


@pytest.fixture
def trace() -> Iterator[Path]:
    """A trace of the kernel's own for this test, with what programs write into it and nothing else."""
    instance = TRACEFS / "instances" / f"pybpftrace-{os.getpid()}"
    instance.mkdir()
    try:
        (instance / "events/bpf_trace/bpf_trace_printk/enable").write_text("1")
        yield instance / "trace"
    finally:
        instance.rmdir()


def test_debugf_writes_into_the_kernels_trace(trace: Path) -> None:
    mark = f"mark {os.getpid()}"
    statements = f'debugf("{mark}: %d %5x %s", -3, 255, comm); debugf("{mark}: %p %ld 100%%", (int8 *)16, -1);'
    done = run("-q", "--no-warnings", "-e", f"begin {{ {statements} }}")
    assert (done.status, done.stderr) == (0, "")
    lines = [line.partition("bpf_trace_printk: ")[2] for line in trace.read_text().splitlines() if mark in line]
    assert [line.partition(" python")[0] for line in lines] == [f"{mark}: -3    ff", f"{mark}: 0x10 -1 100%"]


ARGUMENTS = r"""
__attribute__((noinline)) void show(char **words) { __asm__ volatile("" :: "r"(words) : "memory"); }
int main(int count, char **words) {
    char a[] = "a", empty[] = "", b[] = "b", *none[] = {0}, *gap[] = {a, empty, b, 0};
    show(words); show(none); show(gap);
    return count > 100;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("joined"), "joined", ARGUMENTS)


class TestJoin:
    def test_arguments_are_one_line(self, program: str) -> None:
        text = f'uprobe:{program}:show {{ join(arg0); join((int8 **)arg0, "::"); }}'
        done = run("-q", "-k", "-e", text, "-c", f"{program} -l /tmp")
        assert done.stdout == f"{program} -l /tmp\n{program}::-l::/tmp\n\n\na\na\n\n\n"
        assert done.stderr == "", "the null pointer at the end is not a failed read"

    def test_there_are_sixteen_at_most_of_1023_bytes(self, program: str) -> None:
        words = " ".join(["x" * 2000, *map(str, range(2, 20))])
        text = f"uprobe:{program}:show /!@done/ {{ @done = true; join(arg0); }}"
        done = run("-q", "-e", text, "-c", f"{program} {words}")
        assert done.stdout.splitlines()[0].split(" ") == [program, "x" * 1023, *map(str, range(2, 16))]

    def test_json_has_no_line_feed(self, program: str) -> None:
        done = run("-q", "-f", "json", "-e", f"uprobe:{program}:show {{ join(arg0); }}", "-c", f"{program} a")
        assert [json.loads(line)["data"] for line in done.stdout.splitlines()] == [f"{program} a", "", "a"]


class TestFilesAndCommands:
    def test_a_file_is_shown(self, tmp_path: Path) -> None:
        (tmp_path / "f5").write_text("one\ntwo")
        done = run("-q", "-e", f'begin {{ cat("{tmp_path}/%s%d", "f", 5); cat("/no"); printf("!\\n"); exit(); }}')
        assert done.stdout == "one\ntwo!\n\n\n"
        assert done.stderr == "ERROR: failed to open file '/no' (No such file or directory)\n"

    def test_the_limit_is_the_configs(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("0123456789")
        text = f'config = {{ max_cat_bytes = 4 }} begin {{ cat("{tmp_path}/f"); exit(); }}'
        assert run("-q", "-e", text).stdout == "0123\n\n"
        assert run("-q", "-e", 'begin { cat("/dev/zero"); exit(); }').stdout == "\0" * 10240 + "\n\n"

    def test_commands_are_run_one_after_the_other(self) -> None:
        text = 'begin { system("echo %s; echo err >&2", "hello"); system("exit 3"); system("printf x"); exit(); }'
        done = run("-q", "--unsafe", "-e", text)
        assert done.stdout == "hello\nerr\n\nx\n\n\n"
        assert done.stderr == "ERROR: command exited with code 3 (exit 3)\n"
        done = run("-q", "--unsafe", "-f", "json", "-e", text)
        assert [json.loads(line) for line in done.stdout.splitlines()] == [
            {"type": "syscall", "data": "hello\nerr\n"},
            {"type": "error", "msg": "command exited with code 3 (exit 3)"},
            {"type": "syscall", "data": "x"},
        ]

    def test_commands_are_refused_in_safe_mode(self) -> None:
        done = run("-e", 'begin { system("true"); }')
        assert done.status == 1
        assert "ERROR: system() is an unsafe function being used in safe mode\n" in done.stderr

    def test_a_command_dies_with_the_tracer(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"
        command = f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 1000"
        with tracer("--unsafe", "-e", f'begin {{ system("{command}"); }} interval:s:1 {{ }}') as running:
            pid = int(wait_for(pid_file))
            descriptor = os.pidfd_open(pid)
            running.process.kill()
        try:
            assert ended(descriptor)
        finally:
            os.close(descriptor)

    def test_events_that_come_while_a_command_runs_are_kept(self) -> None:
        ticks = 'interval:ms:100 { @ = count(); printf("tick\\n"); if (@ >= 5) { exit(); } }'
        text = 'begin { system("sleep 1"); } ' + ticks
        done = run("-q", "--unsafe", "-e", text)
        assert done.stdout.startswith("\n" + 5 * "tick\n")


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, "the command was never run"
        time.sleep(0.02)
    return path.read_text()


def ended(process: int) -> bool:
    """Whether the process of a pidfd has ended, or does soon."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(PATIENCE * 1000))


WATCHED = r"""
#include <unistd.h>
volatile long first, second;
int main(void) {
    for (int i = 0; i < 40; i++) { first = i; second = i; usleep(50000); }
    return write(1, "whole\n", 6) != 6;
}
"""


def address(program: str, symbol: str) -> str:
    lines = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout.splitlines()
    return next(f"0x{line.split()[0]}" for line in lines if line.split()[-1] == symbol)


def test_a_watchpoint_is_taken_away_while_others_stay(tmp_path: Path) -> None:
    program = build(tmp_path, "watched", WATCHED, "-no-pie")
    first, second = address(program, "first"), address(program, "second")
    text = f"""
    watchpoint:{first}:8:w /usermode/ {{ @first = count(); if (@first == 1) {{ unwatch({first}); unwatch(5); }} }}
    watchpoint:{second}:8:w /usermode/ {{ @second = count(); }}
    """
    done = run("--no-cache", "-q", "-e", text, "-c", program)
    counts = counts_of(done.stdout)
    assert 0 < counts["@first"] < 40
    assert counts["@second"] == 40
    assert done.stderr == "ERROR: no watchpoint at address 0x5\n"


def counts_of(output: str) -> dict[str, int]:
    lines = (line.partition(": ") for line in output.splitlines())
    return {name: int(count) for name, found, count in lines if found}


def test_a_run_goes_on_when_the_script_has_taken_its_only_watchpoint_away(tmp_path: Path) -> None:
    program = build(tmp_path, "watched", WATCHED, "-no-pie")
    first = address(program, "first")
    text = f"watchpoint:{first}:8:w /usermode && !@/ {{ @ = 1; unwatch({first}); }}"
    done = run("--no-cache", "-q", "-e", text, "-c", program)
    assert done.stdout == "whole\n\n\n@: 1\n", "the program was left to run to its end"


class TestPrint:
    def test_args_are_all_arguments(self) -> None:
        text = "tracepoint:sched:sched_process_exit /pid == cpid/ { print(args); }"
        done = run("-q", "-e", text, "-c", "/bin/true")
        assert done.stdout.startswith("{ .comm = true, .pid = ")
        text = "rawtracepoint:sched_process_exit /pid == cpid/ { print(args); }"
        done = run("-q", "-f", "json", "-e", text, "-c", "/bin/true")
        assert set(json.loads(done.stdout.splitlines()[0])["data"]) >= {"p"}

    def test_an_entry_of_stats_is_what_it_was_then(self) -> None:
        text = "begin { @s[1] = stats(5); @s[1] = stats(8); print(@s[1]); @s[1] = stats(1); print(@s[2]); exit(); }"
        entry = "{{ .count = {}, .average = {}, .total = {} }}".format
        assert run("-q", "-e", text).stdout == f"{entry(2, 6, 13)}\n{entry(0, 0, 0)}\n\n\n@s[1]: {entry(3, 4, 14)}\n"
        done = run("-q", "-f", "json", "-e", text)
        assert json.loads(done.stdout.splitlines()[0]) == {
            "type": "value",
            "data": {"count": 2, "average": 6, "total": 13},
        }

    def test_parentheses_do_not_make_a_map_a_value(self) -> None:
        assert run("-q", "-e", "begin { @m[1] = 2; print((@m)); clear(@m); exit(); }").stdout == "@m[1]: 2\n\n\n"
