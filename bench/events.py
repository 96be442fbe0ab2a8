"""Three million printf events from a tight getppid(2) loop: what arrives, what is reported lost, and what it costs.

Run as root: `python bench/events.py [COUNT]`. Traces only the loop that it starts itself, beside an installed bpftrace.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile

from measure import run

SCRIPT = 'tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf("%d %s\\n", pid, comm); }'
LOST = re.compile(rb"Lost (\d+) events")
LOOP = re.compile(rb"loop_ns (\d+)")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000_000
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "getppid")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "getppid.c")
        subprocess.run(["gcc", "-O2", "-o", program, source], check=True)
        untraced = int(LOOP.findall(run([program, str(count)]).stderr)[0])
        print(f"{count} events; untraced loop {untraced / count:.0f} ns a call")
        tracers = [("pybpftrace", [sys.executable, "-m", "pybpftrace"])]
        if shutil.which("bpftrace"):
            tracers.append(("bpftrace", ["bpftrace"]))
        for name, command in tracers:
            output = os.path.join(directory, "output")
            done = run([*command, "-c", f"{program} {count}", "-e", SCRIPT], stdout_path=output)
            if done.status != 0:
                sys.exit(f"{name}: exit status {done.status}\n{done.stderr.decode(errors='replace')}")
            with open(output, "rb") as lines:
                delivered = sum(line.endswith(b"getppid\n") for line in lines)
            lost = sum(map(int, LOST.findall(done.stderr)))
            with open(output, "rb") as text:
                lost += sum(map(int, LOST.findall(text.read())))
            traced = int(LOOP.findall(done.stderr)[0])
            own_cpu = done.cpu - traced / 1e9
            print(
                f"{name:<12} delivered {delivered:>8} ({delivered / count:6.1%})   reported lost {lost:>8}   "
                f"unaccounted {count - delivered - lost:>8}   "
                f"tracer CPU {own_cpu / max(1, delivered) * 1e9:5.0f} ns/event   "
                f"stolen {(traced - untraced) / count:5.0f} ns/call"
            )


if __name__ == "__main__":
    main()
