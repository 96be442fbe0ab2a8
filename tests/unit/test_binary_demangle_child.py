"""Long C++ names are demangled in a process that may take no more than its share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from pybpftrace.core.binary import demangle_child
from pybpftrace.core.binary.demangle_child import DemangleChild
from pybpftrace.core.binary.symbol_names import SymbolNames

LONG = "_ZN5boost131" + "x" * 131 + "Ei"


def test_a_long_name_is_demangled_as_a_short_one_is() -> None:
    names = SymbolNames()
    assert names.shown(LONG) == f"boost::{'x' * 131}(int)"
    assert names.shown("_ZN5boost2abEi") == "boost::ab(int)"
    assert names.shown("_ZN5boost131" + "x" * 130) == "_ZN5boost131" + "x" * 130


def test_one_process_serves_all_names() -> None:
    child = DemangleChild(lambda name: b"%d" % os.getpid())
    numbers = {child.ask(b"%d" % number) for number in range(100)}
    child.close()
    assert len(numbers) == 1 and b"%d" % os.getpid() not in numbers


def test_a_name_that_takes_too_long_has_no_text_and_the_next_one_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demangle_child, "_MAX_SECONDS", 0.05)

    def demangle(name: bytes) -> bytes:
        while name == b"endless":
            continue
        return name.upper()

    child = DemangleChild(demangle)
    assert [child.ask(name) for name in (b"a", b"endless", b"b")] == [b"A", None, b"B"]
    child.close()


def test_a_name_that_takes_all_memory_has_no_text() -> None:
    child = DemangleChild(lambda name: b"x" * (1 << 30))
    assert child.ask(b"a") is None
    child.close()


def test_a_text_that_is_too_long_is_none() -> None:
    child = DemangleChild(lambda name: b"x" * (1 << 17))
    assert child.ask(b"a") is None
    child.close()


def test_it_is_not_started_again_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demangle_child, "_MAX_STARTS", 2)
    child = DemangleChild(lambda name: os._exit(1))
    assert [child.ask(b"a") for _ in range(4)] == [None] * 4
    assert child._starts == 2


def test_it_ends_with_the_tracer_and_holds_none_of_its_files() -> None:
    script = (
        "import os, signal\n"
        "from pybpftrace.core.binary.demangle_child import DemangleChild\n"
        "child = DemangleChild(lambda name: b' '.join(os.fsencode(f) for f in os.listdir('/proc/self/fd')))\n"
        "print(len(child.ask(b'a').split()), child._pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    # Its standard output is this pipe: reading it to its end shows that the child has not kept it open either.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    files, _ = map(int, done.stdout.split())
    assert files == 3, "two pipes, and the directory that is being read"
