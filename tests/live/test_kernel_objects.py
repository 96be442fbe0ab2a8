"""What takes an object of the kernel's: the paths of files, and variables that each CPU has of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tracing import run

pytestmark = pytest.mark.live


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A process that has a file open, and the file."""
    file = tmp_path / "held"
    file.write_text("")
    code = f"import sys; held = open({str(file)!r}); print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdin is not None
    process.stdout.readline()
    yield process.pid, file
    process.stdin.close()
    process.stdout.close()
    process.wait()


def files(holder: tuple[int, Path], body: str) -> list[str]:
    script = f"iter:task_file {{ if (ctx.task.tgid == {holder[0]}) {{ {body} }} }}"
    done = run("--no-cache", "-q", "-e", script)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_the_path_of_an_open_file_is_shown(holder: tuple[int, Path]) -> None:
    assert str(holder[1]) in files(holder, 'printf("%s\\n", path(ctx.file.f_path));')


def test_a_path_is_a_string_of_the_size_that_is_asked_for(holder: tuple[int, Path]) -> None:
    show = '$p = path(ctx.file->f_path, 300); printf("%s %d %d\\n", $p, strlen($p), sizeof($p));'
    body = f'if (path(ctx.file.f_path) == "{holder[1]}") {{ {show} }}'
    assert files(holder, body)[0] == f"{holder[1]} {len(str(holder[1]))} 300"


def test_the_file_of_a_mapping_has_a_path(holder: tuple[int, Path]) -> None:
    body = 'if (ctx.vma.vm_file != 0) { printf("%s\\n", path(ctx.vma.vm_file.f_path)); }'
    script = f"iter:task_vma {{ if (ctx.task.tgid == {holder[0]}) {{ {body} }} }}"
    shown = run("--no-cache", "-q", "-e", script).stdout.splitlines()
    assert os.path.realpath(sys.executable) in shown


def test_a_path_that_does_not_fit_is_an_error_of_the_helper(holder: tuple[int, Path]) -> None:
    body = f'if (path(ctx.file.f_path) == "{holder[1]}") {{ printf("[%s]\\n", path(ctx.file.f_path, 1)); }}'
    script = f"iter:task_file {{ if (ctx.task.tgid == {holder[0]}) {{ {body} }} }}"
    done = run("--no-cache", "-q", "-e", script)
    assert done.stdout.splitlines()[0] == "[]"
    assert "WARNING: File name too long\nAdditional Info - helper: d_path, retcode: -36\n" in done.stderr


def test_an_object_of_another_kind_is_refused_at_the_call() -> None:
    done = run("--no-cache", "-e", 'iter:task_file { printf("%s", path(ctx.file)); }')
    assert done.status == 255
    assert "stdin:1:31-46: ERROR: the kernel's verifier says: R1 is of type file but path is expected" in done.stderr


def test_a_variable_of_each_cpu_has_an_address_where_the_kernel_lists_variables() -> None:
    script = 'begin { print(percpu_kaddr("runqueues") != 0); print(percpu_kaddr("runqueues", 4096) == 0); exit(); }'
    done = run("--no-cache", "-q", "-e", script)
    if " runqueues\n" in Path("/proc/kallsyms").read_text():
        assert done.stdout.splitlines()[:2] == ["true", "true"]
    else:
        assert "ldimm64 failed to find the address for kernel symbol 'runqueues'." in done.stderr
        assert "HINT: this kernel lists no variables among its symbols (CONFIG_KALLSYMS_ALL)" in done.stderr
