"""The lessons of docs/tutorial.md that trace, on the kernels of a stock Debian."""

from __future__ import annotations

import pytest
from tutorial_page import CHECKS, LESSONS, Lesson, check_paths, check_shown

from .guest import Completed, Guest
from .tracing import trace

pytestmark = pytest.mark.kernels("6.1", "6.12", "newest")
#: 500 MB of random bytes take an emulated machine too long.
TOO_SLOW = {7}


def follow(guest: Guest, lesson: Lesson) -> Completed:
    workload, script = lesson.option("-c"), lesson.option("-e")
    assert lesson.words == ["-c", workload, "-e", script]
    return trace(guest, script, workload=workload)


@pytest.mark.parametrize("number", sorted(CHECKS.keys() - TOO_SLOW))
def test_a_lesson_works_on_debians_kernels(guest: Guest, number: int) -> None:
    done = follow(guest, LESSONS[number])
    assert done.status == 0 and "WARNING" not in done.stderr, done
    CHECKS[number](done.stdout)
    check_shown(LESSONS[number], done.stdout)


def test_a_kprobe_tells_of_the_directory_the_file_and_its_file_system(guest: Guest) -> None:
    done = follow(guest, LESSONS[10])
    assert (done.status, done.stderr) == (0, "Attached 1 probe\n"), done
    directory = guest.run(["pwd"]).stdout.strip().rpartition("/")[2] or "/"
    mounts = [line.split() for line in guest.run(["cat", "/proc/mounts"]).stdout.splitlines()]
    [root] = [kind for _, place, kind, *_ in mounts if place == "/"]
    check_paths(done.stdout, directory, root)
    check_shown(LESSONS[10], done.stdout)
