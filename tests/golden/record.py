"""Makes the inputs of the golden tests from this machine: the captured target, and recordings of real runs.

Run as root, from anywhere: `python tests/golden/record.py [SCRIPT...]`. It traces only processes that it starts. A
recording is what the output stage was given: spans of the event ring buffer, map contents, failures, and what running
tests and benchmarks gave (None among the spans is where the next one was run). Snapshots that change afterwards have to
be read before they are accepted. Scripts may begin with a line of options, such as `// -k`; those of the output stage's
formats (`output_*`) are kept whole.

Scripts `kernel_*` need what this machine's kernel may lack (kprobes): they are compiled for a kernel that the VM tests
have captured, whose directory $GOLDEN_KERNEL names, and have no recording.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS, RECORDINGS, TARGET = HERE / "scripts", HERE / "recordings", HERE / "target"
CGROUP = Path("/sys/fs/cgroup/unified/golden")
PROGRAMS = Path("/tmp/pybpftrace-golden")
ADDER, MARKED, SHOWN = PROGRAMS / "adder", PROGRAMS / "marked", PROGRAMS / "shown"
#: The scripts that trace a program of their own.
TRACED = {
    **dict.fromkeys(("output_join", "output_stacks", "uprobe", "uprobe_args"), ADDER),
    **dict.fromkeys(("output_network", "output_structs"), SHOWN),
    "usdt": MARKED,
}
ADDER_SOURCE = """
#include <unistd.h>
__attribute__((noinline)) int add(int a, int b) { return a + b; }
int main(void) { volatile int s = 0; for (int i = 0; i < 3; i++) { s = add(s, 21); usleep(1000); } return 0; }
"""
SHOWN_SOURCE = """
enum kind { NONE, SOME = 3 };
struct inner { int z; char *s; };
struct sample
{
  int a; char name[8]; char full[4]; struct inner d; long numbers[3]; struct inner two[2]; unsigned char c; short e;
  enum kind kind; int low : 3; int high : 5; unsigned char grid[2][2]; union { int i; char bytes[4]; } either;
};
__attribute__((noinline)) void show(const struct sample *sample) { __asm__ volatile("" :: "r"(sample) : "memory"); }
int main(void) {
    struct sample sample = {
        -5, "xy\\x1bz", {'1', '2', '3', '4'}, {9, (char *)0x402004}, {1, -2, 3}, {{0, 0}, {7, (char *)16}}, 200, -3,
        SOME, 3, -2, {{1, 2}, {3, 4}}, {65},
    };
    show(&sample);
    return 0;
}
"""
MARKED_SOURCE = """
#include <unistd.h>
SEMAPHORE(app, guarded);
static inline __attribute__((always_inline)) void turn(long a, int b) {
    MARKER("app", "turn", "-8@%0 4@%1", NOR(a), NOR(b));
}
int main(int argc, char **argv) {
    for (int i = 0; i < 3; i++) {
        turn(i, argc);
        usleep(1000);
    }
    turn(-1, 7);
    if (app_guarded_semaphore)
        GUARDED_MARKER("app", "guarded", "-4@%0", NOR(5));
    return 0;
}
"""
#: What the traced programs are given, beside their names.
ARGUMENTS = {"output_join": ["-l", "/tmp dir", "\x1b[1m"]}
#: A shell opens a file again and again for a second or two: no name in a recording depends on this machine.
WORKER = "i=0; while [ $i -lt 150000 ]; do read x </etc/hostname; i=$((i + 1)); done"


@contextmanager
def golden_machine() -> Iterator[None]:
    """The cgroup and the program that the scripts name."""
    CGROUP.mkdir(exist_ok=True)
    PROGRAMS.mkdir(exist_ok=True)
    sys.path.insert(0, str(HERE.parent / "live"))
    from markers import HEADER

    for program, text in ((ADDER, ADDER_SOURCE), (MARKED, HEADER + MARKED_SOURCE), (SHOWN, SHOWN_SOURCE)):
        source = program.with_suffix(".c")
        source.write_text(text)
        subprocess.run(["gcc", "-g", "-O1", "-no-pie", "-o", str(program), str(source)], check=True)
    try:
        yield
    finally:
        CGROUP.rmdir()
        shutil.rmtree(PROGRAMS)


def record(name: str) -> None:
    """Runs a script against a process of our own, and keeps what the output stage was given."""
    source = script_path(name).read_text()
    options = options_of(source)
    command = [str(TRACED[name]), *ARGUMENTS.get(name, [])] if name in TRACED else ["/bin/sh", "-c", WORKER]
    child = subprocess.Popen(["sh", "-c", 'read go; exec "$@"', "sh", *command], stdin=subprocess.PIPE)
    try:
        if name == "cgroup_files":
            (CGROUP / "cgroup.procs").write_text(str(child.pid))
        with tempfile.TemporaryDirectory() as directory:
            script = Path(directory) / f"{name}.bt"
            script.write_text(source.replace("pid == 189", f"pid == {child.pid}"))
            kept = Path(directory) / "recording.json"
            tracer = subprocess.Popen(
                [sys.executable, str(HERE / "recorder.py"), str(kept), *options, "-p", str(child.pid), str(script)],
                cwd=HERE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            assert tracer.stderr is not None
            said = b""  # warnings come first
            while not by_hand(options) and not (line := tracer.stderr.readline()).startswith(b"Attached"):
                said += line
                if not line:
                    print(f"{name}: {said.decode()}", file=sys.stderr)
                    return
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.close()
            tracer.communicate(timeout=60)
            made = json.loads(kept.read_text())
            save(name, made if name.startswith("output_") else shortened(made))
    finally:
        child.kill()
        child.wait()


def script_path(name: str) -> Path:
    return SCRIPTS / f"{name}.bt"


def options_of(source: str) -> list[str]:
    """Those of the first line."""
    first, _, _ = source.partition("\n")
    return first.split()[1:] if first.startswith("// -") else []


def by_hand(options: list[str]) -> bool:
    """Whether the tracer itself runs the programs, and attaches none."""
    return "--test" in options or "--bench" in options


def save(name: str, recording: dict[str, Any]) -> None:
    (RECORDINGS / f"{name}.json").write_text(json.dumps(recording, indent=1, sort_keys=True) + "\n")


#: The recording of a script that is not run.
NOTHING: dict[str, Any] = {"attached": 1, "maps": {}, "spans": [], "symbols": {}}


def synthetic() -> dict[str, dict[str, Any]]:
    """What no machine of ours gives: hardware events, and block requests made by a process of our own.

    Packets, tasks and addresses of others are not ours to record.
    """
    # 2026-11-22 21:04:09 UTC
    second = 1_795_381_449
    series: dict[str, list[Any]] = {
        "@": [["00000000", [slots(10, {second * 10 + 1: 18, second * 10 + 2: 24}), slots(10, {second * 10 + 4: 57})]]],
        "@sum": [["00000000", [slots(5, {second: -3, second + 2: 40}), slots(5, {second: 1, second + 2: 2})]]],
        "@by": [
            [b"a\0".hex(), [slots(5, {second + 1: 7}), slots(5, {second + 1: 9})]],
            [b"b\0".hex(), [slots(5, {second + 3: -1}), slots(5, {})]],
        ],
    }
    request = struct.pack("<IIQI4x16sI4x", 40, 3, 0, 4711, b"dd", 4096)
    return {
        **dict.fromkeys(("iterator", "packets", "watchpoint"), NOTHING),
        "output_tseries": {**NOTHING, "maps": series},
        "output_lost": {"attached": 1, "maps": {}, "spans": [], "symbols": {}, "failures": [[0, 3, 0], [0, 4, 0]]},
        "block_io": {"attached": 1, "maps": {}, "spans": [(request * 2).hex()], "symbols": {}},
        "cache_misses": {
            "attached": 1,
            "maps": {
                "@": [
                    [struct.pack("<16sI", name, pid).hex(), [struct.pack("<Q", count).hex() for count in per_cpu]]
                    for name, pid, per_cpu in ((b"dd", 4711, (3, 4)), (b"sh", 12, (0, 1)))
                ]
            },
            "spans": [],
            "symbols": {},
        },
    }


def slots(count: int, values: dict[int, int]) -> str:
    """One CPU's part of a time series (value, count, interval in each slot), with a scalar map's mark behind it."""
    rows = [(0, 0, 0)] * count
    for epoch, value in values.items():
        rows[epoch % count] = (value, 1, epoch)
    return (b"".join(struct.pack("<qQQ", *row) for row in rows) + struct.pack("<Q", 1)).hex()


def shortened(data: dict[str, Any]) -> dict[str, Any]:
    """The first 8 records of the first and the last span, and 4 entries of each map, which is enough to read."""
    spans = data["spans"]
    data["spans"] = [first_records(bytes.fromhex(span), 8).hex() for span in spans[:1] + spans[1:][-1:]]
    data["maps"] = {name: entries[:4] for name, entries in data["maps"].items()}
    return data


def first_records(span: bytes, count: int) -> bytes:
    at = 0
    for _ in range(count):
        if at >= len(span):
            break
        at += 8 + ((int.from_bytes(span[at : at + 4], "little") & 0x3FFFFFFF) + 7 & ~7)
    return span[:at]


def capture_kernel(names: list[str]) -> None:
    """Adds what the scripts ask of the kernel in $GOLDEN_KERNEL to the captured one, and makes empty recordings."""
    if not names:
        return
    from pybpftrace.cli.capture_target import capture_scripts
    from pybpftrace.core.target import Target

    paths = [str(SCRIPTS / f"{name}.bt") for name in names]
    capture_scripts(Target.from_directory(os.environ["GOLDEN_KERNEL"]), str(HERE / "kernel_target"), paths, {})
    for name in names:
        save(name, NOTHING)


def main() -> None:
    wanted = sys.argv[1:] or sorted(path.stem for path in SCRIPTS.glob("*.bt"))
    names = [name for name in wanted if not name.startswith("kernel_")]
    RECORDINGS.mkdir(exist_ok=True)
    capture_kernel([name for name in wanted if name not in names])
    with golden_machine():
        # What is unsafe is asked for nothing that the others are not.
        paths = [str(path) for path in map(script_path, names) if "--unsafe" not in options_of(path.read_text())]
        subprocess.run([sys.executable, "-m", "pybpftrace", "capture-target", str(TARGET), *paths], check=True)
        made = synthetic()
        for name in names:
            if name in made:
                save(name, made[name])
            else:
                record(name)


if __name__ == "__main__":
    os.umask(0o022)
    main()
