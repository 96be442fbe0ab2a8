"""A map with 2^17 (131,072) different user stacks, printed at the end of a run: all there, all named, and how long.

Run as root: `python bench/user_stacks.py [DEPTH]`. Traces only the program that it starts itself, beside an installed
bpftrace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

from measure import run

SCRIPT = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[ustack(LIMIT)] = count(); }"


def main() -> None:
    depth = int(sys.argv[1]) if len(sys.argv) > 1 else 17
    environment = {**os.environ, "BPFTRACE_MAX_MAP_KEYS": str(2 << depth), "BPFTRACE_MAP_KEYS_MAX": str(2 << depth)}
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "user_stacks")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "user_stacks.c")
        subprocess.run(["gcc", "-O2", "-fno-omit-frame-pointer", "-o", program, source], check=True)
        tracers = [("pybpftrace", [sys.executable, "-m", "pybpftrace"])]
        if shutil.which("bpftrace"):
            tracers.append(("bpftrace", ["bpftrace"]))
        for name, command in tracers:
            output = os.path.join(directory, "output")
            script = SCRIPT.replace("LIMIT", str(depth + 3))
            begun = run([*command, "-c", f"{program} 1", "-e", script], environment=environment)
            traced = [*command, "-c", f"{program} {depth}", "-e", script]
            done = run(traced, stdout_path=output, environment=environment)
            if done.status != 0:
                sys.exit(f"{name}: exit status {done.status}\n{done.stderr.decode(errors='replace')}")
            stacks = frames = named = 0
            with open(output, "rb") as lines:
                for line in lines:
                    stacks += line.startswith(b"@[")
                    frames += line.startswith(b"        ")
                    named += line.startswith((b"        left+", b"        right+"))
            print(
                f"{name:<12} {stacks:>7} stacks, {frames:>8} frames, {named / max(1, frames):6.1%} named   "
                f"{done.wall - begun.wall:6.2f} s more than for two stacks"
            )


if __name__ == "__main__":
    main()
