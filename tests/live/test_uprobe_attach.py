"""uprobe and uretprobe at work: on programs that the tests build, run with -c or found with -p."""

from __future__ import annotations

import mmap
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import build
from test_cached_start import run as run_watched
from tracing import run, tracer

pytestmark = pytest.mark.live

CALLS = """
#define FUNCTION __attribute__((noinline, noclone, used))
FUNCTION int one(int a) { __asm__ volatile("nop"); return a * 123456789 + 1; }
FUNCTION int only(int a) { __asm__ volatile("nop"); return a + 2; }
FUNCTION int other(int a) { __asm__ volatile("nop"); return a + 3; }
int main(void) { for (int i = 0; i < 5; i++) { one(i); only(i); } return other(4) != 7; }
"""
THREADS = """
#include <pthread.h>
__attribute__((noinline)) int work(int a) { __asm__ volatile("nop"); return a + 1; }
static void *run(void *a) { for (int i = 0; i < 100; i++) work(i); return a; }
int main(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, run, 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  return 0;
}
"""
FORKS = """
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) int work(int a) { __asm__ volatile("nop"); return a + 1; }
int main(int count, char **words) {
  work(1);
  if (count > 1) return 0;
  for (int i = 0; i < 10; i++) {
    if (fork() == 0) _exit(work(i) == -1);
    if (fork() == 0) execl(words[0], words[0], "child", (char *)0);
  }
  while (wait(0) > 0) {}
  return 0;
}
"""
LIBRARY = """
__attribute__((noinline)) int answer(int a) { __asm__ volatile("nop"); return a + 40; }
"""
LOADS = """
#include <dlfcn.h>
int main(int count, char **words) {
  int (*answer)(int) = (int (*)(int))dlsym(dlopen(words[1], RTLD_NOW), "answer");
  return answer(2) != 42;
}
"""
#: Waits, so that it can be found with -p, and works until it is killed.
WAITS = """
#include <unistd.h>
__attribute__((noinline)) int ticks(int a) { __asm__ volatile("nop"); return a + 1; }
__attribute__((naked)) void tickless(void) { __asm__ volatile("lock addl $0, (%rsp); ret"); }
int main(void) { for (int a = 0;; a = ticks(a)) { tickless(); if (a == 0) write(1, "r", 1); usleep(2000); } }
"""
MAPS = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
int main(int count, char **words) {
  int (*answer)(int), file = open(words[1], O_RDONLY);
  char *code = mmap(0, 1 << 20, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, atol(words[2]));
  answer = (int (*)(int))(code + atol(words[3]));
  return code == MAP_FAILED || answer(2) != 42;
}
"""


@contextmanager
def waiting(*command: str) -> Iterator[int]:
    """A process that works already; its pid."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"r"
        try:
            yield process.pid
        finally:
            process.kill()


def printed(script: str, command: str) -> str:
    done = run("-q", "-c", command, "-e", script)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.strip()


def test_a_wildcard_counts_each_function_that_it_names(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    assert printed(f"uprobe:{program}:on* {{ @ = count(); }}", program) == "@: 10"
    assert printed(f"uretprobe:{program}:o*er {{ @[retval] = count(); }}", program) == "@[7]: 1"


def test_with_probe_each_function_has_its_own_program(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    found = printed(f"uprobe:{program}:on* {{ @[probe] = count(); }}", program)
    assert found == f"@[uprobe:{program}:one]: 5\n@[uprobe:{program}:only]: 5"


def test_a_wildcard_with_many_programs_ends_with_all_of_them(tmp_path: Path) -> None:
    function = '__attribute__((noinline)) int fn_{}(int a) {{ __asm__ volatile("nop"); return a; }}\n'
    functions = "".join(function.format(n) for n in range(40))
    calls = " + ".join(f"fn_{n}(0)" for n in range(40))
    program = build(tmp_path, "many", f"{functions} int main(void) {{ return {calls}; }}")
    found = printed(f"uprobe:{program}:fn_* {{ @[probe] = count(); }}", program).splitlines()
    assert sorted(found) == sorted(f"@[uprobe:{program}:fn_{n}]: 1" for n in range(40))


def test_several_places_of_one_link_are_counted_as_attached(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    done = run("-c", program, "-e", f"uprobe:{program}:on* {{ @ = count(); }}")
    assert "Attached 2 probes" in done.stderr


def test_a_probe_inside_of_a_function_does_it_no_harm(tmp_path: Path) -> None:
    pytest.importorskip("capstone")
    program = build(tmp_path, "calls", CALLS)
    for offset in range(1, 16):
        done = run("-q", "-c", program, "-e", f"uprobe:{program}:one+{offset} {{ @ = count(); }}")
        if done.status == 0:
            assert done.stdout.strip() == "@: 5"
            return
        assert f"Could not add uprobe into middle of instruction: {program}:one+{offset}" in done.stderr
    raise AssertionError("no instruction begins in the first 16 bytes")


def test_an_address_is_a_place_too(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^([0-9a-f]+) T other$", symbols, re.MULTILINE)
    assert found is not None
    assert printed(f"uprobe:{program}:0x{found[1]} {{ @[arg0] = count(); }}", program) == "@[4]: 1"


@pytest.mark.parametrize("function", ["work", "wor*"])
def test_all_threads_of_the_child_are_traced(tmp_path: Path, function: str) -> None:
    program = build(tmp_path, "threads", THREADS, "-pthread")
    assert printed(f"uprobe:{program}:{function} {{ @ = count(); }}", program) == "@: 400"


@pytest.mark.parametrize("function", ["work", "wor*"])
def test_of_the_child_s_own_children_nothing_is_traced(tmp_path: Path, function: str) -> None:
    program = build(tmp_path, "forks", FORKS)
    assert printed(f"uprobe:{program}:{function} {{ @ = count(); }}", program) == "@: 1"


@pytest.mark.parametrize("function", ["work", "wor*"])
def test_without_a_process_every_process_of_the_program_is_traced_however_short(
    tmp_path: Path, function: str
) -> None:
    program = build(tmp_path, "forks", FORKS)
    with tracer("-e", f"uprobe:{program}:{function} {{ @ = count(); }}") as running:
        running.wait_attached()
        subprocess.run([program], check=True)
        assert running.interrupt().stdout.strip() == "@: 21"


@pytest.mark.parametrize("function", ["answer", "ans*"])
def test_a_library_that_is_loaded_later_is_traced(tmp_path: Path, function: str) -> None:
    library = build(tmp_path, "libanswer.so", LIBRARY, "-shared", "-fPIC")
    program = build(tmp_path, "loads", LOADS, "-ldl")
    command = f"{program} {library}"
    assert printed(f"uprobe:{library}:{function} {{ @[arg0] = count(); }}", command) == "@[2]: 1"
    assert printed(f"uretprobe:{library}:{function} {{ @[retval] = count(); }}", command) == "@[42]: 1"


def test_a_library_in_an_archive_is_traced(tmp_path: Path) -> None:
    library = build(tmp_path, "libanswer.so", LIBRARY, "-shared", "-fPIC", "-Wl,-z,noseparate-code")
    program = build(tmp_path, "maps", MAPS)
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as members:
        member = zipfile.ZipInfo("lib.so")
        member.extra = b"\0" * (mmap.PAGESIZE - 30 - len(member.filename))
        members.writestr(member, Path(library).read_bytes())
    symbols = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^([0-9a-f]+) T answer$", symbols, re.MULTILINE)
    assert found is not None
    command = f"{program} {tmp_path}/app.zip {mmap.PAGESIZE} {int(found[1], 16)}"
    for function in ("answer", "ans*"):
        script = f"uprobe:{tmp_path}/app.zip!/lib.so:{function} {{ @[arg0] = count(); }}"
        assert printed(script, command) == "@[2]: 1"


def test_overloads_of_a_cpp_function_are_all_traced(tmp_path: Path) -> None:
    source = """
    namespace n { int f(int a) { __asm__ volatile("nop"); return a; }
                  int f(int a, char) { __asm__ volatile("nop"); return a; } }
    int main() { return n::f(1) + n::f(2, 'x') != 3; }
    """
    program = build(tmp_path, "overloads", source, "-x", "c++", "-fno-inline")
    assert printed(f'uprobe:{program}:cpp:"n::f" {{ @ = count(); }}', program) == "@: 2"
    assert printed(f'uprobe:{program}:cpp:"n::f(int)" {{ @[arg0] = count(); }}', program) == "@[1]: 1"
    listing = run("-l", "-e", f'uprobe:{program}:cpp:"n::f" {{ }}').stdout
    assert listing == f'uprobe:{program}:cpp:"n::f(int)"\nuprobe:{program}:cpp:"n::f(int, char)"\n'


@pytest.mark.parametrize("written", ["ticks", "FILE:ticks", "FILE:ti*cks", "cpp:ticks"])
def test_a_running_process_is_traced(tmp_path: Path, written: str) -> None:
    program = build(tmp_path, "waits", WAITS)
    script = f"uprobe:{written.replace('FILE', program)} /arg0 > 0/ {{ print(pid); exit(); }}"
    with waiting(program) as pid:
        done = run("-q", "-p", str(pid), "-e", script)
    assert (done.status, done.stdout.strip(), done.stderr) == (0, str(pid), "")


def test_a_function_that_the_kernel_cannot_probe_is_left_out_with_a_warning(tmp_path: Path) -> None:
    program = build(tmp_path, "waits", WAITS)
    with waiting(program) as pid:
        done = run("-p", str(pid), "-e", f"uprobe:{program}:tick* {{ print(pid); exit(); }}")
        alone = run("-p", str(pid), "-e", f"uprobe:{program}:tickless* {{ }}")
    assert done.stdout.split()[0] == str(pid)
    assert done.stderr.startswith(
        f"WARNING: uprobe:{program}:tick*: 1 of 2 functions begin with an instruction that the kernel cannot probe. "
        "Skipping those.\n"
    )
    assert alone.status == 255
    assert f"Unable to attach probe: uprobe:{program}:tickless*." in alone.stderr


def test_a_process_with_its_own_mounts_is_traced_by_its_own_paths(tmp_path: Path) -> None:
    program = build(tmp_path, "waits", WAITS)
    (tmp_path / "hidden").mkdir()
    hidden = f"{tmp_path}/hidden"
    commands = f"mount -t tmpfs none {hidden} && cp {program} {hidden}/inside && PATH={hidden}:$PATH exec inside"
    with waiting("unshare", "-m", "sh", "-c", commands) as pid:
        assert list(Path(hidden).iterdir()) == []
        for written in ("ticks", f"{hidden}/inside:ticks", "inside:ticks", f"{hidden}/ins*:ti*cks", "*:ticks"):
            done = run("-q", "-p", str(pid), "-e", f"uprobe:{written} {{ print(probe); exit(); }}")
            assert (done.stderr, done.stdout.strip()) == ("", f"uprobe:/proc/{pid}/root{hidden}/inside:ticks")
        without = run("-e", f"uprobe:{hidden}/inside:ticks {{ }}")
        assert f"uprobe target file '{hidden}/inside' does not exist or is not executable" in without.stderr


def test_a_cached_start_looks_up_no_symbols(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    script = f"uprobe:{program}:on* {{ @ = count(); }} uretprobe:{program}:other {{ @r = retval; }}"
    first, second = (run_watched("-c", program, "-e", script, home=tmp_path / "cache") for _ in range(2))
    assert second.stdout == first.stdout and "@: 10" in second.stdout
    unneeded = {"lark", "llvmlite", "pybpftrace.core.numbers", "pybpftrace.core.diagnostics"}
    assert not unneeded & set(second.stderr.split("'"))


def test_a_cached_program_is_compiled_again_when_the_binary_has_changed(tmp_path: Path) -> None:
    program = build(tmp_path, "calls", CALLS)
    script = f"uprobe:{program}:on* {{ @ = count(); }}"
    assert "@: 10" in run_watched("-c", program, "-e", script, home=tmp_path / "cache").stdout
    build(tmp_path, "calls", CALLS.replace("only(", "twice("))
    again = run_watched("-c", program, "-e", script, home=tmp_path / "cache")
    assert "@: 5" in again.stdout and "llvmlite" in again.stderr
