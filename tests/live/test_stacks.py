"""Stacks and symbols of real programs: each mode, names from every source, processes that have ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from markers import HEADER
from pybpftrace.core.binary.elf import ElfFile
from tracing import run, tracer, worker

pytestmark = [pytest.mark.live, pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build programs")]

SOURCE = """
#include <unistd.h>
unsigned char small = 200; unsigned short medium = 60000; int word = 7; unsigned long large = 1UL << 63;
__attribute__((noinline)) int leaf(int x) { return getppid() ? x + 1 : 0; }
__attribute__((always_inline)) static inline int inner(int x)
{
    return leaf(x) + 1;
}
__attribute__((noinline)) int middle(int x)
{
    int y = inner(x);
    return y + 1;
}
int main(void) { for (volatile int i = 0; i < 3; i++) middle(i); return 0; }
"""
Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def build(*options: str, source: str = SOURCE, name: str = "program", compiler: str = "gcc") -> Path:
        if shutil.which(compiler) is None:
            pytest.skip(f"needs {compiler}")
        path = tmp_path / name
        text = tmp_path / f"{name}.{'cc' if compiler == 'g++' else 'c'}"
        text.write_text(source)
        command = [compiler, "-O2", "-w", "-g", "-fno-omit-frame-pointer", "-Wl,--build-id=sha1", *options]
        subprocess.run([*command, "-o", path, text], check=True)
        return path

    return build


def printed(program: Path, body: str, **environment: str) -> str:
    """What a probe at `leaf` prints the first time."""
    done = run("-q", "-c", str(program), "-e", f"uprobe:{program}:leaf {{ {body} exit(); }}", environment=environment)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-static"])
def test_a_user_stack_has_each_frame_with_its_distance_and_in_perf_mode_its_file(build: Build, option: str) -> None:
    program = build(option)
    assert re.match(
        r"\n        leaf\+0\n        middle\+\d+\n\n\n\t[0-9a-f]+ leaf\+0 \(PATH\)\n\t[0-9a-f]+ middle\+\d+ \(PATH\)\n"
        r"\n\n[0-9a-f]+\n[0-9a-f]+\n\n".replace("PATH", re.escape(str(program))),
        printed(program, "print(ustack(2)); print(ustack(perf, 2)); print(ustack(raw, 2));"),
    )


def test_in_the_mode_build_id_frames_are_places_in_files(build: Build) -> None:
    program = build()
    with ElfFile(str(program)) as elf:
        symbol, build_id = elf.symbol("leaf"), elf.build_id()
        assert symbol is not None and build_id is not None
        place = elf.address_to_offset(symbol.address)
    assert printed(program, "print(ustack(build_id, 1));") .strip() == f"{build_id} {place:#04x}"
    assert printed(program, "print(ustack(1));", BPFTRACE_STACK_MODE="build_id") .strip() == f"{build_id} {place:#04x}"


def test_a_kernel_stack_under_the_config_key_build_id_is_raw_with_a_warning() -> None:
    done = run("-q", "-e", "config = { stack_mode = build_id } begin { print(kstack(2)); exit(); }")
    assert re.fullmatch(r"\n[0-9a-f]{16}\n[0-9a-f]{16}\n+", done.stdout), done.stdout
    assert "WARNING: 'build_id' stack mode can only be used for ustack: kstack uses 'raw'" in done.stderr


def test_stacks_are_keys_values_and_parts_of_tuples_and_records(build: Build) -> None:
    script = (
        "$s = ustack(1); @k[$s] = 1; @v = $s; @t[1, ustack(raw, 1)] = ($s, 2); print((1, $s)); print((a = $s,)); "
        'printf("<%s>\\n", $s); print(len($s)); print(len(ustack(2)));'
    )
    out = printed(build(), script.replace("print((a = $s,)); ", "print((a = $s)); "))
    line = "\n        leaf+0\n"
    assert out.startswith(f"(1, {line})\n{{ .a = {line} }}\n<{line}>\n1\n2\n"), out
    assert f"@k[{line}]: 1\n" in out and f"@v: {line}\n" in out
    assert re.search(rf"@t\[1, \n[0-9a-f]+\n\]: \({re.escape(line)}, 2\)\n", out), out


def test_a_stack_in_json_is_a_string(build: Build) -> None:
    program = build()
    script = f"uprobe:{program}:leaf {{ print(ustack(1)); @[ustack(1)] = 1; exit(); }}"
    done = run("-q", "-f", "json", "-c", str(program), "-e", script)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"type": "value", "data": "\n        leaf+0\n"},
        {"type": "map", "data": {"@": {"\nleaf+0\n": 1}}},
    ]


def test_kernel_stacks_have_names_of_the_kernel_and_of_bpf_programs() -> None:
    done = run("-q", "-e", "begin { print(kstack(2)); print(kstack(perf, 2)); print(len(kstack(3))); exit(); }")
    frames = [r"bpf_prog_[0-9a-f]{16}_\w+\+\d+", r"__bpf_prog_test_run_raw_tp\+\d+"]
    plain = "".join(rf"        {frame}\n" for frame in frames)
    perf = "".join(rf"\t[0-9a-f]{{16}} {frame}\n" for frame in frames)
    assert re.fullmatch(rf"\n{plain}\n\n{perf}\n3\n+", done.stdout), done.stdout


def test_debug_information_shows_lines_and_inlined_functions(build: Build, tmp_path: Path) -> None:
    source = f"{tmp_path}/program.c"
    config = {"BPFTRACE_SHOW_DEBUG_INFO": "1"}
    out = printed(build(), "print(ustack(2)); print(ustack(perf, 2));", **config)
    assert re.match(
        rf"\n        leaf\+0@{source}:4\n        \[inlined\] inner@{source}:7\n        middle\+\d+@{source}:11\n"
        rf"\n\n\t[0-9a-f]+ leaf\+0 \(\S+\)\n\t[0-9a-f]+ inner \(inlined\)\n\t[0-9a-f]+ middle\+\d+ \(\S+\)\n",
        out,
    ), out


def test_debug_files_are_looked_for_in_the_users_directories(build: Build, tmp_path: Path) -> None:
    program, debug = build(), tmp_path / "elsewhere" / "program.debug"
    debug.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program], check=True)
    arguments = "-q", "-c", str(program), "-e", f"uprobe:{program}:leaf {{ print(args.x); print(ustack(2)); exit(); }}"
    refused = run(*arguments)
    assert refused.status == 1 and f"No matches for uprobe {program}:leaf." in refused.stderr
    environment = {"BPFTRACE_SHOW_DEBUG_INFO": "1"}
    done = run("--debuginfo", f"{tmp_path}/none:{debug.parent}", *arguments, environment=environment)
    source = f"{tmp_path}/program.c"
    assert done.stdout.startswith(f"0\n\n        leaf+0@{source}:4\n        [inlined] inner@{source}:7\n")


CPP = """
namespace ns { template<class T> struct K { static int meth(T, const char *); }; }
extern "C" int getppid();
extern "C" __attribute__((noinline)) int leaf(int x) { return getppid() ? x + 1 : 0; }
template<class T> __attribute__((noinline)) int ns::K<T>::meth(T x, const char *s) { return leaf(x) + (s != 0); }
int main() { return ns::K<int>::meth(1, "a") + 1; }
"""


@pytest.mark.parametrize(
    ("setting", "name"), [("1", "ns::K<int>::meth(int, char const*)"), ("0", "_ZN2ns1KIiE4methEiPKc")]
)
def test_cpp_names_are_demangled_unless_cpp_demangle_is_off(build: Build, setting: str, name: str) -> None:
    program = build(source=CPP, compiler="g++")
    out = printed(program, "print(ustack(2));", BPFTRACE_CPP_DEMANGLE=setting)
    assert re.match(rf"\n        leaf\+0\n        {re.escape(name)}\+\d+\n", out), out


def test_user_symbols_name_addresses_in_every_place(build: Build) -> None:
    body = (
        '$s = usym(reg("ip")); print($s); @[$s, func] = $s; print((usym(0), ksym(0), usym(1))); '
        'printf("%s|%10s|%-6s|\\n", $s, $s, func);'
    )
    out = printed(build(), body)
    assert out == "leaf\n(0, 0, 0x1)\nleaf|      leaf|leaf  |\n\n\n@[leaf, leaf]: leaf\n"


def test_kernel_symbols_and_addresses_are_each_others_inverse() -> None:
    script = 'begin { $a = kaddr("vfs_read"); print(ksym($a)); @[ksym($a + 1)] = ksym(0); print($a > 0); exit(); }'
    done = run("-q", "-e", script)
    assert done.stdout.startswith("vfs_read\n") and "@[vfs_read]: 0\n" in done.stdout, done.stdout
    as_json = run("-q", "-f", "json", "-e", 'begin { print(ksym(kaddr("vfs_read"))); exit(); }')
    assert json.loads(as_json.stdout) == {"type": "value", "data": "vfs_read"}


@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-static-pie"])
@pytest.mark.parametrize("probe", ["uprobe:{}:leaf", "uprobe:{}:lea*", "uretprobe:{}:leaf"])
def test_the_address_of_a_users_variable_is_found_wherever_the_program_is(
    build: Build, option: str, probe: str
) -> None:
    program = build(option)
    body = '{ print((*uaddr("small"), *uaddr("medium"), *uaddr("word"), *uaddr("large"))); exit(); }'
    done = run("-q", "-c", str(program), "-e", f"{probe.format(program)} {body}")
    assert done.stdout.strip() == "(200, 60000, 7, 9223372036854775808)", done


def test_the_address_of_a_librarys_variable_is_found_by_a_probe_in_the_library(build: Build, tmp_path: Path) -> None:
    library = build(
        "-shared", "-fPIC", name="libown.so",
        source="int counter = 41; int step(void) { counter++; return counter; }",
    )  # fmt: skip
    program = build(
        f"-L{tmp_path}", "-lown", f"-Wl,-rpath,{tmp_path}", "-Wl,--no-as-needed", str(library),
        source="int step(void); int main(void) { step(); return step() != 43; }",
    )  # fmt: skip
    script = f'uprobe:{library}:step {{ print(*uaddr("counter")); }}'
    assert run("-q", "-c", str(program), "-e", script).stdout.split() == ["41", "42"]


@pytest.mark.parametrize("option", ["-pie", "-no-pie"])
def test_the_address_of_a_variable_is_found_by_a_marker_that_is_at_several_places(build: Build, option: str) -> None:
    source = HEADER + """
    int counter = 41;
    static inline __attribute__((always_inline)) void mark(long n) { MARKER("app", "turn", "-8@%0", NOR(n)); }
    __attribute__((noinline)) void other(int n) { counter++; mark(n); }
    int main(int argc, char **argv)
    {
        mark(argc);
        for (int i = 0; i < 3; i++)
            other(i);
        counter = 7;
        mark(9);
        return 0;
    }
    """
    program = build(option, source=source)
    done = run("-q", "-c", str(program), "-e", f'usdt:{program}:app:turn {{ print(*uaddr("counter")); }}')
    assert done.stdout.split() == ["41", "42", "43", "44", "7"], done


JIT = """
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static const unsigned char code[] = {
    0x55, 0x48, 0x89, 0xe5, /* push rbp; mov rbp, rsp */
    0xb8, 0x6e, 0, 0, 0, 0x0f, 0x05, /* mov eax, 110 (getppid); syscall */
    0x5d, 0xc3, /* pop rbp; ret */
};
int main(void)
{
    char path[64];
    void *place = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(place, code, sizeof code);
    sprintf(path, "/tmp/perf-%d.map", getpid());
    FILE *list = fopen(path, "w");
    fprintf(list, "%lx %x js:compiled function\\n", (unsigned long)place, (unsigned)sizeof code);
    fclose(list);
    ((int (*)(void))place)();
    return 0;
}
"""


def test_functions_that_a_process_compiles_itself_have_their_names(build: Build) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("the program has x86-64 code in it")
    script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { print(ustack(perf, 1)); @ = pid; exit(); }"
    done = run("-q", "-c", str(build(source=JIT)), "-e", script)
    pid = int(re.findall(r"@: (\d+)", done.stdout)[0])
    listed = Path(f"/tmp/perf-{pid}.map")
    try:
        assert re.match(rf"\n\t[0-9a-f]+ js:compiled function\+11 \({listed}\)\n", done.stdout), done.stdout
    finally:
        listed.unlink(missing_ok=True)


def test_stacks_of_processes_that_ended_at_once_have_names_though_nobody_looked_at_them(build: Build) -> None:
    program = build()
    with tracer("-e", f"uprobe:{program}:leaf {{ @[ustack(perf)] = count(); }}") as run_:
        run_.wait_attached()
        for _ in range(3):
            subprocess.run([program], check=True)
        done = run_.interrupt()
    stacks = done.stdout.split("@[")[1:]
    assert len(stacks) == 3, done
    for stack in stacks:
        assert re.match(rf"\n\t[0-9a-f]+ leaf\+0 \({program}\)\n\t[0-9a-f]+ middle\+\d+ \({program}\)\n", stack), stack
        assert "libc.so" in stack


def test_a_process_that_ran_before_and_ends_before_its_stack_is_shown_has_names(build: Build) -> None:
    waiting = "char c; while (read(0, &c, 1) == 1) for (volatile int i"
    program = build(source=SOURCE.replace("for (volatile int i", waiting))
    child = subprocess.Popen([program], stdin=subprocess.PIPE)
    try:
        with tracer("-e", f"uprobe:{program}:leaf {{ @[ustack(2)] = count(); }}") as run_:
            run_.wait_attached()
            subprocess.run(["sleep", "1.5"], check=True)
            child.communicate(b"x")
            done = run_.interrupt()
    finally:
        child.kill()
        child.wait()
    assert re.search(r"@\[\n        leaf\+0\n        middle\+\d+\n\]: 3\n", done.stdout), done


def test_without_a_cache_of_user_symbols_a_process_that_ended_is_shown_by_addresses(build: Build) -> None:
    program = build()
    script = f"uprobe:{program}:leaf {{ @[ustack(2)] = count(); }}"
    done = run("-q", "-c", str(program), "-e", script, environment={"BPFTRACE_CACHE_USER_SYMBOLS": "NONE"})
    assert re.fullmatch(r"\n*@\[\n        0x[0-9a-f]+\n        0x[0-9a-f]+\n\]: 3\n", done.stdout), done.stdout
    assert "leaf+0" in run("-q", "-c", str(program), "-e", script).stdout


def test_stacks_of_a_process_with_mounts_of_its_own_have_names(build: Build, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs permission to make a mount namespace")
    source = SOURCE.replace("for (volatile int i = 0; i < 3; i++)", "for (int i = 0;; usleep(1000), i++)")
    program, inside = build(source=source), tmp_path / "inside"
    inside.mkdir()
    script = f"mount -t tmpfs none {inside} && cp {program} {inside}/program && exec {inside}/program"
    with worker(["unshare", "-m", "sh", "-c", script]) as process:
        place = Path(f"/proc/{process.pid}/root{inside}/program")
        deadline = 1000
        while not place.exists() or os.readlink(f"/proc/{process.pid}/exe") != f"{inside}/program":
            deadline -= 1
            assert deadline, "the program did not start"
            subprocess.run(["sleep", "0.01"], check=True)
        with tracer("-p", str(process.pid), "-e", f"uprobe:{place}:leaf {{ print(ustack(perf, 1)); exit(); }}") as run_:
            text = run_.wait_for(r"\(.*program\)")
    assert re.search(rf"leaf\+0 \({inside}/program\)", text), text
