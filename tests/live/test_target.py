"""This machine as a target: every format file, the whole of its BTF, and facts that stop to hold when they change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.btf_types import Func, Struct
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.target.dependency import Dependency, still_holds
from pybpftrace.core.target.live import VMLINUX_BTF
from tracing import run

CGROUP_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
CGROUPS = next((root for root in CGROUP_ROOTS if os.path.exists(f"{root}/cgroup.controllers")), None)
pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not os.access("/sys/kernel/tracing/events", os.R_OK), reason="needs root and tracefs"),
]
needs_btf = pytest.mark.skipif(not os.path.exists(VMLINUX_BTF), reason="needs a kernel with BTF")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_every_format_file_of_this_kernel_is_understood() -> None:
    target = Target.live()
    events = target.tracepoints()
    assert events == sorted(events) and ("sched", "sched_switch") in events
    for category, event in events:
        parsed = target.tracepoint_format(category, event)
        assert parsed is not None and parsed.name == event
        assert all(field.name.isidentifier() and "[" not in field.c_type for field in parsed.fields)
        assert [field.name for field in parsed.fields if field.is_common][:2] == ["common_type", "common_flags"]


def test_a_tracepoint_that_is_not_there_is_none_and_that_is_a_fact_too() -> None:
    target = Target.live()
    assert target.tracepoint_format("sched", "no_such_event") is None
    (fact,) = target.dependencies
    assert fact.fact is None and still_holds(fact)


@needs_btf
def test_every_type_of_this_kernel_is_read() -> None:
    btf = Target.live().btf
    assert btf is not None
    task = btf.find("task_struct", {Struct})
    assert task is not None and btf.size_of(task) > 1000
    for type_id in range(1, len(btf) + 1):
        btf.type(type_id)


@needs_btf
def test_the_second_opening_finds_the_same_types_through_the_cached_index() -> None:
    first, second = Target.live().btf, Target.live().btf
    assert first is not None and second is not None
    assert isinstance(second.index.names, memoryview)
    for name in ("vfs_read", "do_exit"):
        assert second.find(name, {Func}) == first.find(name, {Func}) is not None
    assert second.find_constant("BPF_FUNC_loop") == first.find_constant("BPF_FUNC_loop") is not None


@needs_btf
def test_the_types_cut_out_of_this_kernel_have_the_sizes_and_members_that_they_had(tmp_path: Path) -> None:
    recording = RecordingTarget(Target.live())
    names = ("task_struct", "file", "sk_buff")
    for name in names:
        assert recording.btf is not None and recording.btf.find(name, {Struct})
    recording.save(str(tmp_path))
    whole, small = Target.live().btf, Target.from_directory(str(tmp_path)).btf
    assert whole is not None and small is not None
    for name in names:
        before, after = (btf.type(btf.find(name, {Struct}) or 0) for btf in (whole, small))
        assert isinstance(before, Struct) and isinstance(after, Struct)
        assert before.size == after.size
        assert [(m.name, m.bit_offset) for m in before.members] == [(m.name, m.bit_offset) for m in after.members]
        for one, other in zip(before.members, after.members, strict=True):
            assert whole.size_of(one.type_id) == small.size_of(other.type_id)
    assert isinstance(small, Btf) and len(small) < len(whole) // 20


def test_the_machine_is_described_as_the_system_describes_it() -> None:
    target = Target.live()
    assert target.kernel_release == os.uname().release
    assert target.architecture == os.uname().machine
    assert int(target.kernel_build_id, 16) > 0
    assert set(os.sched_getaffinity(0)) <= set(target.online_cpus) <= set(target.possible_cpus)
    assert "ringbuf" in target.features
    assert all(still_holds(fact) for fact in target.dependencies)


def test_a_function_is_found_in_a_library_by_its_short_name() -> None:
    target = Target.live()
    (path,) = target.resolve_binary("libc")
    found = target.user_function(path, "malloc")
    assert found is not None and found.path == path and found.size > 0
    assert "malloc" in target.user_functions(path)
    assert target.user_function(path, "no_such_function") is None
    assert {fact.kind for fact in target.dependencies} == {"path", "file"}
    assert all(still_holds(fact) for fact in target.dependencies)


def test_a_program_is_found_on_the_path_by_glob_and_by_its_own_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tool_a", "tool_b"):
        shutil.copy(os.path.realpath(sys.executable), tmp_path / name)
    (tmp_path / "tool_text").write_text("not a program")
    monkeypatch.setenv("PATH", f"/nowhere:{tmp_path}")
    target = Target.live()
    assert target.resolve_binary("tool_a") == [f"{tmp_path}/tool_a"]
    assert target.resolve_binary("tool_*") == [f"{tmp_path}/tool_a", f"{tmp_path}/tool_b"]
    assert target.resolve_binary(f"{tmp_path}/tool_b") == [f"{tmp_path}/tool_b"]
    assert target.resolve_binary(f"{tmp_path}/tool_text") == []
    assert target.resolve_binary("tool_absent") == []


def test_a_file_that_is_no_elf_has_no_functions(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("hello")
    target = Target.live()
    assert target.user_function(str(file), "main") is None
    assert target.user_functions(str(file)) == []
    assert target.user_functions(str(tmp_path / "absent")) == []


def test_a_changed_binary_no_longer_holds(tmp_path: Path) -> None:
    file = tmp_path / "program"
    shutil.copy(os.path.realpath(sys.executable), file)
    target = Target.live()
    target.user_functions(str(file))
    (fact,) = target.dependencies
    assert Dependency.from_data(fact.to_data()) == fact
    assert still_holds(fact)
    os.utime(file, (1, 1))
    assert not still_holds(fact)
    file.unlink()
    assert not still_holds(fact)


def test_a_search_no_longer_holds_once_the_name_is_found_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory in (first, second):
        directory.mkdir()
    shutil.copy(os.path.realpath(sys.executable), second / "tool")
    monkeypatch.setenv("PATH", f"{first}:{second}")
    target = Target.live()
    assert target.resolve_binary("tool") == [f"{second}/tool"]
    (fact,) = target.dependencies
    assert fact.kind == "path" and still_holds(fact)
    shutil.copy(second / "tool", first / "tool")
    assert not still_holds(fact)


@pytest.mark.skipif(CGROUPS is None, reason="needs cgroup v2")
def test_a_cgroup_has_the_inode_of_its_directory_as_id_and_ceases_to_hold_when_removed() -> None:
    directory = f"{CGROUPS}/pybpftrace-test-{os.getpid()}"
    os.mkdir(directory)
    try:
        target = Target.live()
        assert target.cgroup_id(directory) == os.stat(directory).st_ino
        (fact,) = target.dependencies
        assert fact.kind == "cgroup" and still_holds(fact)
    finally:
        os.rmdir(directory)
    assert not still_holds(fact)
    with pytest.raises(OSError):
        target.cgroup_id(directory)


def test_which_symbols_the_kernel_has_is_nothing_that_a_compilation_depends_on() -> None:
    target = Target.live()
    assert (target.has_kernel_symbol("vfs_read"), target.has_kernel_symbol("vfs_rea")) == (True, False)
    assert target.dependencies == []


def test_types_from_an_unusable_file_are_warned_of_in_each_run_and_only_in_those(tmp_path: Path) -> None:
    file = tmp_path / "types"
    texts = []
    for variables in ({"BPFTRACE_BTF": str(file)}, {"BPFTRACE_BTF": str(file)}, {}):
        done = run("-q", "-e", "begin { exit(); }", environment=variables)
        assert done.status == 0, done.stderr
        texts.append(done.stderr)
    warning = f"WARNING: BTF: failed to parse BTF from {file}\n"
    assert texts == [warning, warning, ""]


def test_the_check_of_a_cached_start_imports_no_reader_of_types() -> None:
    code = (
        "import sys; from pybpftrace.core.target.dependency import *;"
        "still_holds(Dependency('text', '/proc/version', None)); still_holds(Dependency('file', '/bin/sh', None));"
        "print(sorted(name for name in sys.modules if 'btf' in name or 'elf' in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
