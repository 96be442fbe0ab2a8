"""The tools about single system calls: how many there are, signals, and changes of user."""

from __future__ import annotations

import re

import pytest

from .guest import Guest
from .tools import stopped_python, watch

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")

CLOCK = r"\d\d:\d\d:\d\d"

GETPPID = """
import os

for _ in range(700):
    os.getppid()
for _ in range(300):
    os.getpgrp()
"""
#: To itself, to a thread of it, to its process group, and to somebody who is not there.
SIGNALS = """
import contextlib
import os
import signal
import threading

signal.signal(signal.SIGUSR1, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGUSR1)
signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
os.kill(-os.getpid(), signal.SIGUSR1)
with contextlib.suppress(OSError):
    os.kill(4000000, 0)
"""
USERS = """
import contextlib
import os

os.setresuid(-1, 1001, 0)
os.setreuid(-1, 0)
os.setuid(1002)
with contextlib.suppress(OSError):
    os.setuid(0)
"""


def test_syscount_shows_the_most_frequent_calls_and_who_makes_them(guest: Guest) -> None:
    with stopped_python(guest, GETPPID) as program:
        pid = program.pid
        seen = watch(guest, "syscount", program.go_on, f"--pid={pid}", "--top=2")
    assert seen.lines[0] == "Counting system calls... Hit Ctrl-C to end."
    calls = re.findall(r"^@calls\[(\w+)\]: (\d+)$", seen.text, re.MULTILINE)
    assert calls == [("getpgrp", "300"), ("getppid", "700")]
    [count] = re.findall(rf"^@processes\[python3, {pid}\]: (\d+)$", seen.text, re.MULTILINE)
    assert int(count) > 1000 and "@seconds" not in seen.text
    assert seen.map("@calls") == {"getpgrp": 300, "getppid": 700}
    assert seen.map("@processes") == {f"python3,{pid}": int(count)}


def test_syscount_reports_in_intervals(guest: Guest) -> None:
    with stopped_python(guest, GETPPID) as program:

        def workload() -> None:
            program.go_on()
            guest.run(["sleep", "1.5"])

        seen = watch(guest, "syscount", workload, "--interval=1", "--top=1000")
    maps = [message["data"]["@calls"] for message in seen.messages if "@calls" in message["data"]]
    assert len(maps) >= 2 and sum(found.get("getppid", 0) for found in maps) == 700
    counts = [int(count) for count in re.findall(r"^@calls\[getppid\]: (\d+)$", seen.text, re.MULTILINE)]
    assert sum(counts) == 700 and re.search(rf"^{CLOCK}\n", seen.text, re.MULTILINE)
    assert re.search(rf"^@processes\[python3, {program.pid}\]: \d+$", seen.text, re.MULTILINE)


def test_killsnoop_shows_each_signal_with_its_result(guest: Guest) -> None:
    with stopped_python(guest, SIGNALS) as program:
        pid = program.pid
        seen = watch(guest, "killsnoop", program.go_on, f"--pid={pid}")
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME         PID COMM             SIGNAL  TARGET RESULT"
        # Python's first look whether the thread is there is a signal, too.
        rows = [re.fullmatch(rf"{CLOCK} +{pid} python3 +(\d+) +(-?\d+) (.+)", line) for line in lines]
        found = [row.groups() for row in rows if row]
        assert len(found) == len(lines), text
        assert [row for row in found if row[0] == "10"] == [
            ("10", str(pid), "ok"),
            ("10", str(pid), "ok"),
            ("10", str(-pid), "ok"),
        ]
        assert found[-1] == ("0", "4000000", "No such process")


@pytest.mark.parametrize(
    ("option", "signals"), [("--signal=10", ["10", "10", "10"]), ("--signal=0", ["0"]), ("--failed", ["0"])]
)
def test_killsnoop_shows_one_signal_or_what_failed(guest: Guest, option: str, signals: list[str]) -> None:
    with stopped_python(guest, SIGNALS) as program:
        seen = watch(guest, "killsnoop", program.go_on, option)
    rows = re.findall(rf"^{CLOCK} +{program.pid} python3 +(\d+) +-?\d+ .+$", seen.text, re.MULTILINE)
    assert rows == signals
    if option == "--failed":
        assert not re.search(r" ok$", seen.text, re.MULTILINE)
    else:
        # `kill -CONT`, which lets the program go on, is no such signal.
        assert set(re.findall(r"^\S+ +\d+ \S+ +(\d+) +-?\d+ ", seen.text, re.MULTILINE)) == set(signals)


@pytest.mark.parametrize("by_pid", [True, False])
def test_setuids_shows_what_is_asked_for_and_the_result(guest: Guest, by_pid: bool) -> None:
    with stopped_python(guest, USERS) as program:
        pid = program.pid
        seen = watch(guest, "setuids", program.go_on, *([f"--pid={pid}"] if by_pid else []))
    for text in (seen.text, seen.printed()):
        header, *lines = (line for line in text.splitlines() if line)
        assert header == "TIME         PID COMM                UID CALL        RUID   EUID   SUID RESULT"
        rows = [re.fullmatch(rf"{CLOCK} +{pid} python3 +(.+)", line) for line in lines]
        assert [re.sub(" +", " ", row[1]) for row in rows if row] == [
            "0 setresuid -1 1001 0 ok",
            "0 setreuid -1 0 -1 ok",
            "0 setuid 1002 1002 1002 ok",
            "1002 setuid 0 0 0 Operation not permitted",
        ]
