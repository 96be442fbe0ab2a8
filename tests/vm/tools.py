"""Tools that run in a guest while something happens there, as text and as JSON at once.

Both are attached before the workload begins and are interrupted when it is over, so both see the same events.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pybpftrace
from json_lines import checked_lines

from .guest import Guest, Running
from .tracing import compile_for, run_artifact, target_of

TOOLS = Path(pybpftrace.__file__).resolve().parent / "tools"
#: How a tool says that it is attached: its options, the stream, what to look for there.
_TEXT = ((), "stderr", r"^Attached \d+ probes?\n")
_JSON = (("-f", "json"), "stdout", r'^{"type": "attached_probes".*\n')


@dataclass(frozen=True)
class Watched:
    """What a tool printed: its text, and the messages of `-f json` but for `attached_probes`."""

    text: str
    messages: list[dict[str, Any]]

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def printed(self) -> str:
        """The text of the messages that come from printf."""
        return "".join(message["data"] for message in self.messages if message["type"] == "printf")

    def map(self, name: str) -> Any:
        """A map's content in the last message of any kind that shows it."""
        return [message["data"][name] for message in self.messages if name in message["data"]][-1]


def watch(guest: Guest, name: str, workload: Callable[[], object], *options: str, timeout: float = 120) -> Watched:
    """Run tools/NAME.bt with `-- OPTIONS` in the guest around a workload. Fails when it warns or complains."""
    compiled, artifact = compile_for(target_of(guest), [str(TOOLS / f"{name}.bt"), "--", *options])
    assert artifact is not None, compiled.stderr
    assert (compiled.stdout, compiled.stderr) == ("", "")
    running = [run_artifact(guest, artifact, *words, timeout=timeout) for words, _, _ in (_TEXT, _JSON)]
    for tool, (_, stream, pattern) in zip(running, (_TEXT, _JSON), strict=True):
        tool.wait_for(pattern, stream)
    workload()
    text, json = (tool.interrupt() for tool in running)
    assert (text.status, re.sub(_TEXT[2], "", text.stderr)) == (0, ""), text
    assert (json.status, json.stderr) == (0, ""), json
    messages = checked_lines(os.fsencode(json.stdout))
    return Watched(text.stdout, [message for message in messages if message["type"] != "attached_probes"])


@dataclass(frozen=True)
class Stopped:
    """A process that has done nothing yet but to stop itself, so that a tool can be told its pid."""

    guest: Guest
    pid: int
    running: Running

    def go_on(self) -> None:
        """Lets it do its work, and waits until it has ended."""
        self.guest.run(["kill", "-CONT", str(self.pid)])
        self.running.wait()


@contextmanager
def stopped(guest: Guest, command: Sequence[str]) -> Iterator[Stopped]:
    """A stopped process that is going to execute the command. It ends with the block."""
    running = guest.start(["sh", "-c", 'echo $$; kill -STOP $$; exec "$@"', "sh", *command], timeout=120)
    try:
        yield Stopped(guest, int(running.wait_for(r"^\d+\n")), running)
    finally:
        running.signal(signal.SIGKILL)
        running.wait()


@contextmanager
def stopped_python(guest: Guest, program: str) -> Iterator[Stopped]:
    """The same for a program in Python that has been started and has imported what it needs: imports go first."""
    imports, work = re.split(r"^(?!import |from |\n)", program, maxsplit=1, flags=re.MULTILINE)
    pause = "import os, signal\nprint(os.getpid(), flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\n"
    running = guest.start(["python3", "-I", "-S", "-c", imports + pause + work], timeout=120)
    try:
        yield Stopped(guest, int(running.wait_for(r"^\d+\n")), running)
    finally:
        running.signal(signal.SIGKILL)
        running.wait()
