"""Strings, buffers and names: what walks memory byte by byte passes every kernel's verifier, and gives the same."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .guest import Guest
from .tracing import trace

#: Its text is to be changed.
TARGET = """
#include <stdio.h>
static char text[] = "from the program";
__attribute__((noinline)) void show(char *text, long n) { asm volatile("" ::: "memory"); }
int main(void) { show(text, 3); puts(text); return 0; }
"""
SELF = Path(__file__).parent.parent / "self"
#: A value of each function, of strings that the compiler cannot see through.
SCRIPT = """
tracepoint:syscalls:sys_enter_openat /pid == cpid/ {
  $file = str(args.filename, 100); $wanted = str(&@wanted, 16);
  if (strstr($file, "hostname") == 5) {
    printf("%d %d %d ", strlen($file), strstr($file, $wanted), strcontains($file, "host"));
    printf("%s ", str_concat($file, $wanted));
    printf("%d %d ", strncmp($file, "/etc/xyz", 5), memcmp($file, "/etd", 4));
    printf("%s %s %s ", strerror(-2), signal_name(9), syscall_name(@number));
    printf("%r %rh %x", buf(args.filename, 5), buf(args.filename, @two), bswap((uint32)0x11223344));
    printf(" %s\\n", $file == "/etc/hostname" ? "same" : "different");
  }
}
begin { @wanted = "name"; @number = (int64)257; @two = (int64)2; }
"""


def test_every_function_of_strings_gives_the_same(guest: Guest) -> None:
    done = trace(guest, SCRIPT, workload="/bin/cat /etc/hostname")
    assert done.status == 0, done.stderr
    expected = "13 9 1 /etc/hostnamename 0 -1 No such file or directory Killed openat /etc/ 2f 65 44332211 same\n"
    assert expected in done.stdout, done


@pytest.mark.parametrize("name", ["string_lengths", "string_concatenation", "string_comparison", "memory", "buffers"])
def test_the_language_s_own_tests_of_strings_pass(guest: Guest, name: str) -> None:
    done = trace(guest, (SELF / f"{name}.bt").read_text(), "--test")
    assert done.status == 0, f"{done.stdout}{done.stderr}"


@pytest.mark.kernels("6.1", "6.12", "newest")
@pytest.mark.parametrize("name", ["string_search", "names_of_numbers"])
def test_those_that_loop_pass_where_the_kernel_has_loops(guest: Guest, name: str) -> None:
    done = trace(guest, (SELF / f"{name}.bt").read_text(), "--test")
    assert done.status == 0, f"{done.stdout}{done.stderr}"


@pytest.mark.kernels("5.10")
def test_a_search_that_takes_too_many_steps_is_refused_where_the_kernel_has_no_loop(guest: Guest) -> None:
    script = "tracepoint:syscalls:sys_enter_openat { print(strstr(str(args.filename), str(args.filename))); }"
    done = trace(guest, script)
    assert done.status == 1
    assert "ERROR: Missing required kernel feature: loop\n" in done.stderr


@pytest.mark.kernels("6.1", "newest")
def test_strings_may_be_larger_than_what_a_cpu_has_of_its_own(guest: Guest) -> None:
    script = """begin { $s = str(&@text); @text = "abc"; print(strlen($s)); print(str_concat(str(&@text), "d"));
      print(strstr(str(&@text), "c")); print(str(&@text) == "abc"); exit(); }"""
    done = trace(guest, script, "-q", environment={"BPFTRACE_MAX_STRLEN": "65536"})
    assert (done.status, done.stdout.split()) == (0, ["0", "abcd", "2", "true", "@text:", "abc"]), done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("strings") / "target.c"
    file.write_text(TARGET)
    subprocess.run(["gcc", "-O1", "-o", file.with_suffix(""), file], check=True)
    return str(file.with_suffix(""))


# Programs that another task can interleave need more of a kernel (`atomic_fetch`).
@pytest.mark.kernels("6.1", "6.12", "newest")
def test_memory_of_a_process_is_written(guest: Guest, program: str) -> None:
    script = f"""uprobe:{program}:show {{
      $new = "by the tracer"; $done = write_user(arg0, $new, 14); $nowhere = write_user((uint64)8, $new, 3);
      printf("%s %s\\n", $done ? "written" : "failed", $nowhere ? "no" : "not");
    }}"""
    done = trace(guest, script, "-q", "--unsafe", workload=program)
    assert "written not\n" in done.stdout, done
    assert "by the tracer\n" in done.stdout, done


@pytest.mark.kernels("6.1", "newest")
def test_memory_of_a_process_is_written_from_elsewhere_in_it(guest: Guest, program: str) -> None:
    script = f"uprobe:{program}:show {{ write_user(arg0, (int8 *)arg0 + 9, arg1 + 5); }}"
    done = trace(guest, script, "-q", "--unsafe", workload=program)
    assert "program\n" in done.stdout, done
    assert "from the program" not in done.stdout
