"""dw_ustack on real programs without frame pointers: the chain of calls is known, and compared name by name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tracing import PATIENCE, run, worker

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build programs"),
]

CONFIG = "config = { unstable_dw_ustack = enable } "
LEAF = "__attribute__((noinline)) int leaf(int x) { return getppid() ? x + 1 : 0; }\n"
MAIN = "#include <stdlib.h>\n#include <unistd.h>\n" + LEAF
Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def build(source: str, *options: str, name: str = "program") -> Path:
        path, text = tmp_path / name, tmp_path / f"{name}.c"
        text.write_text(source)
        flags = ["-O2", "-w", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-fno-ipa-icf"]
        subprocess.run(["gcc", *flags, "-o", path, text, *options], check=True)
        return path

    return build


def functions(text: str) -> list[str]:
    """The functions of the first stack in a text, innermost first; one that repeats has its number behind it."""
    stack = re.search(r"\n((?:        \S+\n)+)", text)
    assert stack is not None, text
    names = [line.strip().partition("+")[0] for line in stack[1].splitlines()]
    found: list[str] = []
    for name in names:
        last, _, count = found[-1].partition("*") if found else ("", "", "")
        if name == last:
            found[-1] = f"{name}*{int(count or 1) + 1}"
        else:
            found.append(name)
    return found


def stack(program: Path, call: str = "dw_ustack", probe: str = "leaf") -> list[str]:
    """The functions of the first stack that a probe in a program that it starts takes."""
    script = f"{CONFIG} uprobe:{program}:{probe} {{ print({call}); exit(); }}"
    done = run("-q", "-c", str(program), "-e", script)
    assert (done.status, done.stderr) == (0, "")
    return functions(done.stdout)


RECURSION = MAIN + """
__attribute__((noinline)) int down(int x) { return x ? down(x - 1) + leaf(x) : leaf(0) + 1; }
int main(void) { return down(20) == 12345; }
"""


@pytest.mark.parametrize("option", ["-pie", "-no-pie", "-static"])
def test_a_stack_without_frame_pointers_is_whole_from_the_leaf_to_the_start(build: Build, option: str) -> None:
    program = build(RECURSION, option)
    found = stack(program)
    assert (found[:3], found[-1]) == (["leaf", "down*21", "main"], "_start")
    assert stack(program, "ustack")[:3] != found[:3]


def test_a_limit_cuts_the_stack_and_a_thousand_frames_are_taken(build: Build) -> None:
    program = build(RECURSION.replace("down(20)", "down(2000)"))
    assert stack(program, "dw_ustack(3)") == ["leaf", "down*2"]
    assert stack(program, "dw_ustack(1024)") == ["leaf", "down*1023"]
    assert stack(program) == ["leaf", "down*126"]


def test_frames_that_call_are_shown_inside_the_call(build: Build) -> None:
    """The address behind a call that does not return is that of another function."""
    source = MAIN + """
    __attribute__((noinline, noreturn)) void last(int x) { leaf(x); _exit(x); }
    __attribute__((noinline)) int caller(int x) { last(x); }
    __attribute__((noinline)) int behind(int x) { return leaf(x) * 2; }
    int main(int n, char **v) { return caller(n) + behind(n); }
    """
    assert stack(build(source))[:4] == ["leaf", "last", "caller", "main"]


def test_calls_back_from_the_c_library_are_followed_through_it(build: Build) -> None:
    source = MAIN + """
    int order(const void *a, const void *b) { return leaf(*(int *)a) - leaf(*(int *)b); }
    __attribute__((noinline)) int sorted(int n) { int v[] = {n, 3, 1, 2}; qsort(v, 4, 4, order); return v[0] + 1; }
    int main(int n, char **v) { return sorted(n); }
    """
    found = stack(build(source))
    assert found[:2] == ["leaf", "order"] and found[found.index("sorted") + 1] == "main" and found[-1] == "_start"


def test_a_signal_handlers_stack_goes_on_with_what_was_interrupted(build: Build) -> None:
    source = MAIN + """
    #include <signal.h>
    #include <string.h>
    char other[65536];
    void handler(int s) { leaf(s); }
    __attribute__((noinline)) int asked(int x) { raise(x); return leaf(1) + x; }
    __attribute__((noinline)) int crashed(volatile int *p) { return *p + leaf(2); }
    void fatal(int s) { leaf(s); _exit(0); }
    int main(int n, char **v) {
        stack_t s = {.ss_sp = other, .ss_size = sizeof other}; sigaltstack(&s, 0);
        struct sigaction a = {.sa_handler = handler, .sa_flags = SA_ONSTACK}; sigaction(SIGUSR1, &a, 0);
        a.sa_handler = fatal; sigaction(SIGSEGV, &a, 0);
        return asked(SIGUSR1) + crashed((int *)8);
    }
    """
    program = build(source)
    script = f"{CONFIG} uprobe:{program}:leaf {{ @n += 1; if (@n != 2) {{ print(dw_ustack); }} }}"
    done = run("-q", "-c", str(program), "-e", script)
    stacks = [functions(part) for part in re.findall(r"\n(?:        \S+\n)+", done.stdout)]
    first, second = stacks
    assert first[:2] == ["leaf", "handler"] and first[first.index("asked") :][:2] == ["asked", "main"]
    assert second[:2] == ["leaf", "fatal"] and second[3:5] == ["crashed", "main"] and second[-1] == "_start"


def test_frames_of_run_time_size_and_realigned_ones_are_followed(build: Build) -> None:
    source = MAIN + """
    #include <string.h>
    __attribute__((noinline)) int sized(int n) { char *p = alloca(n); memset(p, n, n); return leaf(p[n - 1]) + p[0]; }
    __attribute__((noinline)) int aligned(int n) {
        _Alignas(128) char b[256]; memset(b, n, sizeof b); int r = sized(n * 100); return r + b[n]; }
    __attribute__((noinline)) int both(int n) {
        _Alignas(64) char b[128]; char *p = alloca(n * 10); memset(b, n, 128); memset(p, n, n);
        return aligned(n) + b[n] + p[n - 1]; }
    int main(int n, char **v) { return both(n + 2); }
    """
    assert stack(build(source))[:5] == ["leaf", "sized", "aligned", "both", "main"]


def test_a_threads_stack_ends_where_the_thread_began(build: Build) -> None:
    source = MAIN + """
    #include <pthread.h>
    __attribute__((noinline)) int work(int x) { return leaf(x) + 1; }
    void *thread(void *p) { return (void *)(long)work(3); }
    int main(void) { pthread_t t; pthread_create(&t, 0, thread, 0); return pthread_join(t, 0); }
    """
    found = stack(build(source, "-pthread"))
    assert found[:3] == ["leaf", "work", "thread"] and 4 <= len(found) <= 5


LIBRARY = "int leaf(int); __attribute__((noinline)) int in_library(int x) { return leaf(x) + 1; }"


def test_a_library_that_is_opened_later_is_followed_too(build: Build, tmp_path: Path) -> None:
    library = build(LIBRARY, "-shared", "-fPIC", name="library.so")
    source = MAIN + f"""
    #include <dlfcn.h>
    int main(void) {{
        int (*f)(int) = dlsym(dlopen("{library}", RTLD_NOW), "in_library");
        for (volatile int i = 0; i < 2000; i++) {{ f(i); usleep(1000); }}
        return 0;
    }}
    """
    program = build(source, "-rdynamic", "-ldl")
    script = f"{CONFIG} uprobe:{program}:leaf {{ if (len(dw_ustack) > 3) {{ print(dw_ustack); exit(); }} }}"
    done = run("-q", "-c", str(program), "-e", script)
    assert (functions(done.stdout)[:3], functions(done.stdout)[-1]) == (["leaf", "in_library", "main"], "_start")


def test_ten_thousand_mappings_are_searched(build: Build, tmp_path: Path) -> None:
    library = build(LIBRARY, "-shared", "-fPIC", name="library.so")
    source = MAIN + f"""
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <sys/mman.h>
    int main(void) {{
        int file = open("{library}", O_RDONLY);
        for (int i = 0; i < 10000; i++) mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 4096);
        int (*f)(int) = dlsym(dlopen("{library}", RTLD_NOW), "in_library");
        for (;;) {{ f(1); usleep(1000); }}
    }}
    """
    program = build(source, "-rdynamic", "-ldl")
    script = f"{CONFIG} uprobe:{program}:leaf {{ if (len(dw_ustack) > 3) {{ print(dw_ustack); exit(); }} }}"
    done = run("-q", "-c", str(program), "-e", script)
    assert (functions(done.stdout)[:3], functions(done.stdout)[-1]) == (["leaf", "in_library", "main"], "_start")


def test_a_return_is_unwound_from_where_it_goes(build: Build) -> None:
    program = build(DOWN + "int main(void) { return down(3) == 77; }")
    script = f"{CONFIG} uretprobe:{program}:leaf {{ print(dw_ustack); exit(); }}"
    done = run("-q", "-c", str(program), "-e", script)
    found = functions(done.stdout)
    assert (found[:2], found[-1]) == (["down*4", "main"], "_start")


def test_calls_whose_returns_are_traced_do_not_end_the_stack(build: Build) -> None:
    """A uretprobe puts an address of its own in place of the return address."""
    program = build(RECURSION)
    script = (
        f"{CONFIG} uprobe:{program}:leaf /@done == 0/ {{ @done = 1; print(dw_ustack); }} "
        f"uretprobe:{program}:leaf,uretprobe:{program}:down,uretprobe:{program}:main {{ @n += 1; }}"
    )
    done = run("-q", "-c", str(program), "-e", script)
    found = functions(done.stdout)
    assert (found[:3], found[-1]) == (["leaf", "down*21", "main"], "_start")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare for a mount namespace")
@pytest.mark.parametrize("hiding", ["mount -t tmpfs none DIR && cp COPY DIR/program && exec DIR/program", "rm"])
def test_programs_that_only_the_process_sees_are_unwound(build: Build, tmp_path: Path, hiding: str) -> None:
    program = build(RECURSION.replace("return down(20) == 12345", "for (;;) { down(5); usleep(1000); }"))
    copy = shutil.copy(program, tmp_path / "copy")
    directory = tmp_path / "hidden"
    directory.mkdir()
    command = hiding.replace("DIR", str(directory)).replace("COPY", str(copy))
    start = [str(program)] if hiding == "rm" else ["unshare", "-m", "sh", "-c", command]
    with worker(start) as process:
        deadline = time.monotonic() + PATIENCE
        while not os.readlink(f"/proc/{process.pid}/exe").endswith("/program") and time.monotonic() < deadline:
            time.sleep(0.01)
        program.unlink()
        script = (
            f"{CONFIG} tracepoint:syscalls:sys_enter_getppid /pid == {process.pid}/ "
            "{ print(len(dw_ustack)); exit(); } interval:s:30 { exit(); }"
        )
        done = run("-q", "--dwarf-pid", str(process.pid), "-e", script)
    assert int(done.stdout.split()[0]) > 9


WORKS = "for (volatile int i = 0; i < 1000; i++) { down(4); usleep(1000); }"
DOWN = MAIN + """
#include <sys/wait.h>
__attribute__((noinline)) int down(int x) { return x ? down(x - 1) + leaf(x) : leaf(0) + 1; }
"""


def test_processes_that_are_forked_later_are_followed(build: Build) -> None:
    program = build(DOWN + f"int main(void) {{ for (;;) {{ if (!fork()) {{ {WORKS} return 0; }} wait(0); }} }}")
    with worker([str(program)]) as process:
        script = (
            f"{CONFIG} uprobe:{program}:leaf /pid != {process.pid} && arg0 == 0 && len(dw_ustack) > 5/ "
            "{ print(dw_ustack); exit(); } interval:s:30 { exit(); }"
        )
        done = run("-q", "--no-warnings", "--dwarf-pid", str(process.pid), "-e", script)
    assert functions(done.stdout)[:3] == ["leaf", "down*5", "main"]


def test_programs_that_are_executed_later_are_followed(build: Build) -> None:
    program = build(f"{DOWN} int main(void) {{ {WORKS} return 0; }}")
    starter = build(MAIN + f'int main(void) {{ execl("{program}", "{program}", (char *)0); }}', name="starter")
    script = f"{CONFIG} uprobe:{program}:leaf /arg0 == 0 && len(dw_ustack) > 5/ {{ print(dw_ustack); exit(); }}"
    done = run("-q", "--no-warnings", "-c", str(starter), "-e", script)
    assert functions(done.stdout)[:3] == ["leaf", "down*5", "main"]


@pytest.mark.parametrize("option", ["-p", "--dwarf-pid"])
@pytest.mark.parametrize("probe", ["uprobe", "tracepoint:syscalls:sys_enter_getppid", "profile:hz:99"])
def test_a_running_process_is_unwound_from_any_probe(build: Build, option: str, probe: str) -> None:
    program = build(RECURSION.replace("return down(20) == 12345", "for (;;) down(5)"))
    place = f"uprobe:{program}:leaf" if probe == "uprobe" else probe
    with worker([str(program)]) as process:
        time.sleep(0.2)
        script = (
            f"{CONFIG} {place} /pid == {process.pid} && len(dw_ustack) > 7/ {{ print(dw_ustack); exit(); }} "
            "interval:s:30 { exit(); }"
        )
        done = run("-q", option, str(process.pid), "-e", script)
    found = functions(done.stdout)
    assert "main" in found and found[-1] == "_start"
    assert found[: found.index("main")][-1].startswith("down*") and "leaf" in found[:2]


def test_stacks_are_keys_values_and_parts_of_tuples(build: Build) -> None:
    program = build(RECURSION)
    script = (
        f"{CONFIG} uprobe:{program}:leaf {{ $s = dw_ustack(2); @k[$s] = count(); @v = $s; "
        "print((1, dw_ustack(raw, 1)));"
        ' $s = ustack(2); printf("<%s>", dw_ustack(perf, 1)); print(len(dw_ustack)); exit(); }'
    )
    done = run("-q", "-c", str(program), "-e", script)
    assert done.stderr == ""
    line = r"\n        leaf\+0\n        down\+\d+\n"
    assert re.match(rf"\(1, \n[0-9a-f]+\n\)\n<\n\t[0-9a-f]+ leaf\+0 \({program}\)\n>\d+\n", done.stdout), done.stdout
    assert re.search(rf"@k\[{line}\]: 1\n", done.stdout) and re.search(rf"@v: {line}\n", done.stdout), done.stdout


def test_an_interpreters_stack_is_whole() -> None:
    python = str(Path(sys.executable).resolve())
    script = f"{CONFIG} tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {{ print(dw_ustack); exit(); }}"
    code = "import os;os.getppid()"
    done = run("-q", "-c", f"{python} -S -c {code.replace(' ', chr(9))}", "-e", script)
    assert done.stderr == ""
    found = functions(done.stdout)
    assert (found[0].lstrip("_"), found[-1]) == ("getppid", "_start") and len(found) > 8


def test_a_process_without_tables_gets_a_warning_and_an_empty_stack(build: Build) -> None:
    program = build(RECURSION.replace("return down(20) == 12345", "for (;;) down(5)"))
    with worker([str(program)]) as traced, worker(["sleep", str(PATIENCE)]) as named:
        script = f"{CONFIG} uprobe:{program}:leaf /pid == {traced.pid}/ {{ print(len(dw_ustack)); exit(); }}"
        done = run("-q", "--dwarf-pid", str(named.pid), "-e", script)
    message = (
        "No DWARF unwind data available for this process. Use -p or --dwarf-pid to specify target PIDs."
    )
    assert done.stdout.startswith("0\n")
    assert message in done.stderr


def test_without_a_process_nothing_is_unwound() -> None:
    done = run("-e", f"{CONFIG} begin {{ print(dw_ustack); }}")
    text = "ERROR: dw_ustack requires a target process. Use -p, -c, or --dwarf-pid to specify one.\n"
    assert (done.status, done.stdout, done.stderr) == (255, "", text)


def test_a_process_that_is_not_there_is_an_error() -> None:
    done = run("--dwarf-pid", "4194303", "-e", f"{CONFIG} begin {{ print(dw_ustack); }}")
    text = "ERROR: Failed to read the mappings of process 4194303: No such file or directory\n"
    assert (done.status, done.stderr) == (1, text)


def test_a_saved_program_unwinds(build: Build, tmp_path: Path) -> None:
    program, saved = build(RECURSION), str(tmp_path / "saved")
    script = f"{CONFIG} uprobe:{program}:leaf {{ print(dw_ustack); exit(); }}"
    assert run("--emit", saved, "-e", script).status == 0
    done = run("-q", "-c", str(program), saved)
    assert functions(done.stdout)[:3] == ["leaf", "down*21", "main"]


def test_a_child_that_never_gets_to_its_own_code_is_an_error(build: Build, tmp_path: Path) -> None:
    library = build("int leaf(int x) { return x; }", "-shared", "-fPIC", name="libgone.so")
    program = build("int leaf(int); int main(void) { return leaf(1); }", str(library))
    library.unlink()
    done = run("-q", "-c", str(program), "-e", f"{CONFIG} uprobe:{program}:main {{ print(dw_ustack); }}")
    assert done.status == 255
    assert done.stderr.endswith("ERROR: Failed to run child: exited with code: 127 before its program began\n")


def test_a_child_at_its_entry_ends_with_the_tracer(build: Build) -> None:
    """The run ends before the child was let go: neither it nor anything of it is left."""
    program = build(RECURSION.replace("int main(void) {", "int main(void) { for (;;) pause();"))
    script = f"{CONFIG} begin {{ print(cpid); print(len(dw_ustack)); exit(); }} uprobe:{program}:gone {{ }}"
    done = run("-q", "-c", str(program), "-e", script)
    assert done.status != 0
    assert not subprocess.run(["pgrep", "-f", str(program)], capture_output=True, check=False).stdout
