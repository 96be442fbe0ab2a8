"""Runs commands as whole processes and compares them in pairs.

Shared machines drift, so two commands are run in turn (A B A B ...) and compared pair by pair; ratios and medians are
what to quote. Knows nothing of what is measured.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: seconds of wall clock and of CPU (all threads and waited-for children), and its output."""

    wall: float
    cpu: float
    status: int
    stdout: bytes
    stderr: bytes


def run(command: Sequence[str], *, stdout_path: str | None = None, environment: dict[str, str] | None = None) -> Run:
    before = os.times()
    started = time.perf_counter()
    with open(stdout_path, "wb") if stdout_path else _pipe() as out:
        done = subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment, check=False
        )
    wall = time.perf_counter() - started
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, cpu, done.returncode, done.stdout or b"", done.stderr)


class _pipe:
    def __enter__(self) -> int:
        return subprocess.PIPE

    def __exit__(self, *_: object) -> None:
        return None


def compare(name: str, ours: Sequence[str], theirs: Sequence[str], *, rounds: int = 11, warmup: int = 1) -> float:
    """Prints medians of both and the median ratio ours/theirs of the wall clock; gives that ratio."""
    pairs = []
    for number in range(rounds + warmup):
        pair = run(ours), run(theirs)
        for done, command in zip(pair, (ours, theirs), strict=True):
            if done.status != 0:
                sys.exit(f"{' '.join(command)}: exit status {done.status}\n{done.stderr.decode(errors='replace')}")
        if number >= warmup:
            pairs.append(pair)
    ratio = statistics.median(a.wall / b.wall for a, b in pairs)
    cpu_ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
    ours_wall, theirs_wall = (statistics.median(p[i].wall for p in pairs) for i in (0, 1))
    spread = f"{min(a.wall / b.wall for a, b in pairs):.2f}..{max(a.wall / b.wall for a, b in pairs):.2f}"
    print(
        f"{name:<28} ours {ours_wall * 1000:6.0f} ms   bpftrace {theirs_wall * 1000:6.0f} ms   "
        f"wall ratio {ratio:.2f} ({spread})   CPU ratio {cpu_ratio:.2f}"
    )
    return ratio
