"""The tools about files. One program does a known list of things; before, it stops itself, so that it can be named."""

from __future__ import annotations

import re

import pytest

from .guest import Guest
from .tools import Watched, stopped_python, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

FINE_CLOCK = r"\d\d:\d\d:\d\d\.\d{6}"

PROGRAM = """
import contextlib
import ctypes
import os

libc = ctypes.CDLL(None)
os.chdir("/tmp/traced")
file = os.open("/tmp/traced/new", os.O_CREAT | os.O_RDWR)
os.write(file, b"x" * 5000)
os.fsync(file)
os.fdatasync(file)
libc.syncfs(file)
libc.sync_file_range(file, ctypes.c_long(0), ctypes.c_long(100), 2)
libc.msync(0, 0, 4)
os.sync()
os.stat("/tmp/traced/new")
os.fstat(file)
os.lstat("/tmp/traced")
os.statvfs("/tmp/traced")
for path in ("/tmp/traced/absent", "/tmp/traced/absent/below"):
    with contextlib.suppress(OSError):
        os.stat(path)
with contextlib.suppress(OSError):
    os.open("nowhere", os.O_RDONLY)
with contextlib.suppress(OSError):
    os.unlink("never_made")
with contextlib.suppress(OSError):
    os.mkdir("made")
os.stat("made")
os.mknod("node")
os.unlink("/tmp/traced/new")
"""


def watch_program(guest: Guest, tool: str, *options: str, by_pid: bool = True, after: float = 0) -> tuple[int, Watched]:
    """The program's pid, and what the tool printed of it, with `--pid` or without, until some seconds after its end."""
    made = guest.run(["sh", "-c", "mkdir -p /tmp/traced && mount -t tmpfs traced /tmp/traced"])
    assert made.status == 0, made.stderr
    try:
        with stopped_python(guest, PROGRAM) as program:

            def workload() -> None:
                program.go_on()
                guest.run(["sleep", str(after)])

            named = [f"--pid={program.pid}"] if by_pid else []
            return program.pid, watch(guest, tool, workload, *named, *options)
    finally:
        guest.run(["umount", "/tmp/traced"])


def counts(text: str) -> dict[str, int]:
    found = re.findall(r"^@calls\[(\w+)\]: (\d+)$", text, re.MULTILINE)
    return {name: int(count) for name, count in found}


def test_opensnoop_shows_descriptors_and_failures(guest: Guest) -> None:
    pid, seen = watch_program(guest, "opensnoop")
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "PID     COMM               FD ERR PATH"
        assert lines == [
            f"{pid:<7} python3             3   0 /tmp/traced/new",
            f"{pid:<7} python3            -1   2 nowhere",
        ]


def test_opensnoop_shows_what_failed_in_all_processes(guest: Guest) -> None:
    pid, seen = watch_program(guest, "opensnoop", "--failed", by_pid=False)
    for text in (seen.text, seen.printed()):
        assert f"{pid:<7} python3            -1   2 nowhere\n" in text
        # sleep(1) looks for a list of locales, which is not there.
        assert re.search(r"^\d+ +sleep +-1 +2 /", text, re.MULTILINE), text
        assert not re.search(r"^\d+ +\S+ +\d+ +0 ", text, re.MULTILINE)


def test_statsnoop_shows_paths_and_failures(guest: Guest) -> None:
    pid, seen = watch_program(guest, "statsnoop")
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "PID     COMM             ERR PATH"
        assert lines == [
            f"{pid:<7} python3            0 /tmp/traced/new",
            f"{pid:<7} python3            0 /tmp/traced",
            f"{pid:<7} python3            0 /tmp/traced",
            f"{pid:<7} python3            2 /tmp/traced/absent",
            f"{pid:<7} python3            2 /tmp/traced/absent/below",
            f"{pid:<7} python3            0 made",
        ]


def test_statsnoop_shows_what_failed_in_all_processes(guest: Guest) -> None:
    pid, seen = watch_program(guest, "statsnoop", "--failed", by_pid=False)
    for text in (seen.text, seen.printed()):
        assert re.findall(rf"^{pid} +python3 +(\d+) (.*)$", text, re.MULTILINE) == [
            ("2", "/tmp/traced/absent"),
            ("2", "/tmp/traced/absent/below"),
        ]
        assert not re.search(r"^\d+ +\S+ +0 ", text, re.MULTILINE)


def test_syncsnoop_shows_each_call_with_its_file(guest: Guest) -> None:
    pid, seen = watch_program(guest, "syncsnoop")
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME                PID COMM             CALL             FD"
        row = re.compile(rf"{FINE_CLOCK} +{pid} python3 {{10}}(\w+) +(-?\d+)")
        assert [found.groups() for found in map(row.fullmatch, lines) if found] == [
            ("fsync", "3"),
            ("fdatasync", "3"),
            ("syncfs", "3"),
            ("sync_file_range", "3"),
            ("msync", "-1"),
            ("sync", "-1"),
        ]
        assert len(lines) == 6


def test_syncsnoop_shows_all_processes(guest: Guest) -> None:
    seen = watch(guest, "syncsnoop", lambda: guest.run(["sync"]))
    for text in (seen.text, seen.printed()):
        assert re.search(rf"^{FINE_CLOCK} +\d+ sync {{13}}sync {{13}}-1$", text, re.MULTILINE), text


def test_dcsnoop_shows_names_that_are_looked_up_and_each_miss_once(guest: Guest) -> None:
    pid, seen = watch_program(guest, "dcsnoop")
    row = re.compile(rf"^{FINE_CLOCK} +{pid} python3 {{10}}([RM]) (\S+)$", re.MULTILINE)
    for text in (seen.text, seen.printed()):
        assert text.splitlines()[0] == "TIME                PID COMM             T NAME"
        found = row.findall(text)
        assert len(found) == len([line for line in text.splitlines() if line]) - 1
        misses = ["new", "absent", "absent", "nowhere", "never_made", "made", "node"]
        assert [name for kind, name in found if kind == "M"] == misses
        # Walked over: /tmp, /tmp/traced and what is in there.
        assert {"tmp", "traced", "new", "absent", "nowhere", "made"} <= {name for kind, name in found if kind == "R"}


def test_dcsnoop_shows_only_misses_of_all_processes(guest: Guest) -> None:
    pid, seen = watch_program(guest, "dcsnoop", "--misses", by_pid=False)
    for text in (seen.text, seen.printed()):
        assert re.findall(rf" +{pid} python3 +M (\S+)$", text, re.MULTILINE)[-3:] == ["never_made", "made", "node"]
        assert not re.search(rf"^{FINE_CLOCK} .* R \S+$", text, re.MULTILINE)


def test_vfscount_counts_each_function(guest: Guest) -> None:
    _, seen = watch_program(guest, "vfscount")
    assert seen.lines[0] == "Counting calls of vfs_*... Hit Ctrl-C to end."
    calls = counts(seen.text)
    assert list(calls.values()) == sorted(calls.values())
    for found in (calls, seen.map("@calls")):
        assert (found["vfs_create"], found["vfs_mkdir"], found["vfs_write"]) == (1, 1, 1)
        assert (found["vfs_open"], found["vfs_unlink"]) == (1, 1)
    assert "@seconds" not in seen.text


def test_vfscount_reports_in_intervals(guest: Guest) -> None:
    _, seen = watch_program(guest, "vfscount", "--interval=1", after=1.5)
    times = re.split(r"^(\d\d:\d\d:\d\d)\n", seen.text, flags=re.MULTILINE)
    assert len(times) >= 3
    assert sum(counts(part).get("vfs_create", 0) for part in times) == 1
    maps = [message["data"]["@calls"] for message in seen.messages if message["type"] == "map"]
    assert sum(found.get("vfs_create", 0) for found in maps) == 1
    assert sum(message["type"] == "time" for message in seen.messages) >= 1


def test_vfsstat_counts_some_functions_for_each_second(guest: Guest) -> None:
    _, seen = watch_program(guest, "vfsstat", after=1.5)
    assert re.match(r"\d\d:\d\d:\d\d\n", seen.text)
    parts = [counts(part) for part in re.split(r"^\d\d:\d\d:\d\d\n", seen.text, flags=re.MULTILINE)]
    maps = [message["data"]["@calls"] for message in seen.messages if message["type"] == "map"]
    wanted = {"write": 1, "fsync": 2, "open": 1, "create": 2, "unlink": 1}
    for found in (parts, maps):
        sums = {name: sum(part.get(name, 0) for part in found) for part in found for name in part}
        assert {name: count for name, count in sums.items() if name != "read"} == wanted
    assert "@seconds" not in seen.text


def test_vfsstat_divides_by_the_interval(guest: Guest) -> None:
    _, seen = watch_program(guest, "vfsstat", "--interval=2", after=2.5)
    # It calls fsync(2) and fdatasync(2), which is one a second.
    assert re.findall(r"^@calls\[fsync\]: (\d+)$", seen.text, re.MULTILINE) == ["1"]
    maps = [message["data"]["@calls"] for message in seen.messages if message["type"] == "map"]
    assert [found["fsync"] for found in maps if "fsync" in found] == [1]
