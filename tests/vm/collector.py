"""Reads what a compilation may ask of a kernel and writes it to standard output.

    python -I -S collector.py

For every file: two u32 (the sizes of what follows), its path and its content. It runs in a guest, so it has nothing but
the standard library and does nothing but read; target.py makes sense of it.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator

SIZES = struct.Struct("<II")
TRACING = "/sys/kernel/tracing"
BTF = "/sys/kernel/btf"
EVENTS = f"{TRACING}/events"
FILES = (
    "/proc/kallsyms",
    "/proc/modules",
    "/proc/sys/kernel/osrelease",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/possible",
    "/sys/kernel/debug/kprobes/blacklist",
    "/sys/kernel/notes",
    f"{TRACING}/available_events",
    f"{TRACING}/available_filter_functions",
)


def paths() -> Iterator[str]:
    yield from FILES
    yield from (os.path.join(BTF, name) for name in os.listdir(BTF))
    for category in os.scandir(EVENTS):
        if category.is_dir():
            yield from (os.path.join(event.path, "format") for event in os.scandir(category.path) if event.is_dir())


def main() -> None:
    for path in paths():
        try:
            with open(path, "rb", buffering=0) as file:
                content = file.read()
        except FileNotFoundError:  # such as ftrace:function, an event that has no format
            continue
        encoded = path.encode()
        sys.stdout.buffer.write(SIZES.pack(len(encoded), len(content)) + encoded + content)


if __name__ == "__main__":
    main()
