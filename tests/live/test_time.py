"""Clocks, moments and their texts as a user sees them. The time zone and a pretended clock make them exact."""

from __future__ import annotations

import json
import time

import pytest
from tracing import run

pytestmark = pytest.mark.live

#: 2023-11-14 22:13:20 UTC.
MOMENT = 1_700_000_000_123_456_789
UTC = {"TZ": "UTC"}


def printed(body: str, *options: str, environment: dict[str, str] | None = None) -> list[str]:
    """The lines that a begin probe prints."""
    done = run("--no-cache", "-q", *options, "-e", f"begin {{ {body} exit(); }}", environment=environment or UTC)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.splitlines()


def moment(format_: str, clock: str = "tai") -> str:
    """What strftime makes of MOMENT, which a clock is made to give."""
    script = f'begin {{ @now = (uint64){MOMENT}; print(strftime("{format_}", nsecs({clock}))); exit(); }}'
    environment = {**UTC, "BPFTRACE_DUMMY_TS_MAP": "@now", "BPFTRACE_PRINT_MAPS_ON_EXIT": "0"}
    done = run("--no-cache", "-q", "-e", script, environment=environment)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.removesuffix("\n\n\n")


# Clocks


@pytest.mark.parametrize(
    ("mode", "clock"),
    [
        ("", time.CLOCK_BOOTTIME),
        ("(boot)", time.CLOCK_BOOTTIME),
        ("(monotonic)", time.CLOCK_MONOTONIC),
        ("(tai)", time.CLOCK_TAI),
        ("(sw_tai)", time.CLOCK_TAI),
    ],
)
def test_each_clock_is_the_one_that_everybody_else_reads(mode: str, clock: int) -> None:
    before = time.clock_gettime_ns(clock)
    (read,) = printed(f"print(nsecs{mode});")[:1]
    assert before < int(read) < time.clock_gettime_ns(clock)


def test_two_ways_to_the_tai_clock_agree() -> None:
    first, second = map(int, printed("$t = nsecs(tai); $s = nsecs(sw_tai); print($t); print($s);")[:2])
    assert abs(first - second) < 100_000_000


def test_elapsed_counts_from_just_before_the_begin_probes() -> None:
    assert printed("$e = elapsed; print($e > 0 && $e < 60000000000 && elapsed() >= $e);")[0] == "true"


def test_jiffies_tick_on() -> None:
    script = """begin { @first = jiffies; }
    interval:ms:50 { print(jiffies - @first > 0 && jiffies - @first < 100000); exit(); }"""
    assert run("--no-cache", "-q", "-e", script).stdout.startswith("true\n")


@pytest.mark.parametrize("clock", ["nsecs", "nsecs(boot)", "nsecs(monotonic)", "nsecs(tai)", "nsecs(sw_tai)"])
def test_a_map_can_stand_for_every_clock(clock: str) -> None:
    body = f"@m = (uint64)5; print({clock}); @m = (uint64)7; print({clock});"
    assert printed(body, environment={"BPFTRACE_DUMMY_TS_MAP": "@m"})[:2] == ["5", "7"]


def test_the_map_for_the_clocks_has_to_be_there() -> None:
    done = run("--no-cache", "-e", "begin { print(nsecs); }", environment={"BPFTRACE_DUMMY_TS_MAP": "@m"})
    assert done.status == 1
    first = done.stderr.splitlines()[0]
    assert first == "stdin:1:15-20: ERROR: BPFTRACE_DUMMY_TS_MAP: @m is not a map of one integer in this script"


# strftime


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("%Y-%m-%d %H:%M:%S", "2023-11-14 22:13:20"),
        ("%f", "123456"),
        ("%l", "123"),
        ("%k", "123456789"),
        ("%S.%f|%l|%k", "20.123456|123|123456789"),
        ("%%f %%", "%f %"),
        ("%s %Z", "1700000000 UTC"),
        ("no directive", "no directive"),
    ],
)
def test_a_moment_is_shown_as_the_format_says(format_: str, text: str) -> None:
    assert moment(format_) == moment(format_, "sw_tai") == text


def test_the_boot_clock_and_plain_numbers_are_times_of_the_boot_clock() -> None:
    ahead = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    now, plain = map(int, printed('print(strftime("%s", nsecs)); print(strftime("%s", 5000000000));')[:2])
    assert abs(now - time.time()) < 60
    assert abs(plain - (ahead // 1_000_000_000 + 5)) < 3


def test_the_local_time_zone_counts() -> None:
    body = f'@now = (uint64){MOMENT}; print(strftime("%H %Z", nsecs(tai)));'
    environment = {"TZ": "XYZ-5:30", "BPFTRACE_DUMMY_TS_MAP": "@now"}
    assert printed(body, environment=environment)[0] == "03 XYZ"


def test_a_moment_can_be_kept_and_shown_everywhere() -> None:
    body = f"""@now = (uint64){MOMENT};
    $t = strftime("%H:%M", nsecs(tai));
    printf("[%s][%8s][%-8s]\\n", $t, $t, $t); print((1, $t));
    @value = $t; @[$t, 1] = strftime("%S", nsecs(tai)); delete(@now);"""
    script = f"begin {{ {body} exit(); }}"
    environment = {**UTC, "BPFTRACE_DUMMY_TS_MAP": "@now"}
    done = run("--no-cache", "-q", "-e", script, environment=environment)
    assert done.stdout.startswith("[22:13][   22:13][22:13   ]\n(1, 22:13)\n")
    assert done.stdout.endswith("@[22:13, 1]: 20\n@value: 22:13\n")
    json_lines = run("--no-cache", "-q", "-f", "json", "-e", script, environment=environment).stdout.splitlines()
    objects = [json.loads(line) for line in json_lines]
    assert {"type": "value", "data": [1, "22:13"]} in objects
    assert {"type": "map", "data": {"@": {"22:13,1": "20"}}} in objects


def test_moments_of_several_formats_share_a_map_a_key_and_a_variable() -> None:
    body = f"""@now = (uint64){MOMENT};
    @at["day"] = strftime("%d", nsecs(tai)); @at["year"] = strftime("%Y", nsecs(tai));
    @seen[strftime("%S", nsecs(tai))] = 1; @seen[strftime("%M", nsecs(tai))] = 2;
    $t = strftime("%H:", nsecs(tai)); print($t); $t = strftime("%l", nsecs(tai)); print((1, $t)); _ = delete(@now);"""
    environment = {**UTC, "BPFTRACE_DUMMY_TS_MAP": "@now"}
    lines = [line for line in printed(body, environment=environment) if line]
    assert lines == ["22:", "(1, 123)", "@at[day]: 14", "@at[year]: 2023", "@seen[20]: 1", "@seen[13]: 2"]


def test_a_moment_that_was_never_assigned_is_a_question_mark() -> None:
    body = 'if (pid == 0) { @t = strftime("%H", nsecs); } print(@t); print((1, @t));'
    assert printed(body)[:2] == ["@t: (?)", "(1, (?))"]


def test_a_moment_without_a_text_is_a_question_mark_and_an_error() -> None:
    done = run("--no-cache", "-q", "-e", 'begin { print(strftime("", nsecs)); exit(); }')
    assert (done.stdout.splitlines()[0], done.stderr) == ("(?)", "ERROR: strftime returned 0\n")
    done = run("--no-cache", "-q", "-f", "json", "-e", 'begin { print(strftime("", nsecs)); exit(); }')
    assert json.loads(done.stdout.splitlines()[-1]) == {"type": "value", "data": "(?)"}


def test_a_text_that_is_longer_than_a_string_can_be_is_none() -> None:
    script = 'begin { print(strftime("%A%A%A", nsecs)); exit(); }'
    done = run("--no-cache", "-q", "-e", script, environment={"BPFTRACE_MAX_STRLEN": "9"})
    assert (done.stdout.splitlines()[0], done.stderr) == ("(?)", "ERROR: strftime returned 0\n")


def test_the_first_second_of_all_has_no_text() -> None:
    body = '@now = (uint64)999; print(strftime("%H", nsecs(tai)));'
    assert printed(body, environment={"BPFTRACE_DUMMY_TS_MAP": "@now"})[0] == "(?)"


def test_short_numbers_are_extended_by_zeros() -> None:
    body = 'let $n : int8 = -1; print(strftime("%s%k", 0)); print(strftime("%s%k", $n));'
    earlier, later = map(int, printed(body)[:2])
    assert later - earlier == 255


# time


def test_time_is_the_local_time_and_ends_with_a_line() -> None:
    done = run("--no-cache", "-q", "-e", 'begin { time(); time("%Y|"); exit(); }', environment=UTC)
    first, second = done.stdout.splitlines()[:2]
    assert time.strptime(first, "%H:%M:%S")
    assert second == time.strftime("%Y|", time.gmtime())


@pytest.mark.parametrize(("length", "shown"), [(63, True), (64, False), (0, False)])
def test_time_takes_a_text_of_at_most_63_bytes(length: int, shown: bool) -> None:
    done = run("--no-cache", "-q", "-e", f'begin {{ time("{"x" * length}"); exit(); }}')
    assert done.stdout.startswith("x" * length if shown else "\n")
    assert done.stderr.startswith("" if shown else "ERROR: strftime returned zero (")
    assert bool(done.stderr) is not shown
    assert done.status == 0


def test_json_has_the_time_as_a_text() -> None:
    done = run("--no-cache", "-q", "-f", "json", "-e", 'begin { time("%%\\n"); exit(); }')
    assert json.loads(done.stdout) == {"type": "time", "data": "%\n"}
