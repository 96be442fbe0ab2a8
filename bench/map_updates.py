"""What an update of a map costs the traced program: a tight getppid(2) loop, beside an installed bpftrace.

Run as root: `python bench/map_updates.py [COUNT] [ROUNDS]`. Traces only the loops that it starts itself. The cost of
an event is the loop's CPU time per call, which has the probe's in it; that of the update is what it is above a probe
that does nothing. Rounds alternate between the tracers; the best one of each counts, because whatever else a machine
does only adds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile

from measure import run

PROBE = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {{ {update} }}"
#: What the probe does that all others are measured against.
NOTHING = "$x = 1;"
UPDATES = (
    "@ = count();",
    "@[tid] = count();",
    "@[comm] = count();",
    "@[nsecs % 4096] = count();",
    "@ = sum(cpu);",
    "@ = min(nsecs);",
    "@ = max(nsecs);",
    "@[tid] = min(nsecs);",
    "@ = avg(nsecs);",
    "@ = stats(nsecs);",
    "@ = hist(nsecs);",
    "@[tid] = hist(nsecs);",
    "@ = lhist(nsecs % 1000, 0, 1000, 10);",
    "@[tid] = nsecs;",
    "@[tid] = nsecs; delete(@[tid]);",
)
LOOP = re.compile(rb"cpu_ns (\d+)")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    tracers = {"pybpftrace": [sys.executable, "-m", "pybpftrace"]}
    if shutil.which("bpftrace"):
        tracers["bpftrace"] = ["bpftrace"]
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "getppid")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "getppid.c")
        subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
        print(f"{count} events, best of {rounds} rounds, ns of CPU: an event, and of that the update")
        nothing = _costs(tracers, program, count, rounds, NOTHING)
        for update in UPDATES:
            costs = _costs(tracers, program, count, rounds, update)
            line = "   ".join(f"{name} {cost:5.0f} {cost - nothing[name]:5.0f}" for name, cost in costs.items())
            if "bpftrace" in costs:
                line += f"   ratio {costs['pybpftrace'] / costs['bpftrace']:.2f}"
            print(f"{update:<40} {line}", flush=True)


def _costs(tracers: dict[str, list[str]], program: str, count: int, rounds: int, update: str) -> dict[str, float]:
    """ns a call of the traced loop, in the best round of each tracer."""
    best = dict.fromkeys(tracers, float("inf"))
    script = PROBE.format(update=update)
    for _ in range(rounds):
        for name, command in tracers.items():
            done = run([*command, "-c", f"{program} {count}", "-e", script])
            loops = LOOP.findall(done.stderr)
            if done.status != 0 or not loops:
                sys.exit(f"{name}: exit status {done.status}\n{done.stderr.decode(errors='replace')}")
            best[name] = min(best[name], int(loops[0]) / count)
    return best


if __name__ == "__main__":
    main()
