"""Start-up time beside an installed bpftrace: an empty program and the openat one-liner, cold and from the compile
cache.

Run as root: `python bench/startup.py [ROUNDS]`. Traces only the command that it starts itself.
"""

from __future__ import annotations

import shutil
import sys

from measure import compare

OURS = [sys.executable, "-m", "pybpftrace"]
EMPTY = "BEGIN { exit(); }"
OPENAT = 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("%s %s\\n", comm, str(args->filename)); }'


def main() -> None:
    theirs = shutil.which("bpftrace")
    if theirs is None:
        sys.exit("bench/startup needs an installed bpftrace (apt-get install bpftrace)")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    true = shutil.which("true") or "/bin/true"
    for name, script, extra in (("begin { exit() }", EMPTY, []), ("openat with -c true", OPENAT, ["-c", true])):
        arguments = [*extra, "-e", script]
        for mode, flags in (("cold", ["--no-cache"]), ("cached", [])):
            compare(f"{name}, {mode}", [*OURS, *flags, *arguments], [theirs, *arguments], rounds=rounds)


if __name__ == "__main__":
    main()
