"""Imported C files on this kernel: their functions in the script's programs, and what the verifier says of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tracing import Finished, run

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("clang") is None, reason="needs clang to compile C files"),
]

HELPERS = """
typedef unsigned int u32;
static long (*probe_read_kernel)(void *, u32, const void *) = (void *)113;
static long (*bpf_loop)(u32, void *, void *, unsigned long) = (void *)181;
static void *(*map_lookup_elem)(void *, const void *) = (void *)1;
"""
FUNCTIONS = """
#include "helpers.h"
struct point { int x; int y; };

__attribute__((noinline)) int add(int a, short b) { return a + b; }
long sum_to(u32 n)
{
    long sum = 0;
    for (u32 i = 0; i < n && i < 100; i++)
        sum += add(i, 2);
    return sum;
}
int y_of(const struct point *p)
{
    int y = -1;
    probe_read_kernel(&y, sizeof(y), &p->y);
    return y;
}
int follow(int *number) { return *number + 1; }
void set(int *number, int value) { *number = value; }

unsigned char low(unsigned char a) { return a + 1; }
signed char down(signed char a) { return a - 1; }
unsigned short wide(unsigned short a) { return a + 1; }
_Bool both(_Bool a, _Bool b) { return a && b; }

static const int squares[] = {0, 1, 4, 9, 16, 25, 36, 49};
int square(u32 n) { return squares[n & 7]; }
const char *greeting(void) { return "hello"; }
static int calls = 40;
int count_calls(void) { return ++calls; }

static long each(u32 i, void *sum) { *(long *)sum += i; return 0; }
long loop_to(u32 n) { long sum = 0; bpf_loop(n, each, &sum, 0); return sum; }
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "helpers.h").write_text(HELPERS)
    (tmp_path / "x.bpf.c").write_text(FUNCTIONS)
    return tmp_path


def script(directory: Path, text: str, *options: str, **environment: str) -> Finished:
    file = directory / "script.bt"
    file.write_text(f'import "x.bpf.c";\n{text}\n')
    return run("-q", *options, str(file), environment=environment)


def printed(directory: Path, text: str, *options: str) -> list[str]:
    """The lines of a run that nothing went wrong in."""
    done = script(directory, text, *options)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.split()


def test_functions_are_called_from_a_probe_and_from_a_loops_body(files: Path) -> None:
    body = "print(add(1, 2)); print(sum_to(5)); for ($i : 0..3) { print(add($i, -1)); print(sum_to((uint32)$i)); }"
    assert printed(files, f"begin {{ {body} }}") == ["3", "20", "-1", "0", "0", "2", "1", "5"]


def test_short_arguments_and_results_wrap_as_in_c(files: Path) -> None:
    body = "print((low(255), low(7), down(-128), down(0), wide(65535), both(true, 5), both(1, 0)));"
    assert printed(files, f"begin {{ {body} }}") == ["(0,", "8,", "127,", "-1,", "0,", "true,", "false)"]


def test_a_value_that_only_the_run_knows_is_cut_to_the_parameter(files: Path) -> None:
    body = "$big = nsecs | 0xffffffff00; print(low((uint8)$big) == (uint8)((uint8)$big + 1));"
    assert printed(files, f"begin {{ {body} }}") == ["true"]


def test_own_memory_is_read_through_a_helper_and_directly(files: Path) -> None:
    body = (
        "$pair = (uint64)9 << 32; print(y_of((void *)&$pair)); $number = (int32)41; print(follow(&$number)); "
        "set(&$number, 5); print($number); @number = (int32)7; print(follow(&@number)); set(&@number, 8);"
        "for ($i : 0..2) { set(&$number, (int32)($i + 60)); print(follow(&$number)); }"
    )
    assert printed(files, f"begin {{ {body} }}") == ["9", "42", "5", "8", "61", "62", "@number:", "8"]


def test_constants_and_variables_of_c_are_there_and_variables_last(files: Path) -> None:
    body = "print(square((uint32)(nsecs & 0 | 5))); print(str(greeting())); print(count_calls());"
    text = f"begin {{ {body} }} end {{ print(count_calls()); }}"
    assert printed(files, text) == ["25", "hello", "41", "42"]


def test_c_may_hand_a_function_of_its_own_to_the_kernel(files: Path) -> None:
    body = "print(loop_to(10)); for ($i : 3..5) { print(loop_to((uint32)$i)); }"
    assert printed(files, f"begin {{ {body} }}") == ["45", "3", "6"]


def test_functions_are_called_from_programs_of_other_types(files: Path) -> None:
    text = (
        "tracepoint:raw_syscalls:sys_enter /pid == cpid/ { @ = add(40, (int16)wide(1)); }"
        "interval:ms:1 { @sum = sum_to(3); } end { @end = loop_to(4); }"
    )
    assert printed(files, text, "-c", "/bin/sleep 0.1") == ["@:", "42", "@end:", "6", "@sum:", "9"]


def test_two_files_call_each_other(files: Path) -> None:
    (files / "y.bpf.c").write_text("extern int add(int a, short b); int twice(int a) { return add(a, a); }")
    assert printed(files, 'import "y.bpf.c";\nbegin { print(twice(21)); }') == ["42"]


def test_the_verifier_is_quoted_at_the_line_of_the_c_file(files: Path) -> None:
    done = script(files, "begin { $p = (int32 *)pid; print(follow($p)); }")
    assert done.status != 0
    place = next(line for line in done.stderr.splitlines() if "verifier says" in line)
    line = FUNCTIONS.splitlines().index("int follow(int *number) { return *number + 1; }") + 1
    assert place.startswith(f"{files}/x.bpf.c:{line}:34-")
    assert "invalid mem access 'scalar'" in place


def test_a_function_that_calls_itself_is_refused_by_the_kernel_and_not_by_a_traceback(files: Path) -> None:
    (files / "x.bpf.c").write_text(
        "__attribute__((noinline)) int f(int n) { return n < 2 ? n : f(n - 1) * f(n - 2) + 1; }"
    )
    done = script(files, "begin { print(f((int32)pid)); }")
    assert "the kernel's verifier says: the call stack of" in done.stderr


def test_stack_is_counted_through_c(files: Path) -> None:
    (files / "x.bpf.c").write_text(
        "__attribute__((noinline)) int f(int n) { volatile char b[400]; b[n & 255] = n; return b[(n + 1) & 255]; }"
        "__attribute__((noinline)) int g(int n) { volatile char b[400]; b[n & 255] = n; return f(b[1] + n); }"
    )
    done = script(files, "begin { print(g((int32)pid)); }")
    assert "bytes of stack, and the kernel gives 512" in done.stderr


def test_the_linked_module_is_what_dump_ir_shows(files: Path) -> None:
    done = script(files, "begin { print(add(1, 2)); }", "--dump-ir", "--stop-after", "codegen")
    assert "define internal i32 @c.add(i32" in done.stdout


def test_a_cached_and_a_saved_program_need_no_clang_until_a_header_changes(files: Path) -> None:
    python = str(Path(sys.executable).parent)
    there = {"XDG_CACHE_HOME": str(files / "cache")}
    text = "begin { print(square(3)); print(count_calls()); }"
    saved = str(files / "saved")
    assert script(files, text, "--emit", saved, **there).status == 0
    first = script(files, text, **there)
    assert first.stdout.split() == ["9", "41"], first.stderr
    nowhere = {**there, "PATH": python}
    assert shutil.which("clang", path=python) is None
    assert script(files, text, **nowhere) == first
    assert run("-q", saved, environment=nowhere).stdout.split() == ["9", "41"]
    (files / "helpers.h").write_text(HELPERS + "\n")
    assert "clang was not found on PATH" in script(files, text, **nowhere).stderr


def test_a_cached_run_imports_no_builder(files: Path) -> None:
    (files / "script.bt").write_text('import "x.bpf.c";\nbegin { print(add(1, 2)); }\n')
    watched = (
        "import os, sys\nfrom pybpftrace.cli.main import execute\nstatus = execute(sys.argv[1:], os.environ)\n"
        "print(sorted(name for name in sys.modules if 'llvmlite' == name or 'c_modules' in name), file=sys.stderr)"
    )
    command = [sys.executable, "-c", watched, "-q", str(files / "script.bt")]
    environment = {**os.environ, "XDG_CACHE_HOME": str(files / "cache")}
    first, second = (
        subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        for _ in range(2)
    )
    assert "llvmlite" in first.stderr
    assert (second.stdout, second.stderr) == (first.stdout, "[]\n")
