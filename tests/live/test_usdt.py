"""usdt probes on this kernel: arguments of every width and place, many places, semaphores, libraries, processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from markers import HEADER
from programs import build
from pybpftrace.core.target import Target
from tracing import PATIENCE, Finished, run, tracer

pytestmark = pytest.mark.live

WIDTHS = (
    HEADER
    + r"""
#include <stdlib.h>
static int counter = -7;
static long table[] = {11, 22, 33, 44};
volatile long zero;
__attribute__((noinline)) void widths(long a, int b, short c, signed char d) {
    MARKER("app", "signed", "-8@%0 -4@%1 -2@%2 -1@%3", NOR(a), NOR(b), NOR(c), NOR(d));
    MARKER("app", "unsigned", "8@%0 4@%1 2@%2 1@%3", NOR(a), NOR(b), NOR(c), NOR(d));
}
int main(void) {
    widths(-8 + zero, -4 + zero, -2 + zero, -1 + zero);
    MARKER("app", "constants", "-4@%0 8@%1 -8@%2 1@%3", NOR(-5), NOR(77L), NOR(-123456789L), NOR(200));
    int on_stack = -99 + zero;
    MARKER("app", "memory", "-4@%0 -4@%1 1@%1", MEMORY(on_stack), MEMORY(counter), MEMORY(counter));
#ifdef __x86_64__
    register long base __asm__("rbx") = (long)table + zero;
    register long index __asm__("r9") = 2 + zero;
    MARKER("app", "indexed", "8@(%%rbx,%%r9,8) 8@8(%%rbx) 8@-8(%%rbx,%%r9,8) 8@(%%rbx)",
           REGISTER(base), REGISTER(index));
    register long high __asm__("rcx") = 0x1234567890abcdefL + zero;
    MARKER("app", "parts", "1@%%ch -1@%%cl -2@%%cx 4@%%ecx", REGISTER(high));
#endif
    return 0;
}
"""
)
PRINT = '{ printf("%s %ld %ld %ld %ld\\n", probe, arg0, arg1, arg2, arg3) }'


def lines(done: Finished) -> list[str]:
    assert done.status == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",), ("-O2", "-no-pie", "-fno-pie"), ("-O2", "-static"), ("-Os",)])
def test_arguments_have_their_width_and_sign_wherever_they_are(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = build(tmp_path, "app", WIDTHS, *flags)
    found = lines(run("-q", "-e", f"usdt:{program}:* {PRINT}", "-c", program))
    expected = [
        "signed -8 -4 -2 -1",
        f"unsigned -8 {2**32 - 4} {2**16 - 2} 255",
        "constants -5 77 -123456789 200",
        "memory -99 -7 249 0",
    ]
    if os.uname().machine == "x86_64":
        expected += ["indexed 33 22 22 11", f"parts 205 -17 {0xCDEF - 2**16} {0x90ABCDEF}"]
    assert found == [f"usdt:{program}:app:{text}" for text in expected]


def test_arguments_of_a_program_that_clang_built(tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("needs clang to build the traced program")
    source, program = tmp_path / "app.c", tmp_path / "app"
    source.write_text(WIDTHS)
    for level in ("-O0", "-O2"):
        subprocess.run(["clang", level, "-o", program, source], check=True, stderr=subprocess.DEVNULL)
        found = lines(run("-q", "-e", f"usdt:{program}:app:signed, usdt:{program}:memory {PRINT}", "-c", str(program)))
        assert found == [f"usdt:{program}:app:signed -8 -4 -2 -1", f"usdt:{program}:app:memory -99 -7 249 0"]


def test_a_stripped_program_has_its_markers_but_no_variables_by_name(tmp_path: Path) -> None:
    program = build(tmp_path, "app", WIDTHS, "-O2", "-s")
    assert lines(run("-q", "-e", f"usdt:{program}:signed {PRINT}", "-c", program)) == [
        f"usdt:{program}:app:signed -8 -4 -2 -1"
    ]
    done = run("-e", f"usdt:{program}:memory {{ print(arg1) }}", "-c", program)
    assert done.status == 1
    assert f"arg1 of usdt:{program}:app:memory cannot be read: it is '-4@counter(%rip)': there is no" in done.stderr


INLINED = (
    HEADER
    + r"""
volatile long zero;
static inline __attribute__((always_inline)) void step(int a, long b) {
    MARKER("app", "step", "-4@%0 -8@%1", NOR(a), NOR(b));
}
__attribute__((noinline)) long use(long a, long b, long c) { step(c, a); return a * b + c; }
int main(int argc, char **argv) {
    step(1, 2);
    step(argc + 2, argc + 3);
    for (int i = 0; i < 2; i++)
        step(i + 5, use(i, i + 1, i + 2));
    long on_stack[3] = {zero + 100, zero + 200, zero + 300};
    __asm__ volatile("" :: "r"(on_stack) : "memory");
    MARKER("app", "step", "-4@%0 -8@%1", MEMORY(on_stack[0]), MEMORY(on_stack[2]));
    return 0;
}
"""
)
STEPS = ["1 2", "3 4", "2 0", "5 2", "3 1", "6 5", "100 300"]


def without(features: str, *arguments: str) -> Finished:
    """Runs the command as on a kernel that lacks the named features."""
    script = (
        "import sys; import pybpftrace.core.target.features as known; from pybpftrace.cli.start import main\n"
        f"known.features = tuple(f for f in known.features if f.name not in {features.split()})\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", script, "--no-cache", *arguments]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_one_marker_at_many_places_finds_its_arguments_at_each(tmp_path: Path) -> None:
    program = build(tmp_path, "app", INLINED, "-O2")
    assert len({m.arguments for m in Target.live().usdt_markers(program)}) > 3, "the test tests nothing"
    script = f'usdt:{program}:step {{ printf("%d %d\\n", arg0, arg1) }}'
    done = run("-e", script, "-c", program)
    assert lines(done) == STEPS
    assert "Attached 1 probe" in done.stderr
    assert lines(without("uprobe_multi", "-q", "-e", script, "-c", program)) == STEPS
    assert lines(without("uprobe_multi get_attach_cookie", "-q", "-e", script, "-c", program)) == STEPS


def test_arguments_that_a_marker_does_not_have_are_zero(tmp_path: Path) -> None:
    program = build(tmp_path, "app", INLINED, "-O2")
    script = f"usdt:{program}:step {{ @[arg2, arg99] = count() }}"
    assert lines(run("-q", "-e", script, "-c", program)) == [f"@[0, 0]: {len(STEPS)}"]


LIBRARY = (
    HEADER
    + r"""
SEMAPHORE(lib, guarded);
static int hidden = 41;
int work(int n) {
    MARKER("lib", "plain", "-4@%0 -4@%1", NOR(n), MEMORY(hidden));
    if (lib_guarded_semaphore)
        GUARDED_MARKER("lib", "guarded", "-4@%0 2@%1", NOR(n), MEMORY(lib_guarded_semaphore));
    hidden++;
    return lib_guarded_semaphore;
}
"""
)
MAIN = (
    HEADER
    + r"""
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int work(int);
SEMAPHORE(app, early);
__attribute__((constructor)) static void before_main(void) {
    MARKER("app", "constructor", "-4@%0", NOR(1));
    if (app_early_semaphore)
        GUARDED_MARKER("app", "early", "-4@%0", NOR(2));
}
static void *turn(void *number) {
    MARKER("app", "thread", "-8@%0", NOR((long)number));
    return 0;
}
int main(int argc, char **argv) {
    char line[16];
    for (int round = 0; argc > 1 ? fgets(line, sizeof line, stdin) != 0 : round < 1; round++) {
        pthread_t threads[3];
        for (long i = 0; i < 3; i++)
            pthread_create(&threads[i], 0, turn, (void *)i);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], 0);
        printf("semaphore %d\n", work(round));
        fflush(stdout);
    }
    return 0;
}
"""
)
EVENTS = ["app:constructor 1", "app:early 2", "app:thread 0", "app:thread 1", "app:thread 2"]
LIBRARY_EVENTS = ["lib:guarded 0", "lib:plain 0"]


def build_with_library(directory: Path, *flags: str) -> tuple[str, str]:
    library = build(directory, "libwork.so", LIBRARY, "-O2", "-shared", "-fPIC")
    return build(directory, "main", MAIN, "-O2", *flags, "-Wl,--no-as-needed", library, "-lpthread"), library


def build_together(directory: Path, *flags: str) -> str:
    build(directory, "work.o", LIBRARY, "-O2", "-c", *flags)
    return build(directory, "main", MAIN, "-O2", *flags, str(directory / "work.o"), "-lpthread")


def by_name(path: str, *parts: str) -> str:
    return f'usdt:{path}:{":".join(parts)} {{ printf("%s %d\\n", str(probe), arg0) }}'


@pytest.mark.parametrize("lacks", ["", "uprobe_multi"])
def test_markers_of_a_program_and_its_library_fire_from_the_first_instruction_on(tmp_path: Path, lacks: str) -> None:
    program, library = build_with_library(tmp_path)
    script = f"{by_name(program, '*')} {by_name(library, '*')}"
    done = without(lacks, "-q", "-e", script, "-c", program)
    expected = [f"usdt:{program}:{text}" for text in EVENTS] + [f"usdt:{library}:{text}" for text in LIBRARY_EVENTS]
    assert sorted(lines(done)) == sorted([*expected, "semaphore 1"])


@pytest.mark.parametrize("flags", [("-static",), ("-no-pie", "-fno-pie"), ("-static-pie", "-fPIE"), ("-s",)])
def test_markers_of_two_objects_in_one_program_fire_however_it_is_linked(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    program = build_together(tmp_path, *flags)
    done = run("-q", "-e", by_name(program, "*"), "-c", program)
    expected = [f"usdt:{program}:{text}" for text in EVENTS + LIBRARY_EVENTS]
    assert sorted(lines(done)) == sorted([*expected, "semaphore 1"])


def test_a_semaphore_is_raised_only_while_its_own_marker_is_traced(tmp_path: Path) -> None:
    program, library = build_with_library(tmp_path)
    assert lines(run("-q", "-e", f"usdt:{library}:plain {{ @ = arg0 }}", "-c", program)) == ["semaphore 0", "@: 0"]
    # The kernel counts the places that have a breakpoint, not who set it.
    script = f"usdt:{library}:guarded {{ @one = arg1 }} usdt:{library}:lib:guarded {{ @two = arg1 }}"
    assert lines(run("-q", "-e", script, "-c", program)) == ["semaphore 1", "@one: 1", "@two: 1"]


@contextmanager
def waiting(program: str) -> Iterator[subprocess.Popen[str]]:
    """The program, which makes a round for each line that it is given, and says then how its semaphore stands."""
    process = subprocess.Popen(
        [program, "rounds"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        a_round(process)
        yield process
    finally:
        process.kill()
        process.communicate()


def a_round(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    return process.stdout.readline().strip()


def test_the_process_of_p_is_traced_with_its_libraries_and_threads_and_no_other(tmp_path: Path) -> None:
    program, _ = build_with_library(tmp_path)
    with waiting(program) as traced, waiting(program) as other:
        script = "usdt:thread { @[probe, arg0] = count() } usdt:*:guarded { @calls = count() }"
        with tracer("-p", str(traced.pid), "-e", script) as running:
            running.wait_attached()
            assert a_round(other) == "semaphore 0"
            assert a_round(traced) == "semaphore 1"
            assert a_round(traced) == "semaphore 1"
            done = running.interrupt()
        assert sorted(lines(done)) == [
            *(f"@[usdt:{program}:app:thread, {number}]: 2" for number in range(3)),
            "@calls: 2",
        ]
        assert a_round(traced) == "semaphore 0"


def test_markers_of_a_process_are_listed(tmp_path: Path) -> None:
    program, library = build_with_library(tmp_path)
    ours = [f"usdt:{program}:app:{name}" for name in ("constructor", "early", "thread")]
    theirs = [f"usdt:{library}:lib:{name}" for name in ("guarded", "plain")]
    with waiting(program) as traced:
        listed = lines(run("-l", "usdt:*", "-p", str(traced.pid)))
        assert [line for line in listed if str(tmp_path) in line] == sorted(ours + theirs)
    assert lines(run("-l", f"usdt:{program}:*")) == ours
    assert lines(run("-l", f"usdt:{library}:l*:pl*")) == theirs[1:]
    assert lines(run("-l", f"usdt:{tmp_path}/*:guarded")) == theirs[:1]
    assert lines(run("-l", "-e", f"usdt:{program}:e* {{ }} U:{library}:lib:plain {{ }}")) == [ours[1], theirs[1]]


def test_a_wildcard_for_the_provider_finds_markers_behind_a_path(tmp_path: Path) -> None:
    program = build(tmp_path, "app", INLINED, "-O2")
    assert lines(run("-q", "-e", f"*sdt:{program}:step {{ @ = count() }}", "-c", program)) == [f"@: {len(STEPS)}"]


def test_a_cached_run_attaches_like_the_first(tmp_path: Path) -> None:
    program = build(tmp_path, "app", INLINED, "-O2")
    script = f"usdt:{program}:step {{ @ = sum(arg1) }}"
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, second = (lines(run("-q", "-e", script, "-c", program, environment=cache)) for _ in range(2))
    assert first == second == [f"@: {sum(int(step.split()[1]) for step in STEPS)}"]


def test_what_the_kernel_refuses_is_said_with_its_reason(tmp_path: Path) -> None:
    """The kernel wants semaphores at even addresses."""
    source = HEADER + """
SEMAPHORE(app, one);
int main(void) { GUARDED_MARKER("app", "one", "-4@%0", NOR(1)); return app_one_semaphore; }
"""
    program = build(tmp_path, "app", source, "-O2")
    image = bytearray(Path(program).read_bytes())
    # The last of the note's three addresses, which follow its owner's name.
    place = image.index(b"stapsdt\0") + 8 + 16
    image[place] += 1
    Path(program).write_bytes(image)
    done = run("-e", f"usdt:{program}:one {{ }}", "-c", program)
    assert done.status == 255
    assert done.stderr.startswith("ERROR: Failed to attach usdt probe: ")
    assert f"ERROR: Unable to attach probe: usdt:{program}:app:one." in done.stderr


def test_a_marker_may_be_at_hundreds_of_places(tmp_path: Path) -> None:
    places = 200
    markers = "\n".join(
        f'MARKER("app", "many", "-8@{8 * number}(%%rbx) -4@${number}", REGISTER(base));' for number in range(places)
    )
    source = f"""{HEADER}
int main(int argc, char **argv) {{
    volatile long numbers[{places}];
    for (int i = 0; i < {places}; i++)
        numbers[i] = 3 * i;
    register long base __asm__("rbx") = (long)numbers;
    {markers}
    return 0;
}}
"""
    if os.uname().machine != "x86_64":
        pytest.skip("written for the registers of x86_64")
    program = build(tmp_path, "app", source)
    script = f"usdt:{program}:many {{ @sum = sum(arg1); @agrees[arg0 == 3 * arg1] = count() }}"
    assert lines(run("-q", "-e", script, "-c", program)) == [
        f"@agrees[true]: {places}",
        f"@sum: {sum(range(places))}",
    ]


THIRTY_TWO_BITS = (
    HEADER
    + r"""
static int global = 41;
SEMAPHORE(app, guarded);
__attribute__((noinline)) void call(int a, short b) {
    MARKER("app", "call", "-4@%0 -2@%1 -4@%2 4@%0", NOR(a), NOR(b), MEMORY(global));
    if (app_guarded_semaphore)
        GUARDED_MARKER("app", "guarded", "2@%0", MEMORY(app_guarded_semaphore));
}
void _start(void) {
    call(-5, -6);
    __asm__ volatile("int $0x80" :: "a"(1), "b"(0)); /* exit(0) */
    __builtin_unreachable();
}
"""
)


def test_markers_of_32_bit_programs_have_their_arguments(tmp_path: Path) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("runs programs of i386")
    try:
        program = build(tmp_path, "app", THIRTY_TWO_BITS, "-m32", "-fno-pie", "-nostdlib", "-static")
        subprocess.run([program], check=True)
    except (subprocess.CalledProcessError, OSError):
        pytest.skip("needs a compiler and a kernel for i386")
    assert lines(run("-q", "-e", f"usdt:{program}:* {PRINT}", "-c", program)) == [
        f"usdt:{program}:app:call -5 -6 41 {2**32 - 5}",
        f"usdt:{program}:app:guarded 1 0 0 0",
    ]


def test_a_marker_in_a_branch_reads_its_own_argument_there(tmp_path: Path) -> None:
    """Two reads of the context that LLVM would like to make one of."""
    program = build(tmp_path, "app", WIDTHS, "-O2")
    script = f"usdt:{program}:signed {{ if (nsecs > 0) {{ @ = arg0 }} else {{ @ = arg1 }} }}"
    assert lines(run("-q", "-e", script, "-c", program)) == ["@: -8"]
