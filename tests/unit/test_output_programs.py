"""Runs of tests and benchmarks: what passes, what is shown of it, how often a benchmark runs, and the exit status."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from output_fakes import FUNCTIONS, FakeSession, record
from pybpftrace.core.artifacts import EventSpec, FailureSite, MapSpec, ProgramSpec
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.probe import ConcretePoint, ProbeType
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.run import RunOptions
from pybpftrace.core.types import INT64, UINT32
from pybpftrace.passes.output.benchmarks import LONG_ENOUGH
from pybpftrace.passes.output.run import run_session
from pybpftrace.plugins.formats.json import Json
from pybpftrace.plugins.formats.text import Text

PROBE_TYPES: dict[str, ProbeType] = {item.names[0]: item for _, item in builtin_objects("PROBE_TYPES")}  # type: ignore[misc]
PRINTF = EventSpec(1, "printf", (UINT32,), {"format": "%d\n"})
OPEN_LINE = EventSpec(2, "printf", (UINT32,), {"format": "%d"})
EXIT = EventSpec(3, "exit", (UINT32,), {})
EVENTS = [PRINTF, OPEN_LINE, EXIT]
SITE = FailureSite(0, 0, "", "Divide or modulo by 0 detected.", 1, 1, 1, 6)
GREEN, RED, RESET = "\x1b[32m", "\x1b[31m", "\x1b[0m"

#: What running a program gives, and the spans that it sends.
Run = tuple[tuple[int, int], list[bytes]]


def program(kind: str, name: str) -> ProgramSpec:
    return ProgramSpec(name, ConcretePoint(kind, f"{kind}:{name}", {"name": name}), "xdp", b"")


def session(kind: str, runs: dict[str, Run], **settings: Any) -> FakeSession:
    others = [ProgramSpec("begin_1", ConcretePoint("begin", "begin", {}), "raw_tracepoint", b"")]
    others.append(program("bench" if kind == "test" else "test", "other"))
    programs = [*others, *(program(kind, name) for name in runs)]
    found = FakeSession(**{"events": EVENTS, "programs": programs, "runs": runs, **settings})
    found.finished = lambda: False  # type: ignore[method-assign]
    return found


def run(session: FakeSession, mode: str, capfd: pytest.CaptureFixture[str], **settings: Any) -> tuple[int, str, str]:
    options = RunOptions(
        settings.pop("format", Text()), FUNCTIONS, PROBE_TYPES, mode=mode, capture_format=Text(), **settings
    )
    status = run_session(session, options)
    captured = capfd.readouterr()
    for colour in (GREEN, RED, RESET):
        captured = captured._replace(out=captured.out.replace(colour, ""))
    return status, captured.out, captured.err


class TestTests:
    def test_a_test_passes_when_it_returns_0_and_what_it_printed_is_not_shown(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        fake = session("test", {"okay": ((0, 25_999), [record(PRINTF, 7)])})
        assert run(fake, "test", capfd) == (
            0,
            "[==========] Running 1 tests.\n"
            "[ RUN      ] okay\n"
            "[       OK ] okay (25 μs)\n"
            "[==========] 1 test ran.\n"
            "[  PASSED  ] 1 test.\n\n\n",
            "",
        )
        assert [call for call in fake.calls if call.startswith("run")] == ["run okay 1"]

    def test_one_that_fails_shows_its_output_without_empty_lines_and_is_listed(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        empty = EventSpec(4, "printf", (UINT32,), {"format": "\n%d"})
        sent = [record(PRINTF, 7), record(empty, 8), record(OPEN_LINE, 9)]
        runs: dict[str, Run] = {"bad": ((1, 1), [b"".join(sent)]), "good": ((0, 2_000_000), [])}
        fake = session("test", runs, events=[*EVENTS, empty])
        assert run(fake, "test", capfd) == (
            1,
            "[==========] Running 2 tests.\n"
            "[ RUN      ] bad\n7\n89\n"
            "[  FAILED  ] bad (1 ns)\n"
            "[ RUN      ] good\n"
            "[       OK ] good (2 ms)\n"
            "[==========] 2 tests ran.\n"
            "[  PASSED  ] 1 test.\n"
            "[  FAILED  ] 1 test, listed below:\n"
            "[  FAILED  ] bad\n\n\n",
            "",
        )

    def test_tags_are_green_or_red_whatever_the_output_is(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("test", {"bad": ((1, 1), [])})
        options = RunOptions(Text(), FUNCTIONS, PROBE_TYPES, mode="test", environment={"BPFTRACE_COLOR": "never"})
        run_session(fake, options)
        printed = capfd.readouterr().out
        assert f"{GREEN}[ RUN      ]{RESET} bad\n{RED}[  FAILED  ]{RESET} bad (1 ns)\n" in printed

    @pytest.mark.parametrize(
        ("sent", "status"), [(record(EXIT, 0), 0), (record(EXIT, 3), 1), (record(EXIT, 0) + record(EXIT, 3), 0)]
    )
    def test_an_exit_with_another_status_than_0_fails_and_the_next_test_runs_all_the_same(
        self, capfd: pytest.CaptureFixture[str], sent: bytes, status: int
    ) -> None:
        fake = session("test", {"a": ((0, 1), [sent]), "b": ((0, 1), [])})
        found, out, _ = run(fake, "test", capfd)
        assert (found, "OK ] b" in out) == (status, True)

    def test_a_warning_is_shown_and_does_not_fail_the_test(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("test", {"a": ((0, 1), [])}, failures=[(SITE, 1, 0)], source="test:a { }\n")
        status, _, errors = run(fake, "test", capfd)
        assert (status, errors.splitlines()[0]) == (0, "stdin:1:1-6: WARNING: Divide or modulo by 0 detected.")

    def test_an_action_that_goes_wrong_fails_its_test(self, capfd: pytest.CaptureFixture[str]) -> None:
        show = EventSpec(4, "print", (), {"map": "@a", "top": 0, "divisor": 1})
        maps = [MapSpec("@a", "array", 4, 16, 1, None, INT64)]
        fake = session("test", {"a": ((0, 1), [record(show)])}, maps=maps, events=[show])

        def refuse(spec: MapSpec) -> list[tuple[bytes, bytes | list[bytes]]]:
            raise OSError(22, "Invalid argument")

        fake.read_map = refuse  # type: ignore[method-assign]
        status, out, errors = run(fake, "test", capfd)
        assert (status, "FAILED  ] a" in out) == (1, True)
        assert errors.startswith("ERROR: Error printing map")

    def test_what_begin_prints_comes_first_and_its_exit_leaves_all_tests_out(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        fake = session("test", {"a": ((0, 1), [])}, spans=[record(PRINTF, 5)])
        assert run(fake, "test", capfd)[1].startswith("5\n[==========] Running")
        fake = session("test", {"a": ((0, 1), [])}, spans=[record(PRINTF, 5) + record(EXIT, 9)])
        assert run(fake, "test", capfd) == (9, "5\n\n\n", "")

    def test_no_tests_are_no_failure(self, capfd: pytest.CaptureFixture[str]) -> None:
        expected = "[==========] Running 0 tests.\n[==========] 0 tests ran.\n[  PASSED  ] 0 tests.\n\n\n"
        assert run(session("test", {}), "test", capfd) == (0, expected, "")

    def test_tests_that_an_interrupt_left_out_are_a_failure(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("test", {"a": ((0, 1), []), "b": ((0, 1), [])})
        fake.finished = lambda: any(call.startswith("run") for call in fake.calls)  # type: ignore[method-assign]
        status, out, _ = run(fake, "test", capfd)
        assert (status, "1 test ran" in out, "b" in fake.calls) == (1, True, False)

    def test_maps_and_end_probes_have_no_part_in_it(self, capfd: pytest.CaptureFixture[str]) -> None:
        maps = [MapSpec("@a", "array", 4, 16, 1, None, INT64)]
        fake = session("test", {"a": ((0, 1), [])}, maps=maps, contents={"@a": [(bytes(4), b"\1" * 16)]})
        assert "@a" not in run(fake, "test", capfd)[1]
        assert "end probes" not in fake.calls
        assert fake.calls[-1] == "close"

    def test_in_json_each_test_is_an_object_with_its_output_as_text(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("test", {"okay": ((0, 25_848), [record(PRINTF, 7)]), 'b"': ((1, 5), [])})
        assert run(fake, "test", capfd, format=Json()) == (
            1,
            '{"type": "test_result", "data": {"okay": {"duration": 25848, "passed": true, "output": "7\\n"}}}\n'
            '{"type": "test_result", "data": {"b\\"": {"duration": 5, "passed": false, "output": ""}}}\n',
            "",
        )


class TestBenchmarks:
    def test_a_benchmark_runs_more_and_more_often_until_that_takes_a_millisecond(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        fake = session("bench", {"cnt": ((0, 102), [])})
        status, out, errors = run(fake, "bench", capfd)
        counts = [int(call.split()[2]) for call in fake.calls if call.startswith("run")]
        assert counts == sorted(set(counts)) and counts[0] == 1
        assert counts[-2] * 102 < LONG_ENOUGH <= counts[-1] * 102
        assert (status, errors) == (0, "")
        assert out.splitlines() == [
            "Benchmark                                Time(ns)       Iterations",
            "------------------------------------------------------------------",
            f"cnt                                      102            {counts[-1]}",
            "",
            "",
        ]

    def test_a_long_name_widens_the_table(self, capfd: pytest.CaptureFixture[str]) -> None:
        name = "n" * 50
        lines = run(session("bench", {name: ((0, 2 * LONG_ENOUGH), [])}), "bench", capfd)[1].splitlines()
        assert [len(line) for line in lines[:2]] == [51 + 15 + 10] * 2
        assert lines[2] == f"{name} {2 * LONG_ENOUGH:<15}1"

    def test_one_that_returns_something_has_no_row_and_one_that_exits_with_a_status_has_failed(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        fake = session("bench", {"skip": ((1, 9), []), "bad": ((0, 9), [record(EXIT, 1)]), "good": ((0, 1 << 24), [])})
        status, out, errors = run(fake, "bench", capfd)
        assert (status, errors) == (1, "ERROR: Benchmark 'bad' failed.\n")
        assert [line.split()[0] for line in out.splitlines()[2:-2]] == ["good"]

    def test_a_benchmark_that_takes_no_time_ends_some_day(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("bench", {"none": ((0, 0), [])})
        assert run(fake, "bench", capfd)[0] == 0
        assert len(fake.calls) < 20

    def test_a_signal_that_ends_a_long_repetition_leaves_the_rest_out(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("bench", {"a": ((0, 1 << 24), []), "b": ((0, 1), []), "c": ((0, 1), [])})
        measure = fake.run_program

        def interrupted(program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
            if program.name == "b" and repeat > 1:
                raise KernelError(errno.EINTR, "bpf(BPF_PROG_TEST_RUN)", "program fd 5")
            return measure(program, repeat)

        fake.run_program = interrupted  # type: ignore[method-assign]
        status, out, errors = run(fake, "bench", capfd)
        assert (status, [line.split()[0] for line in out.splitlines()[2:-2]], errors) == (1, ["a"], "")

    def test_what_it_prints_is_thrown_away_and_mishaps_are_told_once(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("bench", {"a": ((0, 500), [record(PRINTF, 7)])}, source="bench:a { }\n")
        fake.failures = lambda: [(SITE, 1, 0)]  # type: ignore[method-assign]
        _, out, errors = run(fake, "bench", capfd)
        assert "7" not in out.replace("Time(ns)", "").split("\n")
        # begin's part, and then the first of the runs
        assert errors.count("WARNING: Divide") == 2

    def test_in_json_each_benchmark_is_an_object(self, capfd: pytest.CaptureFixture[str]) -> None:
        fake = session("bench", {"a": ((0, 1 << 24), [])})
        expected = '{"type": "benchmark_result", "data": {"a": {"average": 16777216, "iters": 1}}}\n'
        assert run(fake, "bench", capfd, format=Json()) == (0, expected, "")
