"""Iterators: every one that this kernel has, what a script sees of an object, and where `printf` goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pybpftrace.core.target import Target
from pybpftrace.plugins.probes.iter import IterProbe, iterators
from tracing import PYBPFTRACE, Finished, run, worker

pytestmark = pytest.mark.live

ITERATORS = iterators(Target.live())
#: These walk over one map.
OF_ONE_MAP = {"bpf_map_elem", "bpf_sk_storage_map", "sockmap"}


def walk(script: str, *options: str, of: tuple[str, ...] = ("sleep", "100")) -> Finished:
    """Runs a script on one process of the test's own. `PID` in it is that process."""
    with worker(of) as process:
        pid = str(process.pid)
        return run("--no-cache", *options, "-p", pid, "-e", script.replace("PID", pid))


def printed(script: str) -> str:
    """What the iterator itself writes of one process, the maps and blank lines of the end left out."""
    done = walk(script, "-q")
    assert done.status == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.removesuffix("\n\n")


def test_this_kernel_has_iterators() -> None:
    assert "task" in ITERATORS
    assert not any(name.endswith("__safe_trusted") for name in ITERATORS)


@pytest.mark.parametrize("name", ITERATORS)
def test_every_iterator_walks(name: str) -> None:
    """Other processes' objects are counted, and nothing is shown of them."""
    done = run("--no-cache", "-e", f'iter:{name} {{ printf(""); @ = count(); @bad = (int64)(ctx.meta.seq_num < 0); }}')
    if name in OF_ONE_MAP:
        assert done.status == 255
        assert f"ERROR: iter:{name} walks over one map, and an attach point has no place for which\n" in done.stderr
        return
    assert done.status == 0, done.stderr
    assert done.stderr == "Attached 1 probe\n"
    # Where there is no object at all, nothing runs.
    assert "@: " in done.stdout or name == "dmabuf"


def test_the_members_of_the_object_are_there_with_their_types() -> None:
    script = """
    iter:task {
        printf("%d %d %s %d\\n", ctx.task.pid == PID, ctx.task->tgid == PID, ctx.task.comm, ctx.meta.seq_num);
        @[ctx.task.comm, ctx.task.pid == PID] = count();
        @p[((struct task_struct *)(uint64)ctx.task.real_parent).pid > 0] = count();
    }
    """
    assert printed(script) == "1 1 sleep 0\n\n\n@[sleep, true]: 1\n@p[true]: 1\n"


def test_open_files_are_walked_with_their_inodes(tmp_path: Path) -> None:
    file = tmp_path / "open"
    file.write_text("")
    script = "iter:task_file { @[ctx.fd, ctx.file.f_inode.i_ino] = count(); }"
    command = ("sh", "-c", f"exec 7<{file}; exec sleep 100")
    with worker(command) as process:
        while not os.path.exists(f"/proc/{process.pid}/fd/7"):
            pass
        done = run("--no-cache", "-p", str(process.pid), "-e", script)
    assert f"@[7, {file.stat().st_ino}]: 1\n" in done.stdout


def test_without_an_object_the_program_ends_at_a_null_pointer_and_not_at_a_zero() -> None:
    """The kernel calls once more when there are no more objects. File descriptor 0 is no null pointer."""
    script = """
    iter:task_file { @calls = count(); if (ctx.fd == 0) { @zero = count(); } $t = ctx.task; @tasks = count(); }
    """
    done = walk(script)
    values = dict(line.split(": ") for line in done.stdout.split("\n") if line.startswith("@"))
    assert int(values["@calls"]) == int(values["@tasks"]) + 1
    assert int(values["@zero"]) == 2  # stdin, and the last call, which has no descriptor


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ('"%d %i %u", -1, -2, -1', "-1 -2 4294967295"),
        ('"%ld %lld %lu", -1, 5000000000, -1', "-1 5000000000 18446744073709551615"),
        ('"%d %hhd %hx", 5000000000, 300, 65537', "705032704 44 1"),
        ('"[%5d|%-5d|%05d|%+d]", 42, 42, 42, 42', "[   42|42   |00042|+42]"),
        ('"%x %X %lx", 255, 255, -1', "ff FF ffffffffffffffff"),
        ('"%c%c%%", 65, 66', "AB%"),
        ('"100%% sure"', "100% sure"),
        ('"%s|%8s|%-8s|", "a", "b", "c"', "a|       b|c       |"),
        ('"%sabc%s1", "x", "y"', "xabcy1"),
        ('"%s %s %s", 1 == 1, 1 == 2, -7', "true false -7"),
        ('"%p %p", 255, (int8*)16', "0xff 0x10"),
        ('"h\\xc3\\xa9 %s \\x01", "\\xc3\\xa9"', "h\xc3\xa9 \xc3\xa9 \x01".encode("latin-1").decode()),
        ('"%s", (comm, 1).0 == comm', "true"),
        ('"%d%d%d%d%d%d%d%d%d%d%d%d%d%d", 1,2,3,4,5,6,7,8,9,0,1,2,3,4', "12345678901234"),
        ('"%s", $long', "0123456789" * 90),
        ('"%s.", str((int8*)0)', "."),
    ],
)
def test_printf_writes_into_the_iterators_file(call: str, text: str) -> None:
    digits = "0123456789" * 90
    script = f'iter:task {{ $long = "{digits}"; $t = ctx.task; printf({call}); printf("\\n"); }}'
    assert printed(script) == text + "\n"


def test_printf_works_in_loops() -> None:
    script = 'iter:task { $t = ctx.task; for ($i : 0..3) { printf("%d ", $i); } unroll(2) { printf("u "); } }'
    assert printed(script) == "0 1 2 u u "


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ('"%o", 1', "has no %o: the kernel formats it"),
        ('"%#x", 1', "has no flag #: the kernel formats it"),
        ('"%.2s", "abc"', "has no precision: the kernel formats it"),
        ('"%20p", 1', "has no width for addresses: the kernel formats them"),
        ('"%s", (1, "a")', "cannot show a value of type '(int8,string[2])': print() shows it"),
        ('"%s", kstack', "cannot show a value of type 'kstack_bpftrace_127': print() shows it"),
    ],
)
def test_what_the_kernel_cannot_format_is_refused(call: str, error: str) -> None:
    done = run("--no-cache", "-e", f"iter:task {{ printf({call}); }}")
    assert done.status == 1
    assert f"ERROR: printf in an iter probe {error}\n" in done.stderr


def test_only_the_iterators_own_text_is_on_standard_output_with_an_output_file(tmp_path: Path) -> None:
    file = tmp_path / "out"
    script = """
    begin { printf("begin\\n"); }
    iter:task { printf("%s\\n", ctx.task.comm); print(7); }
    end { printf("end\\n"); }
    """
    done = walk(script, "-q", "-o", str(file))
    assert done.stdout == "sleep\n"
    assert file.read_text() == "begin\n7\nend\n\n\n"


def test_the_iterators_text_is_raw_in_json() -> None:
    done = walk('iter:task { printf("raw\\n"); $t = ctx.task; print(7); }', "-f", "json", "-q")
    assert sorted(done.stdout.splitlines()) == ["raw", "raw", '{"type": "value", "data": 7}']


def test_exit_ends_the_reading() -> None:
    done = walk('iter:task { $t = ctx.task; @ = count(); exit(); } end { printf("end\\n"); }', "-q")
    assert done.stdout == "end\n\n\n@: 1\n"


def test_the_command_of_c_can_be_walked_over() -> None:
    done = run("--no-cache", "-q", "-e", "iter:task { @[ctx.task.tgid == cpid] = count(); }", "-c", "/bin/sleep 1")
    assert done.stdout == "\n\n@[true]: 1\n"


def test_an_object_that_prints_too_much_is_an_error() -> None:
    done = walk('iter:task { $t = ctx.task; for ($i : 0..5000) { printf("%d 0123456789\\n", $i); } }')
    assert done.status == 1
    assert "ERROR: Failed to read iter:task: one object has printed more than the kernel's 32 KiB\n" in done.stderr


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("iter:tas* { }", "iter probe type does not support wildcards"),
        ("iter { }", "iter probe type requires 1 or 2 arguments, found 0"),
        ("iter:a:b:c { }", "iter probe type requires 1 or 2 arguments, found 3"),
        ("iter:nothing { }", "iter nothing not available for your kernel version."),
        ("iter:task, iter:task_file { }", "iter probe only supports one attach point."),
        ("iter:task { } interval:s:1 { }", "iter probe must be the only attached probe of a program"),
        ("iter:task { } iter:task { }", "iter probe must be the only attached probe of a program"),
        (
            "iter:task { print(ctx.nothing); }",
            "Struct/union of type 'struct bpf_iter__task' does not contain a field named 'nothing'",
        ),
    ],
)
def test_what_an_iterator_cannot_be(script: str, error: str) -> None:
    done = run("--no-cache", "-e", script)
    assert done.status == 1
    assert f"ERROR: {error}\n" in done.stderr


def test_a_run_from_the_cache_walks_without_the_compiler(tmp_path: Path) -> None:
    script = 'iter:task { printf("%s\\n", ctx.task.comm); }'
    program = (
        "import os, sys\nfrom pybpftrace.cli.main import execute\nstatus = execute(sys.argv[1:], os.environ)\n"
        "sys.exit(status or ('llvmlite' in sys.modules) + 2 * ('pybpftrace.core.emitter' in sys.modules))"
    )
    with worker(("sleep", "100")) as process:
        command = [sys.executable, "-c", program, "-q", "-p", str(process.pid), "-e", script]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
        first, second = (subprocess.run(command, env=environment, capture_output=True, check=False) for _ in range(2))
    assert first.returncode == 3
    assert (second.returncode, second.stderr) == (0, b"")
    assert first.stdout == second.stdout == b"sleep\n\n\n"


# Pinning. The file system is mounted for the processes of the test alone.


def in_own_mounts(directory: Path, *commands: str) -> Finished:
    text = "\n".join((f"mount -t bpf bpf {directory} || exit 9", *commands))
    done = subprocess.run(["unshare", "-m", "sh", "-c", text], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 9:
        pytest.skip(f"cannot mount a BPF file system: {done.stderr.strip()}")
    return Finished(done.returncode, done.stdout, done.stderr)


def pinning(path: str, pid: int) -> str:
    script = f'iter:task:{path} {{ printf("%s\\n", ctx.task.comm); @ = count(); }}'
    return f"{' '.join(PYBPFTRACE)} --no-cache -q -p {pid} -e '{script}'"


def test_a_pinned_iterator_runs_whenever_its_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine"
    with worker(("sleep", "100")) as process:
        done = in_own_mounts(tmp_path, pinning(str(file), process.pid), f"cat {file}", f"cat {file}")
    assert done == Finished(0, f"Program pinned to {file}\n\n\nsleep\nsleep\n", "")


def test_a_name_that_is_taken_is_an_error(tmp_path: Path) -> None:
    command = pinning(str(tmp_path / "mine"), os.getpid())
    done = in_own_mounts(tmp_path, command, command)
    assert done.status == 1
    assert "ERROR: Failed to pin iter probe link: " in done.stderr
    assert "there is a file of that name already; remove it first\n" in done.stderr


def test_pinning_where_no_bpf_file_system_is_says_what_to_do(tmp_path: Path) -> None:
    done = walk(f"iter:task:{tmp_path}/mine {{ $t = ctx.task; }}", "-q")
    assert done.status == 1
    assert "ERROR: Failed to pin iter probe link: " in done.stderr
    assert "it would not be in a BPF file system; mount one: mount -t bpf bpf /sys/fs/bpf\n" in done.stderr


def test_a_relative_name_is_below_sys_fs_bpf() -> None:
    done = walk("iter:task:no_such_directory/mine { $t = ctx.task; }", "-q")
    assert done.status == 1
    assert "of '/sys/fs/bpf/no_such_directory/mine': No such file or directory" in done.stderr


def test_the_pin_is_not_part_of_the_name() -> None:
    probe = IterProbe()
    assert probe.parse(("task", "list")).settings == {"name": "task", "pin": "list"}
    done = walk("iter:task { @[probe] = count(); $t = ctx.task; }")
    assert done.stdout == "\n\n@[iter:task]: 2\n"


def test_listing_shows_what_a_program_is_given() -> None:
    done = run("-lv", "iter:task*")
    assert "iter:task_file\n    struct task_struct * task\n    u32 fd\n    struct file * file\n" in done.stdout
