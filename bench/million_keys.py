"""Maps of a million keys: how long reading, ordering and printing them takes, and how much memory.

Run as root: `python bench/million_keys.py [KEYS]`. Each script fills its map in a begin probe; what is quoted is the
difference to the same script that does not print. Traces nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

#: What is assigned for each number `$i`, by what it shows.
MAPS = {
    "integers by integer": "@[$i] = $i * 7 % 1000;",
    "count() by integer": "@[$i] = count();",
    "avg() by integer": "@[$i] = avg($i);",
    "integers by tuple": '@[$i, "key"] = $i;',
    "strings by integer": '@[$i] = "a value";',
}
VARIANTS = {"text": [], "json": ["-f", "json"]}


def measured(arguments: list[str], path: str) -> tuple[float, int]:
    """(seconds, peak of resident KB) of one run."""
    started = time.perf_counter()
    with open(path, "wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "pybpftrace", "-q", *arguments], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments}: wait status {status}")
    return time.perf_counter() - started, usage.ru_maxrss


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "output")
        for name, assignment in MAPS.items():
            for variant, options in VARIANTS.items():
                for top in (0, 10) if variant == "text" else (0,):
                    run = ["-e", script(count, assignment, top), *options]
                    silent = ["-e", script(count, assignment, None), *options]
                    measured(run, path)  # both are in the compile cache from here on
                    measured(silent, path)
                    before, at_rest = measured(silent, path)
                    seconds, resident = measured(run, path)
                    size = os.path.getsize(path) / 1e6
                    what = f"{name}, {variant}" + (f", top {top}" if top else "")
                    print(
                        f"{what:<40} {seconds - before:6.2f} s   {(resident - at_rest) / 1024:6.0f} MB more than "
                        f"{at_rest / 1024:.0f} MB   output {size:.1f} MB",
                        flush=True,
                    )


def script(count: int, assignment: str, top: int | None) -> str:
    """`top` is what `print` is given; without it nothing is printed."""
    shown = "" if top is None else f"print(@, {top});"
    return (
        f"config = {{ max_map_keys = {count}; print_maps_on_exit = false }} "
        f"begin {{ for $i : 0..{count} {{ {assignment} }} {shown} exit(); }}"
    )


if __name__ == "__main__":
    main()
