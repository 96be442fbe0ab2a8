"""A program that was compiled before runs without the compiler: from the cache, and from a file of --emit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", WATCHED_RUN, "-q", *words],
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
