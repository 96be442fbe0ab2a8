"""A program that was compiled before runs without the compiler: from the cache, and from a file of --emit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pybpftrace.core.artifact_file import from_bytes, to_bytes

pytestmark = pytest.mark.live

SCRIPT = 'begin { @x = count(); printf("%s %d\\n", "hello", 5); exit(); }'
#: What a cached start can do without: the compiler, the command line's parser, and modules that are slow to import.
UNNEEDED = (
    "lark llvmlite click pyroute2 importlib.metadata importlib.resources hashlib pathlib random subprocess tempfile "
    "pybpftrace.core.ast pybpftrace.core.compilation pybpftrace.core.diagnostics pybpftrace.core.emitter "
    "pybpftrace.core.numbers pybpftrace.core.binary.elf pybpftrace.core.linux.cgroup pybpftrace.cli.command "
    "pybpftrace.passes.load.verifier pybpftrace.plugins.formats.json"
)
#: Runs the command in this process and then tells what it imported of that, and which of our classes came into being
#: by compiling text, as those of the module dataclasses do.
WATCHED_RUN = f"""
import os, sys
before = set(sys.modules)  # an editable install has imports of its own
from pybpftrace.cli.main import execute
status = execute(sys.argv[1:], os.environ)
imported = sorted(set("{UNNEEDED}".split()) & (set(sys.modules) - before))
ours = [module for name, module in sys.modules.items() if name.startswith("pybpftrace.")]
classes = {{c for module in ours for c in vars(module).values() if isinstance(c, type)}}
makers = [(c.__name__, getattr(c.__init__, "__code__", None)) for c in classes]
compiled = sorted(name for name, code in makers if code and code.co_filename == "<string>")
print(imported + compiled, file=sys.stderr)
sys.exit(status)
"""


def run(*words: str, home: Path, code: str = WATCHED_RUN) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", code, "-q", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_second_run_of_a_script_imports_no_compiler_and_prints_the_same(tmp_path: Path) -> None:
    first, second = (run("-e", SCRIPT, home=tmp_path) for _ in range(2))
    assert first.returncode == second.returncode == 0
    assert "llvmlite" in first.stderr
    assert second.stderr == "[]\n"
    assert second.stdout == first.stdout
    assert second.stdout.startswith("hello 5\n")


def test_an_emitted_program_runs_without_a_compiler(tmp_path: Path) -> None:
    path = str(tmp_path / "program")
    assert run("--emit", path, "-e", SCRIPT, home=tmp_path / "a").returncode == 0
    for _ in range(2):  # the first run still needs click for words that it has not seen
        done = run(path, home=tmp_path / "b")
        assert done.returncode == 0
        assert done.stdout.startswith("hello 5\n")
        assert not {"lark", "llvmlite"} & set(done.stderr.split("'"))
    assert done.stderr == "[]\n"


def test_no_cache_compiles_every_time_and_keeps_neither_script_nor_command_line(tmp_path: Path) -> None:
    for _ in range(2):
        done = run("--no-cache", "-e", SCRIPT, home=tmp_path)
        assert done.returncode == 0
        assert "llvmlite" in done.stderr
    assert not {"programs", "command-lines", "plugins.json"} & {path.name for path in tmp_path.rglob("*")}


def test_another_process_of_p_is_another_program(tmp_path: Path) -> None:
    script = "tracepoint:raw_syscalls:sys_enter { @ = count(); } interval:ms:10 { exit(); }"
    for pid, compiles in ((os.getpid(), True), (os.getppid(), True), (os.getpid(), False)):
        done = run("-p", str(pid), "-e", script, home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert ("llvmlite" in done.stderr) is compiles


#: Tells how often the kernel's list of symbols was opened.
COUNTED = """
import sys
opened = []
sys.addaudithook(lambda event, words: event == "open" and words[0] == "/proc/kallsyms" and opened.append(words))
"""
ADDRESS = 'begin { printf("%lx\\n", kaddr("vfs_read")); exit(); }'


def listed_address() -> str:
    with open("/proc/kallsyms") as lines:
        return next(line.split()[0] for line in lines if line.split()[2] == "vfs_read")


def test_a_cached_start_does_not_read_the_list_of_symbols_for_an_address(tmp_path: Path) -> None:
    watched = f"{COUNTED}{WATCHED_RUN}".replace("sys.exit(status)", "print(len(opened)); sys.exit(status)")
    for readings in (1, 0):
        done = run("-e", ADDRESS, home=tmp_path, code=watched)
        assert done.stdout.split() == [listed_address(), str(readings)], done.stderr
    assert done.stderr == "[]\n"


def test_a_saved_program_has_the_address_of_the_kernel_that_it_runs_on(tmp_path: Path) -> None:
    path, home = str(tmp_path / "program"), tmp_path / "b"
    assert run("--emit", path, "-e", ADDRESS, home=tmp_path / "a").returncode == 0
    assert listed_address().encode() not in Path(path).read_bytes()
    assert run(path, home=home).stdout.split() == [listed_address()]
    # What is known of this boot counts, and so would another address.
    [known] = home.rglob("symbols")
    known.write_text(known.read_text().replace(listed_address(), "ffffffff00001234"))
    assert run(path, home=home).stdout.split() == ["ffffffff00001234"]
    known.write_text("another boot\nvfs_read ffffffff00001234\n")
    assert run(path, home=home).stdout.split() == [listed_address()]


def test_a_cached_program_outlives_a_restart_of_the_machine(tmp_path: Path) -> None:
    assert run("-e", ADDRESS, home=tmp_path).returncode == 0
    [known] = tmp_path.rglob("symbols")
    known.write_text("another boot\nvfs_read ffffffff00001234\n")
    done = run("-e", ADDRESS, home=tmp_path)
    assert (done.stdout.split(), done.stderr) == ([listed_address()], "[]\n")


def test_a_saved_program_whose_symbol_is_gone_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "program"
    script = tmp_path / "script.bt"
    script.write_text(ADDRESS)
    assert run("--emit", str(path), str(script), home=tmp_path).returncode == 0
    program, dependencies = from_bytes(path.read_bytes(), str(path))
    [spec] = program.programs
    renamed = tuple(
        replace(relocation, name="vfs_raed") if relocation.kind == "kernel_symbol" else relocation
        for relocation in spec.relocations
    )
    path.write_bytes(to_bytes(replace(program, programs=(replace(spec, relocations=renamed),)), dependencies))
    done = run(str(path), home=tmp_path)
    assert (done.returncode, done.stdout) == (255, "")
    place, line, mark, *_ = done.stderr.splitlines()
    assert place == (
        f"{script}:1:25-43: ERROR: The program for begin uses the address of vfs_raed, which this kernel does not "
        "have, or does not show to this user (kernel.kptr_restrict)."
    )
    assert line == ADDRESS and mark.strip() == "~" * 18
