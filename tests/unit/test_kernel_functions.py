"""The functions of the kernel that can be traced: the list, searching it, and when the copy in the cache is good."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from pybpftrace.core.linux import machine
from pybpftrace.core.target import Target, live_functions
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.target.dependency import Dependency
from pybpftrace.core.target.directory import DirectoryTarget
from pybpftrace.core.target.kernel_functions import (
    KernelFunctions,
    functions_file,
    parse_blacklist,
    parse_functions,
)
from pybpftrace.core.target.live_functions import kernel_functions

LIST = b"""vfs_read
vfs_write
vfs_writev
vfs_read.part.0
tcp_sendmsg
xfs_read [xfs]
common_open [xfs]
common_open [ext4]
common_open
arch_cpu_idle
default_idle
bpf_dispatcher_xdp_func
rcu_idle
__ftrace_invalid_address___16
do_int3
"""
FUNCTIONS = KernelFunctions(parse_functions(LIST, parse_blacklist(b"0xffff-0xffff\tdo_int3\n")))


def test_a_function_is_found_with_the_modules_that_have_it() -> None:
    assert FUNCTIONS.modules_of("vfs_read") == ("vmlinux",)
    assert FUNCTIONS.modules_of("xfs_read") == ("xfs",)
    assert FUNCTIONS.modules_of("common_open") == ("ext4", "vmlinux", "xfs")
    assert FUNCTIONS.modules_of("vfs_rea") == FUNCTIONS.modules_of("fs_read") == FUNCTIONS.modules_of("*") == ()


def test_what_a_probe_cannot_be_on_is_left_out() -> None:
    names = {name for _, name in FUNCTIONS.match("*")}
    assert names == {"vfs_read", "vfs_write", "vfs_writev", "tcp_sendmsg", "xfs_read", "common_open"}
    assert len(FUNCTIONS) == 9  # with three homes of one, and the part that only a wildcard leaves out


def test_patterns_give_functions_sorted_by_name() -> None:
    assert FUNCTIONS.match("vfs_w*") == [("vmlinux", "vfs_write"), ("vmlinux", "vfs_writev")]
    assert FUNCTIONS.match("*_read") == [("vmlinux", "vfs_read"), ("xfs", "xfs_read")]
    assert FUNCTIONS.match("*", "xfs") == [("xfs", "common_open"), ("xfs", "xfs_read")]
    assert FUNCTIONS.match("common_open", "*t*") == [("ext4", "common_open")]
    assert FUNCTIONS.match("vfs_read.part.0") == [("vmlinux", "vfs_read.part.0")]
    assert FUNCTIONS.match("vfs.*") == []


@pytest.mark.parametrize("name", ["", " ", "vfs_read vmlinux\nvfs_write", "vfs_read ", "\nvfs_read"])
def test_a_name_with_blanks_is_not_found_across_lines(name: str) -> None:
    assert FUNCTIONS.modules_of(name) == ()
    assert FUNCTIONS.match(f"{name}\n*") == []


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a*", ["a", "aa", "ab"]),
        ("aa*", ["aa"]),
        ("b*", ["b"]),
        ("z*", ["z.isra.0"]),
        ("z.*", ["z.isra.0"]),
        ("zz*", []),
        ("*b", ["ab", "b"]),
        ("*a*b*", ["ab"]),
        ("a**", ["a", "aa", "ab"]),
    ],
)
def test_a_pattern_finds_the_first_and_the_last_line_too(pattern: str, names: list[str]) -> None:
    functions = KernelFunctions(parse_functions(b"z.isra.0\nb\nab\naa\na\n"))
    assert [name for _, name in functions.match(pattern)] == names


def test_a_list_by_hand_may_have_blanks_and_bytes_of_any_kind() -> None:
    functions = KernelFunctions(parse_functions(b"\n  spaced\t[xfs] \r\n\nf\xff [m\xfe]\ntwice\ntwice"))
    assert functions.match("*") == [("m\udcfe", "f\udcff"), ("xfs", "spaced"), ("vmlinux", "twice")]
    assert functions.modules_of("f\udcff") == ("m\udcfe",)


def test_the_file_of_a_captured_machine_has_the_form_of_the_kernels() -> None:
    pairs = FUNCTIONS.match("*")
    assert KernelFunctions(parse_functions(functions_file(pairs))).match("*") == pairs


def test_an_empty_list_is_one_of_nothing() -> None:
    empty = KernelFunctions(parse_functions(b""))
    assert (len(empty), empty.modules_of("a"), empty.match("*"), empty.readable) == (0, (), [], True)


class Remembering:
    """What reading the live list asks of a target."""

    kernel_build_id = "abcd"

    def __init__(self) -> None:
        self.dependencies: list[Dependency] = []

    def remember(self, dependency: Dependency) -> None:
        self.dependencies.append(dependency)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(machine, "loaded_modules", lambda: ("xfs", "0badcafe"))


def read(target: Remembering, tracefs: Path, file: str | None = None) -> KernelFunctions:
    from typing import Any, cast

    return kernel_functions(cast(Any, target), file, str(tracefs))


def test_the_list_is_kept_until_a_module_comes_or_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    available = tmp_path / "available_filter_functions"
    available.write_bytes(b"first\n")
    assert read(Remembering(), tmp_path).match("*") == [("vmlinux", "first")]
    available.write_bytes(b"second\n")
    assert read(Remembering(), tmp_path).match("*") == [("vmlinux", "first")]
    monkeypatch.setattr(machine, "loaded_modules", lambda: ("xfs", "0badbeef"))
    target = Remembering()
    assert read(target, tmp_path).match("*") == [("vmlinux", "second")]
    assert target.dependencies == [Dependency("machine", "loaded_modules", ("xfs", "0badbeef"))]


def test_another_kernel_has_another_list(tmp_path: Path) -> None:
    available = tmp_path / "available_filter_functions"
    available.write_bytes(b"first\n")
    read(Remembering(), tmp_path)
    available.write_bytes(b"second\n")
    other = Remembering()
    other.kernel_build_id = "ef01"
    assert read(other, tmp_path).match("*") == [("vmlinux", "second")]


def test_another_blacklist_makes_another_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "available_filter_functions").write_bytes(b"first\nsecond\n")
    monkeypatch.setattr(live_functions, "BLACKLIST", str(tmp_path / "blacklist"))
    assert len(read(Remembering(), tmp_path)) == 2
    (tmp_path / "blacklist").write_bytes(b"0x00-0x10\tsecond\n")
    assert read(Remembering(), tmp_path).match("*") == [("vmlinux", "first")]


def test_a_list_that_cannot_be_read_says_so_and_is_not_kept(tmp_path: Path) -> None:
    target = Remembering()
    found = read(target, tmp_path)
    path = str(tmp_path / "available_filter_functions")
    assert target.dependencies[1:] == [Dependency("access", path, errno.ENOENT)]
    assert (found.readable, found.unreadable) == (False, str(tmp_path / "available_filter_functions"))
    (tmp_path / "available_filter_functions").write_bytes(b"there\n")
    assert read(Remembering(), tmp_path).readable


def test_a_list_of_the_users_own_is_taken_instead(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine\nother [m]\n")
    target = Remembering()
    assert read(target, tmp_path, str(tmp_path / "mine")).match("*") == [("vmlinux", "mine"), ("m", "other")]
    assert [dependency.kind for dependency in target.dependencies] == ["file"]
    with pytest.raises(FileNotFoundError):
        read(target, tmp_path, str(tmp_path / "missing"))


class Machine(DirectoryTarget):
    """A captured machine with some functions more than were captured."""

    def kernel_functions(self) -> KernelFunctions:
        return FUNCTIONS

    def kernel_modules(self) -> tuple[str, ...]:
        return ("ext4", "vmlinux", "xfs")

    def kernel_function_size(self, name: str) -> int | None:
        return 64 if name == "vfs_read" else None


def test_a_capture_holds_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "target.json").write_text("{}")
    recording = RecordingTarget(Machine(str(tmp_path / "from")))
    recording.kernel_functions().modules_of("vfs_read")
    recording.kernel_functions().match("xfs_*")
    recording.kernel_modules()
    recording.kernel_function_size("vfs_read")
    recording.save(str(tmp_path / "to"))
    captured = Target.from_directory(str(tmp_path / "to"))
    assert captured.kernel_functions().match("*") == [("vmlinux", "vfs_read"), ("xfs", "xfs_read")]
    assert captured.kernel_modules() == ("ext4", "vmlinux", "xfs")
    assert (captured.kernel_function_size("vfs_read"), captured.kernel_function_size("vfs_write")) == (64, None)


def test_a_machine_whose_list_was_not_captured_has_none_to_read(tmp_path: Path) -> None:
    (tmp_path / "target.json").write_text("{}")
    assert not Target.from_directory(str(tmp_path)).kernel_functions().readable
