"""Tests in virtual machines, each with a stock Debian kernel: `make test-vm`, as root.

A test takes the fixture `guest` and runs once on each kernel of SUITES, all in one boot of it:

    @pytest.mark.kernels("6.1", "6.12", "newest")
    def test_a_kprobe_sees_its_argument(guest: Guest) -> None:
        done = trace(guest, 'kprobe:vfs_open { ... }', workload="/bin/cat /etc/hostname")
        assert done.stdout == "..."

Without the marker `kernels` it runs on all. `trace` (tracing.py) compiles here and runs there, 1 to 3 seconds a test;
`trace_in_guest` compiles there, which takes half a minute, so a few tests do. `guest.run`, `guest.start` and
`guest.write` (guest.py) are for everything else. The guest has this machine's files, new ones too (a C program for a
test is compiled here), and may write where it likes without changing them; a file that it has looked at must not be
changed here afterwards. Nobody else is in there: a script may trace everything. An idle guest does nothing, so give
probes a workload.

A guest that cannot be had skips its tests with the reason; with PYBPFTRACE_VM=require they fail.
"""

from __future__ import annotations

import compileall
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

import pybpftrace
import pytest

from .guest import Guest, GuestDied
from .kernel import SUITES, fetch
from .prerequisites import Programs, Unavailable, programs
from .target import target_of

# What builds the traced programs is there.
sys.path.insert(0, str(Path(__file__).parents[1] / "live"))

#: A line about each guest, for the end.
_LINES = pytest.StashKey[list[str]]()
_PHASES = ("fetched in", "booted in", "captured in", "tests took")
_COMPLAINT = re.compile(r".*(?:Oops:|BUG:|WARNING: CPU|Kernel panic).*")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LINES] = []
    # As Ctrl-C does, it ends the guests and removes their files.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_LINES]:
        terminalreporter.write_line(line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the marker `kernels` does not name."""
    left_out = [item for item in items if not _is_wanted(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_wanted(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("kernels")
    return marker is None or not isinstance(item, pytest.Function) or item.callspec.params["guest"] in marker.args


@pytest.fixture(scope="session")
def guest_programs() -> Programs:
    """What runs outside of the guests; our own modules are compiled here, because the guests would not keep theirs."""
    root = Path(pybpftrace.__file__).parent
    for room in ("api", "cli", "core", "passes", "plugins"):
        compileall.compile_dir(str(root / room), quiet=2)
    try:
        return programs()
    except Unavailable as reason:
        _give_up(str(reason))


@pytest.fixture(scope="session", params=SUITES)
def guest(request: pytest.FixtureRequest, guest_programs: Programs) -> Iterator[Guest]:
    """A booted guest with the kernel of this name; all of its tests follow each other."""
    times = [time.monotonic()]
    try:
        kernel = fetch(request.param, guest_programs)
        times.append(time.monotonic())
        booted = Guest(kernel, guest_programs)
    except (Unavailable, GuestDied, OSError) as reason:
        _give_up(f"no guest with kernel {request.param}: {reason}")
    try:
        times.append(time.monotonic())
        target_of(booted)
        times.append(time.monotonic())
        yield booted
        times.append(time.monotonic())
        phases = zip(_PHASES, pairwise(times), strict=True)
        took = [f"{name} {after - before:.1f} s" for name, (before, after) in phases]
        request.config.stash[_LINES].append(f"{kernel.release}: {', '.join(took)}")
        complaint = _COMPLAINT.search(booted.console)
        assert complaint is None, f"the guest's kernel complained: {complaint}"
    finally:
        booted.stop()


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("PYBPFTRACE_VM") == "require":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
