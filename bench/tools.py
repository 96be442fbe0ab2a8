"""CPU time of every tool: compiled cold, and from its start to its end when it comes from the compile cache.

    python bench/tools.py [--system-wide] [TOOL...]

Run as root. Tools are attached to this process alone with their `--pid`; those that cannot be limited so are only
compiled, unless `--system-wide` says that the machine is yours. A row tells why a tool does not run on this kernel. The
last row is `begin { exit(); }`, which is what any run costs.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import pybpftrace
from measure import Run, run

OURS = [sys.executable, "-m", "pybpftrace"]
TOOLS = Path(pybpftrace.__file__).resolve().parent / "tools"
ROUNDS = 5


def median(command: list[str]) -> tuple[float, Run]:
    """The median CPU time in seconds of some runs, and the last one; one run where that fails."""
    runs = [run(command)]
    while runs[-1].status == 0 and len(runs) < ROUNDS:
        runs.append(run(command))
    return statistics.median(done.cpu for done in runs), runs[-1]


def measure(name: str, script: list[str], *, cached: bool) -> float:
    """Prints a row; gives the seconds of the compilation."""
    with tempfile.NamedTemporaryFile() as artifact:
        cold, done = median([*OURS, "--no-cache", "--emit", artifact.name, *script])
    if done.status:
        print(f"{name:<16} {done.stderr.decode(errors='replace').splitlines()[0]}")
        return 0.0
    text = f"{name:<16} {cold:5.2f} s"
    if cached:
        command = [*OURS, "-c", shutil.which("true") or "/bin/true", *script]
        run(command)
        attached, done = median(command)
        text += f" {attached:5.2f} s" if done.status == 0 else f" exit status {done.status}"
    print(text)
    return cold


def main() -> None:
    words = sys.argv[1:]
    is_ours = "--system-wide" in words
    names = [word for word in words if not word.startswith("-")] or sorted(path.stem for path in TOOLS.glob("*.bt"))
    print(f"{'':<16} {'cold':>7} {'cached':>7}")
    total = 0.0
    for name in names:
        path = TOOLS / f"{name}.bt"
        has_pid = re.search(r'getopt\("pid"', path.read_text()) is not None
        limited = ["--", f"--pid={os.getpid()}"] if has_pid and not is_ours else []
        total += measure(name, [str(path), *limited], cached=is_ours or has_pid)
    print(f"{'all':<16} {total:5.2f} s")
    measure("an empty program", ["-e", "begin { exit(); }"], cached=True)


if __name__ == "__main__":
    main()
