"""The lessons of docs/tutorial.md, and what a run of one has to show, wherever it runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pybpftrace

PAGE = (Path(pybpftrace.__file__).resolve().parent / "docs" / "tutorial.md").read_text()
_LESSON = re.compile(r"^## (\d+)\. ([^\n]+)\n\n```sh\n(.*?)^```\n\n```text\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    number: int
    title: str
    command: str
    shown: str

    @property
    def words(self) -> list[str]:
        """The command's arguments as a shell splits them."""
        return shlex.split(self.command)[1:]

    def option(self, name: str) -> str:
        return self.words[self.words.index(name) + 1]


LESSONS = {int(number): Lesson(int(number), *rest) for number, *rest in _LESSON.findall(PAGE)}


def check_shown(lesson: Lesson, stdout: str) -> None:
    """The output has the page's lines; their numbers, and how many blanks and @ there are, may differ."""
    missing = _blurred(lesson.shown) - _blurred(stdout)
    assert not missing, (missing, stdout)


def _blurred(text: str) -> set[str]:
    for pattern, replacement in ((r"\b0x[0-9a-f]+|\d+", "#"), (r"\|[@ ]*\|", "|"), (r"[ \t]+", " ")):
        text = re.sub(pattern, replacement, text)
    return {line.strip() for line in text.split("\n")}


def check_opened_files(stdout: str) -> None:
    lines = [line for line in stdout.splitlines() if " opens " in line]
    # A name that the kernel has not brought into memory yet is empty, as the page says.
    assert all(re.match(r"cat opens (/|$)", line) for line in lines), stdout
    assert any("/libc.so.6" in line for line in lines[:-1])
    assert lines[-1] == "cat opens /etc/hostname"


def check_counts(stdout: str) -> None:
    found = re.findall(r"^@calls\[(\w+)\]: (\d+)$", stdout, re.MULTILINE)
    calls = {name: int(count) for name, count in found}
    assert len(calls) == len(found) and list(calls.values()) == sorted(calls.values())
    assert (calls["execve"], calls["exit_group"]) == (1, 1)
    # `.` is asked for entries until there are none.
    assert calls["getdents64"] == 2 and calls["close"] >= 3 and calls["openat"] >= 3


def check_histograms(stdout: str) -> None:
    powers, steps = stdout.split("@powers:\n")[1].split("@steps:\n")
    full = r" +1000 \|@{52}\|$"
    assert re.search(r"^\[1K, 2K\)" + full, powers, re.MULTILINE), stdout
    assert re.search(r"^\[1500, 1750\)" + full, steps, re.MULTILINE), stdout
    # The start of a library, with its headers, is read in one piece of less than a KB.
    assert re.search(r"^\[512, 1K\) +[1-9]", powers, re.MULTILINE), stdout


def check_time(stdout: str) -> None:
    found = re.fullmatch(r"sleep slept for (\d+) us\n\n\n", stdout)
    assert found and 200_000 <= int(found[1]) < 60_000_000, stdout


def check_json(stdout: str) -> None:
    messages = [json.loads(line) for line in stdout.splitlines() if line]
    assert messages[0] == {"type": "attached_probes", "count": 2, "data": {"probes": 2}}
    counts = [message["data"]["@reads"] for message in messages[1:]]
    assert all(message["type"] == "map" and list(message["data"]) == ["@reads"] for message in messages[1:])
    # 500 are dd's own. What comes between print and clear is in none of the lines.
    assert len(counts) >= 2 and 400 <= sum(counts) <= 520 and max(counts) < 500, counts


def check_environment(stdout: str) -> None:
    lines = [line for line in stdout.splitlines() if " is " in line]
    assert "TZ is UTC" in lines and "LC_ALL is not set" in lines
    assert {line for line in lines if not line.endswith(" is not set")} == {"TZ is UTC"}
    # The program's own line.
    assert re.search(r"\bUTC\b", stdout.replace("TZ is UTC", "")), stdout


def check_stacks(stdout: str) -> None:
    frames = re.findall(r"^\n((?: {8}\S+\n)+)\n\n((?: {8}\S+\n)+)\n", stdout, re.MULTILINE)
    pairs = [[re.findall(r"^ {8}(\w+)", stack, re.MULTILINE) for stack in pair] for pair in frames]
    # Perl's file may be on a file system that has to be waited for, too.
    [(kernel, user)] = [pair for pair in pairs if "do_nanosleep" in pair[0]]
    assert len(kernel) == 6 and kernel.index("schedule") < kernel.index("do_nanosleep"), stdout
    way = ["clock_nanosleep", "Perl_pp_sleep", "Perl_runops_standard", "perl_run", "main", "_start"]
    assert [name for name in user if name in way] == way and user[0] == way[0], stdout


def check_paths(stdout: str, directory: str, root: str) -> None:
    found = re.findall(r"^from (\S+): (\S+) on (\w+)$", stdout, re.MULTILINE)
    assert {place for place, _, _ in found} == {directory}, stdout
    files = [(name, kind) for _, name, kind in found]
    assert files[-2:] == [("version", "proc"), ("null", "devtmpfs")], stdout
    assert ("libc.so.6", root) in files, stdout


def check_failures(stdout: str) -> None:
    report = dict(re.findall(r"^\d+x (\w+: .+)()$", stdout, re.MULTILINE))
    assert "statx: No such file or directory" in report, stdout
    counts = [int(count) for count in re.findall(r"^(\d+)x ", stdout, re.MULTILINE)]
    worked = re.search(r"^@worked: (\d+)$", stdout, re.MULTILINE)
    assert min(counts) >= 1 and worked and int(worked[1]) > 20, stdout
    assert "@failed" not in stdout


#: What tells nothing of the machine's state, so it holds on the host and in every guest.
CHECKS: dict[int, Callable[[str], None]] = {
    3: check_opened_files,
    4: check_counts,
    5: check_histograms,
    6: check_time,
    7: check_json,
    8: check_environment,
    9: check_stacks,
    11: check_failures,
}
