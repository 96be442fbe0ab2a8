"""Probes that the tracer itself runs, on the real kernel: `test`, `bench` and `self`, and the modes that run them."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import bpf_objects
import pytest
from tracing import run, tracer

pytestmark = pytest.mark.live

COLOUR = re.compile(r"\x1b\[\d*m")
DURATION = re.compile(r"\(\d+ (?:ns|μs|ms|s)\)")
#: Attached, and never happens.
IDLE = "interval:s:3600 { @idle = 1; }"


def plain(text: str) -> str:
    """Without colours, and every duration the same."""
    return DURATION.sub("(TIME)", COLOUR.sub("", text))


class TestSelf:
    def test_each_signal_runs_all_programs_in_source_order(self) -> None:
        script = 'self:signal:SIGUSR1 { @n++; printf("first %d %d\\n", @n, pid); } '
        script += 'self:signal:SIGUSR1 { printf("second %s\\n", probe); } end { printf("end\\n"); }'
        with tracer("-e", script) as running:
            running.wait_attached()
            for number in (1, 2):
                running.process.send_signal(signal.SIGUSR1)
                running.wait_for(rf"first {number} {running.process.pid}\nsecond self:signal:SIGUSR1\n")
            done = running.interrupt()
        assert done.status == 0
        assert done.stderr == "Attached 3 probes\n"
        assert done.stdout.endswith("second self:signal:SIGUSR1\nend\n\n\n@n: 2\n")

    def test_signals_that_come_while_the_tracer_is_stopped_are_one(self) -> None:
        with tracer("-e", "self:signal:SIGUSR1 { @n++; print(@n); }") as running:
            running.wait_attached()
            running.process.send_signal(signal.SIGSTOP)
            for _ in range(5):
                running.process.send_signal(signal.SIGUSR1)
            running.process.send_signal(signal.SIGCONT)
            running.wait_for("^@n: 1$")
            done = running.interrupt()
        assert done.stdout == "@n: 1\n\n\n@n: 1\n"

    def test_exit_in_such_a_program_ends_the_run(self) -> None:
        with tracer("-e", f"self:signal:SIGUSR1 {{ exit(5); }} {IDLE}") as running:
            running.wait_attached()
            running.process.send_signal(signal.SIGUSR1)
            assert running.finish().status == 5

    def test_the_signal_is_ignored_where_no_program_waits_for_it(self) -> None:
        with tracer("-e", IDLE) as running:
            running.wait_attached()
            running.process.send_signal(signal.SIGUSR1)
            done = running.interrupt()
        assert (done.status, done.stdout) == (0, "\n\n")

    def test_it_waits_although_nothing_is_attached(self) -> None:
        with tracer("-e", "begin { } self:signal:SIGUSR1 { @n = 1; }") as running:
            running.wait_attached()
            time.sleep(0.5)
            assert running.process.poll() is None
            assert running.interrupt().status == 0


SCRIPT = f"""
begin {{ printf("begin\\n"); }}
test:passes {{ printf("hidden\\n"); @x = 1; }}
test:fails {{ printf("shown %s\\n", probe); return 1; }}
test:exits {{ exit(3); }}
bench:empty {{ }}
bench:counts {{ @[1] = count(); }}
bench:skipped {{ return 1; }}
end {{ printf("end\\n"); }}
{IDLE}
"""


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "s.bt"
    path.write_text(SCRIPT)
    return str(path)


class TestTests:
    def test_begin_then_every_test_once_then_what_failed(self, script: str) -> None:
        done = run("--test", script)
        assert plain(done.stdout) == (
            "begin\n"
            "[==========] Running 3 tests.\n"
            "[ RUN      ] passes\n"
            "[       OK ] passes (TIME)\n"
            "[ RUN      ] fails\n"
            "shown test:fails\n"
            "[  FAILED  ] fails (TIME)\n"
            "[ RUN      ] exits\n"
            "[  FAILED  ] exits (TIME)\n"
            "[==========] 3 tests ran.\n"
            "[  PASSED  ] 1 test.\n"
            "[  FAILED  ] 2 tests, listed below:\n"
            "[  FAILED  ] fails\n"
            "[  FAILED  ] exits\n"
            "\n\n"
        )
        assert (done.status, done.stderr) == (1, "")

    def test_the_long_name_of_the_mode_and_a_cached_program_do_the_same(self, script: str) -> None:
        short = plain(run("--test", script).stdout)
        assert [plain(run("--mode", "test", script).stdout) for _ in range(2)] == [short, short]

    def test_a_warning_does_not_fail_a_test(self) -> None:
        done = run("--test", "-e", "test:zero { $z = (uint64)0; if (5 / $z != 1) { return 1; } }")
        assert done.status == 0
        assert "WARNING: Divide or modulo by 0 detected." in done.stderr
        assert run("--test", "--no-warnings", "-e", "test:zero { $z = (uint64)0; @ = 5 / $z; }").stderr == ""

    def test_a_test_may_call_what_tracing_programs_may(self) -> None:
        body = '@[comm, pid, tid, uid, cpu] = count(); print(kstack); @t = nsecs; printf("%s", str(0, 4)); '
        done = run("--test", "-e", f"test:helpers {{ {body} }}")
        assert done.status == 0, done.stderr

    def test_no_child_is_started(self, tmp_path: Path) -> None:
        assert run("--test", "-c", f"touch {tmp_path}/made", "-e", "test:a { }").status == 0
        assert list(tmp_path.iterdir()) == []

    def test_in_json_there_is_an_object_for_each_test(self, script: str) -> None:
        done = run("--test", "-f", "json", script)
        begin, *tests = map(json.loads, done.stdout.splitlines())
        assert begin == {"type": "printf", "data": "begin\n"}
        assert all(test["type"] == "test_result" for test in tests)
        results = {name: result for test in tests for name, result in test["data"].items()}
        assert {name: result["passed"] for name, result in results.items()} == {
            "passes": True,
            "fails": False,
            "exits": False,
        }
        assert results["passes"]["output"] == "hidden\n"
        assert all(type(result["duration"]) is int for result in results.values())

    def test_an_output_file_takes_the_report(self, script: str, tmp_path: Path) -> None:
        done = run("--test", "-o", str(tmp_path / "out"), script)
        assert (done.status, done.stdout) == (1, "")
        assert "FAILED" in (tmp_path / "out").read_text()

    def test_only_the_programs_of_the_mode_are_loaded(self) -> None:
        """A program that the kernel refuses stands for one that this machine cannot have."""
        refused = "tracepoint:sched:sched_switch { $p = (uint64 *)1; @ = kstack; }"
        assert run("--test", "-e", f"test:a {{ }} {refused}").status == 0
        before = bpf_objects.named("program", "test_a_1")
        with tracer("-e", f"test:a {{ }} {IDLE}") as running:
            running.wait_attached()
            assert bpf_objects.named("program", "test_a_1") == before
            assert running.interrupt().stderr == "Attached 1 probe\n"


class TestBenchmarks:
    def test_each_has_a_row_but_one_that_returns_something(self, script: str) -> None:
        done = run("--bench", script)
        lines = done.stdout.splitlines()
        assert lines[:3] == [
            "begin",
            "Benchmark                                Time(ns)       Iterations",
            "-" * 66,
        ]
        assert [re.sub(r" +\d+ +\d+$", "", line) for line in lines[3:]] == ["empty", "counts", "", ""]
        assert (done.status, done.stderr) == (0, "")
        assert all(int(line.split()[2]) > 100 for line in lines[3:5])

    def test_one_that_exits_with_a_status_has_failed(self) -> None:
        done = run("--bench", "-e", "bench:a { exit(1); } bench:b { }")
        assert (done.status, done.stderr) == (1, "ERROR: Benchmark 'a' failed.\n")
        assert "\nb " in done.stdout

    def test_in_json_there_is_an_object_for_each(self, script: str) -> None:
        done = run("--bench", "-f", "json", script)
        _, *objects = map(json.loads, done.stdout.splitlines())
        assert [list(found["data"]) for found in objects] == [["empty"], ["counts"]]
        assert all(found["type"] == "benchmark_result" for found in objects)
        assert all(found["data"][name]["iters"] > 100 for found in objects for name in found["data"])

    def test_a_benchmark_that_prints_loses_no_words_about_its_lost_events(self) -> None:
        done = run("--bench", "-e", 'bench:prints { printf("%d\\n", 1); }', environment={"BPFTRACE_PERF_RB_PAGES": "1"})
        assert (done.status, done.stderr) == (0, "")


class TestOrdinaryRuns:
    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            ("test:a { }", "No probes attached; use --test to run test probes."),
            ("bench:a { }", "No probes attached; use --bench to run benchmark probes."),
        ],
    )
    def test_a_script_with_nothing_else_says_how_to_run_it(self, text: str, advice: str) -> None:
        done = run("-e", text)
        assert (done.status, done.stdout, done.stderr) == (255, "", f"ERROR: {advice}\n")

    def test_tests_and_benchmarks_do_not_run(self) -> None:
        done = run("-e", 'begin { printf("begin\\n"); } test:a { printf("test\\n"); } bench:a { exit(1); }')
        assert (done.status, done.stdout, done.stderr) == (0, "begin\n\n\n", "Attached 1 probe\n")

    def test_they_are_compiled_all_the_same(self) -> None:
        done = run("-e", "begin { } test:a { nonsense(); }")
        assert done.status == 1
        assert "nonsense" in done.stderr

    @pytest.mark.parametrize("kind", ["test", "bench"])
    def test_a_name_stands_for_one_probe_of_its_kind(self, kind: str) -> None:
        done = run("-e", f"{kind}:a {{ }} {kind}:b, {kind}:a {{ }}")
        assert done.status == 1
        first, _, _, note, *_ = done.stderr.splitlines()
        expected = f'ERROR: "a" was used as the name for more than one {kind.upper()} probe'
        assert first.endswith(expected)
        assert note.startswith(f"stdin:1:1-{len(kind) + 3}: ") and note.endswith("this is the other instance")
        assert run("--test", "-e", "test:a { } bench:a { }").status == 0
