"""The lessons of docs/tutorial.md as a reader types them; tests/vm has the same on Debian's kernels, and kprobes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tracing import PATIENCE, Finished, check_json, run
from tutorial_page import CHECKS, LESSONS, Lesson, check_shown

pytestmark = pytest.mark.live

#: What a lesson's program itself has to say on standard error.
COMPLAINTS = {11: r"(.*: )?cannot access '/nowhere': No such file or directory\n"}
#: Their output is the same on every machine, whole or but for what the page leaves out.
WITHOUT_EVENTS = {1, 2, 12}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A $PATH on which the command is."""
    directory = tmp_path_factory.mktemp("bin")
    command = directory / "pybpftrace"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pybpftrace "$@"\n')
    command.chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def type_in(lesson: Lesson, path: str) -> Finished:
    done = subprocess.run(
        ["bash", "-c", lesson.command],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        env={**os.environ, "PATH": path, "LC_ALL": "C"},
        check=False,
    )
    check_json(lesson.words, done.stdout)
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_a_lesson_traces_its_program_and_shows_what_the_page_shows(number: int, path: str) -> None:
    lesson = LESSONS[number]
    for program in (lesson.option("-c").split(" ")[0], "bash"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    done = type_in(lesson, path)
    assert done.status == 0, done.stderr
    # No warning in front of a beginner.
    attached = r"Attached [1-9] probes?\n" if "json" not in lesson.words else ""
    said = "".join(sorted(done.stderr.splitlines(keepends=True)))
    assert re.fullmatch(attached + COMPLAINTS.get(number, ""), said), done.stderr
    CHECKS[number](done.stdout)
    check_shown(lesson, done.stdout)


def test_listing_shows_both_ends_of_the_call(path: str) -> None:
    done = type_in(LESSONS[1], path)
    check_shown(LESSONS[1], done.stdout)
    assert re.findall(r"^\S.*", done.stdout, re.MULTILINE) == re.findall(r"^\S.*", LESSONS[1].shown, re.MULTILINE)
    assert (done.status, done.stderr) == (0, "")


def test_hello_says_hello(path: str) -> None:
    assert type_in(LESSONS[2], path) == Finished(0, f"{LESSONS[2].shown}\n\n", "Attached 1 probe\n")


def test_the_stages_are_shown_and_nothing_runs(path: str) -> None:
    lesson = LESSONS[12]
    done = type_in(lesson, path)
    assert (done.status, done.stderr) == (0, "")
    tree, types, instructions = re.split(r"^(?:Types|BPF instructions)\n-+\n", done.stdout, flags=re.MULTILINE)
    # The page has the first two whole, the instructions shortened.
    assert f"{tree}Types\n-----\n{types}" == lesson.shown[: lesson.shown.index("BPF instructions")]
    shown = lesson.shown[lesson.shown.index("begin_1") :].splitlines()
    assert [line for line in instructions.splitlines() if line in shown] == shown
    assert "@answer: 42" not in done.stdout


def test_quotes_inside_of_the_command_are_warned_of() -> None:
    done = run("-q", "-c", "printf <%s> 'a b'", "-e", "interval:s:1 { }")
    warning = "WARNING: The command of -c is split at blanks; quotes keep nothing together there\n"
    assert done == Finished(0, "<'a><b'>\n\n", warning)
    assert run("-q", "--no-warnings", "-c", "true 'a b'", "-e", "interval:s:1 { }").stderr == ""


def test_the_page_has_twelve_lessons_and_each_is_run() -> None:
    page = Path(__file__).parents[2] / "docs" / "tutorial.md"
    headings = re.findall(r"^## (\d+)\. (.+)$", page.read_text(), re.MULTILINE)
    assert [(lesson.number, lesson.title) for lesson in LESSONS.values()] == [(int(n), title) for n, title in headings]
    # Lesson 10 takes kprobes, so a guest.
    assert sorted({*CHECKS, *WITHOUT_EVENTS, 10}) == sorted(LESSONS) == list(range(1, 13))
    assert page.read_text().count("```") == 4 * len(LESSONS)
