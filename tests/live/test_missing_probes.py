"""Probes that cannot be attached, and probes that are not to be."""

from __future__ import annotations

import os

import pytest
from tracing import Finished, run

pytestmark = pytest.mark.live

FAILS = "hardware:cycles"
REASON = "no hardware PMU here counts cycles; software:cpu-clock and profile:hz:99 work without one"
NEEDS_NO_PMU = pytest.mark.skipif(
    os.path.exists("/sys/bus/event_source/devices/cpu"), reason="this machine counts cycles, so the probe attaches"
)


def script(setting: str, rest: str) -> str:
    return f'config = {{ missing_probes = "{setting}" }} {FAILS} {{ @never = count(); }} {rest}'


@NEEDS_NO_PMU
def test_one_that_fails_ends_the_run_by_default() -> None:
    done = run("-e", f"{FAILS} {{ }} interval:ms:10 {{ exit(); }}")
    assert (done.status, done.stderr.splitlines()) == (
        255,
        [
            f"ERROR: {REASON}",
            f"ERROR: Unable to attach probe: {FAILS}. If this is expected, set the 'missing_probes' config variable to "
            "'warn'.",
        ],
    )


@NEEDS_NO_PMU
@pytest.mark.parametrize(
    ("setting", "warnings"),
    [
        ("warn", [f"WARNING: {REASON}", f"WARNING: Unable to attach probe: {FAILS}. Skipping."]),
        ("ignore", []),
    ],
)
def test_with_the_setting_the_others_run(setting: str, warnings: list[str]) -> None:
    done = run("-e", script(setting, 'interval:ms:10 { printf("ran\\n"); exit(); }'))
    assert (done.status, done.stdout.split(), done.stderr.splitlines()) == (
        0,
        ["ran"],
        [*warnings, "Attached 1 probe"],
    )


@NEEDS_NO_PMU
def test_warnings_about_them_can_be_hidden() -> None:
    done = run("--no-warnings", "-q", "-e", script("warn", "interval:ms:10 { exit(); }"))
    assert (done.status, done.stderr) == (0, "")


@NEEDS_NO_PMU
def test_when_none_is_left_it_is_an_error() -> None:
    done = run("-e", script("ignore", ""))
    assert (done.status, done.stderr) == (255, "ERROR: Attachment failed for all probes.\n")


TIMERS = (
    'interval:ms:20 { printf("timer\\n"); exit(); } '
    'interval:ms:10 { printf("fast\\n"); exit(); } '
    'begin { printf("b\\n"); }'
)


def test_a_filter_keeps_probes_whose_name_it_is_found_in() -> None:
    done = run("--probe-filter", "ms:2", "-e", TIMERS)
    assert (done.status, done.stdout.split(), done.stderr) == (0, ["b", "timer"], "Attached 2 probes\n")


def test_a_filter_that_keeps_none_leaves_those_of_the_tracer_itself() -> None:
    done = run("--probe-filter", "^nothing$", "-e", TIMERS)
    assert (done.status, done.stdout.split()) == (0, ["b"])


def test_without_any_probe_left_there_is_nothing_to_attach() -> None:
    script = "interval:ms:10 { exit(); }"
    assert run("--probe-filter", "^nothing$", "-e", script) == Finished(1, "No probes to attach\n", "")
    assert run("-q", "--probe-filter", "^nothing$", "-e", script) == Finished(1, "", "")


def test_a_filter_that_is_no_regular_expression_is_told() -> None:
    done = run("--probe-filter", "(", "-e", TIMERS)
    assert (done.status, done.stderr) == (
        255,
        "ERROR: Invalid --probe-filter '(': missing ), unterminated subpattern at position 0\n",
    )


def test_a_filter_picks_tests() -> None:
    done = run("--test", "--probe-filter", "one", "-e", "test:one { return 0; } test:two { return 1; }")
    assert done.status == 0, done.stdout
    assert "two" not in done.stdout


@pytest.mark.parametrize("use", ["print(@calls);", "for ($call : @calls) { }", "@copy = @calls[1];"])
def test_a_map_whose_only_probe_is_left_out_is_explained(use: str) -> None:
    lost = "tracepoint:no:such { @calls[pid] = 1; }"
    text = f'config = {{ missing_probes = "ignore" }} {lost} interval:ms:10 {{ {use} exit(); }}'
    done = run("-e", text)
    column = text.rindex("@calls") + 1
    end = column + len("@calls[1]" if "[1]" in use else "@calls")
    assert done == Finished(
        1,
        "",
        f"stdin:1:{column}-{end}: ERROR: Undefined map: @calls\n{text}\n{' ' * (column - 1)}{'~' * (end - column)}\n"
        "HINT: a probe that uses @calls was removed (missing_probes): No matches for tracepoint no:such\n",
    )
