"""The tools that show how CPUs are shared. Processes that spin are bound to CPU 1, and their numbers are known."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .guest import Guest
from .tools import watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

SPINNER = b"#!/bin/sh\necho $$\nkill -STOP $$\nwhile :; do :; done\n"
CLOCK = r"\d\d:\d\d:\d\d"


@contextmanager
def spinners(guest: Guest, count: int) -> Iterator[list[int]]:
    """Stopped processes called `spinner` that never wait once they are continued, all on CPU 1: their pids."""
    guest.write("/tmp/spinner", SPINNER)
    guest.run(["chmod", "+x", "/tmp/spinner"])
    running = [guest.start(["taskset", "-c", "1", "/tmp/spinner"], timeout=120) for _ in range(count)]
    try:
        yield [int(process.wait_for(r"^\d+\n")) for process in running]
    finally:
        for process in running:
            process.signal(signal.SIGKILL)
            process.wait()


def spin(guest: Guest, pids: list[int]) -> Callable[[], object]:
    """A workload of a second: the spinners run."""
    numbers = " ".join(map(str, pids))
    return lambda: guest.run(["sh", "-c", f"kill -CONT {numbers}; sleep 1; kill -STOP {numbers}"])


def rows(text: str) -> list[tuple[str, int]]:
    """The intervals of a histogram's text, with their counts."""
    return [(name, int(count)) for name, count in re.findall(r"^(\[.+?[\])]) +(\d+) \|", text, re.MULTILINE)]


def test_cpuwalk_samples_the_cpu_that_a_process_is_bound_to(guest: Guest) -> None:
    with spinners(guest, 1) as [pid]:
        alone = watch(guest, "cpuwalk", spin(guest, [pid]), f"--pid={pid}")
        everybody = watch(guest, "cpuwalk", spin(guest, [pid]))
    assert alone.lines[0] == "Sampling CPUs at 99 Hertz... Hit Ctrl-C to end."
    [(name, count)] = rows(alone.text)
    assert name == "[1]" and count > 30
    [bucket] = alone.map("@cpu")
    assert (bucket["min"], bucket["max"]) == (1, 1) and bucket["count"] > 30
    counts = dict(rows(everybody.text))
    assert counts["[1]"] > 30 and set(counts) <= {"[0]", "[1]"}


def test_runqlat_shows_how_long_two_processes_on_one_cpu_wait_for_each_other(guest: Guest) -> None:
    with spinners(guest, 2) as pids:
        alone = watch(guest, "runqlat", spin(guest, pids), f"--pid={pids[0]}")
        named = watch(guest, "runqlat", spin(guest, pids), "--names")
    assert alone.lines[0] == "Tracing the scheduler... Hit Ctrl-C to end."
    assert "\n@usecs:\n" in alone.text and "@since" not in alone.text
    for buckets in (alone.map("@usecs"), named.map("@usecs")["spinner"]):
        times = [bucket["min"] for bucket in buckets for _ in range(bucket["count"])]
        # A tick is 4 ms, and no slice is much longer than 100 ms.
        assert len(times) >= 4 and 1024 <= sorted(times)[len(times) // 2] <= 65536, buckets
    assert len(rows(alone.text)) >= 1
    assert re.search(r"^@usecs\[spinner\]:\n\[", named.text, re.MULTILINE), named.text


def test_runqlen_shows_how_many_wait_on_each_cpu(guest: Guest) -> None:
    with spinners(guest, 4) as pids:
        each = watch(guest, "runqlen", spin(guest, pids), "--cpus")
        together = watch(guest, "runqlen", spin(guest, pids))
    assert each.lines[0] == "Sampling run queues at 99 Hertz... Hit Ctrl-C to end."
    waiting = each.map("@waiting")["1"]
    text = re.search(r"^@waiting\[1\]:\n((?:\[.*\n)+)", each.text, re.MULTILINE)
    assert text is not None, each.text
    shown = [(name, count) for name, count in rows(text[1]) if name not in ("[0]", "[1]")]
    assert all(bucket["min"] == bucket["max"] for bucket in waiting)
    # One of the four runs, while they do; a thread of a tracer may be the one that does.
    assert max(waiting[2:], key=lambda bucket: bucket["count"])["min"] in (3, 4), waiting
    assert max(shown, key=lambda row: row[1])[0] in ("[3]", "[4]"), shown
    assert sum(count for _, count in rows(together.text)) > 60 and "@waiting:\n" in together.text
    assert any(bucket["min"] >= 3 for bucket in together.map("@waiting"))


def test_loads_are_the_kernels_own(guest: Guest) -> None:
    averages: list[list[float]] = []

    def workload() -> None:
        for seconds in (0, 3):
            guest.run(["sleep", str(seconds)])
            averages.append([float(word) for word in guest.run(["cat", "/proc/loadavg"]).stdout.split()[:3]])

    seen = watch(guest, "loads", workload)
    number = r"(\d+\.\d{3})"
    line = re.compile(rf"{CLOCK} load averages: {number} {number} {number}\n")
    assert line.sub("", seen.text).strip() == ""
    for found in (line.findall(seen.text), line.findall(seen.printed())):
        assert len(found) >= 2
        for shown in found:
            for index, (before, after) in enumerate(zip(*averages, strict=True)):
                # /proc/loadavg rounds to two digits; what was printed can be one step of 5 s older.
                slack = 0.011 if index else 0.1
                assert min(before, after) - slack <= float(shown[index]) <= max(before, after) + slack


def test_loads_are_shown_every_so_many_seconds(guest: Guest) -> None:
    seen = watch(guest, "loads", lambda: guest.run(["sleep", "4.5"]), "--interval=2")
    seconds = [int(second) for second in re.findall(r"^\d\d:\d\d:(\d\d) load averages", seen.text, re.MULTILINE)]
    assert 2 <= len(seconds) <= 3 and (seconds[1] - seconds[0]) % 60 in (1, 2, 3), seen.text


def test_pidpersec_counts_new_processes_and_no_threads(guest: Guest) -> None:
    def workload() -> None:
        guest.run(["sh", "-c", "for i in $(seq 60); do (:); done; sleep 2.5"])

    seen = watch(guest, "pidpersec", workload)
    line = re.compile(rf"{CLOCK} processes/s: (\d+)\n")
    assert line.sub("", seen.text).strip() == ""
    for text in (seen.text, seen.printed()):
        assert 60 <= sum(int(count) for count in line.findall(text)) <= 70, text


def test_pidpersec_gives_the_rate_of_a_longer_interval(guest: Guest) -> None:
    def workload() -> None:
        guest.run(["sh", "-c", "for i in $(seq 60); do (:); done; sleep 4.5"])

    seen = watch(guest, "pidpersec", workload, "--interval=2")
    rates = [int(rate) for rate in re.findall(r"processes/s: (\d+)", seen.text)]
    assert 2 <= len(rates) <= 3 and 29 <= sum(rates) <= 35, seen.text
