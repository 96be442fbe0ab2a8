"""What is read from files when the kernel itself does not tell: sizes of functions, and types from elsewhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from pybpftrace.core.linux import machine
from pybpftrace.core.target import Target, live, live_functions
from pybpftrace.core.target.btf_types import Struct
from pybpftrace.core.target.dependency import Dependency, file_fact
from pybpftrace.core.target.live_types import read_types

from .test_target_btf import Blob

SOURCE = """
__asm__(".globl vfs_read; .type vfs_read, @function; vfs_read: .skip 24, 0; .size vfs_read, 24");
int variable = 1;
int main(void) { return 0; }
"""
BUILD_ID = "0123456789abcdef"


def types(*names: str) -> bytes:
    blob = Blob()
    for name in names:
        blob.struct(name, 8)
    return blob.build()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ELF file with a function of 24 bytes, a build id and BTF."""
    directory = tmp_path_factory.mktemp("kernel")
    (directory / "source.c").write_text(SOURCE)
    (directory / "btf").write_bytes(types("in_elf"))
    file = directory / "vmlinux"
    subprocess.run(["gcc", f"-Wl,--build-id=0x{BUILD_ID}", "-o", file, directory / "source.c"], check=True)
    subprocess.run(["objcopy", f"--add-section=.BTF={directory}/btf", file], check=True)
    return file


@pytest.fixture(autouse=True)
def _no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no file of its kernel, and none of its types, before a test gives it one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BPFTRACE_VMLINUX", raising=False)
    monkeypatch.setattr(live_functions, "_KERNELS", (f"{tmp_path}/first-REL", f"{tmp_path}/second-REL"))
    monkeypatch.setattr(live, "VMLINUX_BTF", str(tmp_path / "btf"))
    monkeypatch.setattr(machine, "kernel_build_id", lambda: BUILD_ID)
    monkeypatch.setattr(machine, "kernel_release", lambda: "6.1-test")


def test_the_size_of_a_function_is_that_in_the_file_of_the_kernel(kernel: Path, tmp_path: Path) -> None:
    place = tmp_path / "second-6.1-test"
    place.symlink_to(kernel)
    target = Target.live()
    assert target.kernel_function_size("vfs_read") == 24
    assert target.kernel_function_size("vfs_writ") is None
    assert target.kernel_function_size("variable") is None
    missing = str(tmp_path / "first-6.1-test")
    assert target.dependencies[:3] == [
        Dependency("environment", "BPFTRACE_VMLINUX", None),
        Dependency("file", missing, None),
        Dependency("file", str(place), file_fact(str(place))),
    ]


def test_without_a_file_no_size_is_known() -> None:
    assert Target.live().kernel_function_size("vfs_read") is None


def test_a_file_of_another_build_is_passed_over(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first-6.1-test").symlink_to(kernel)
    monkeypatch.setattr(machine, "kernel_build_id", lambda: "fedcba")
    assert Target.live().kernel_function_size("vfs_read") is None
    monkeypatch.setenv("BPFTRACE_VMLINUX", str(kernel))
    assert Target.live().kernel_function_size("vfs_read") == 24


@pytest.mark.parametrize("content", [None, b"", b"no ELF file", b"\x7fELF\x02\x01\x01"])
def test_the_file_that_the_user_names_is_the_only_one(
    content: bytes | None, kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first-6.1-test").symlink_to(kernel)
    named = tmp_path / "named"
    if content is not None:
        named.write_bytes(content)
    monkeypatch.setenv("BPFTRACE_VMLINUX", str(named))
    assert Target.live().kernel_function_size("vfs_read") is None


def test_a_kernel_that_does_not_show_its_types_may_have_them_in_its_file(kernel: Path, tmp_path: Path) -> None:
    assert Target.live().btf is None
    (tmp_path / "second-6.1-test").symlink_to(kernel)
    btf = Target.live().btf
    assert btf is not None
    assert btf.find("in_elf", {Struct}) is not None


def test_types_are_read_from_the_file_that_the_user_names(kernel: Path, tmp_path: Path) -> None:
    (tmp_path / "btf").write_bytes(types("own", "bpf_tramp_image"))
    raw = tmp_path / "raw"
    raw.write_bytes(types("in_raw"))
    for file, name in ((raw, "in_raw"), (kernel, "in_elf")):
        target = Target.live(types=str(file))
        assert target.btf is not None
        assert [target.btf.find(struct, {Struct}) is not None for struct in (name, "own")] == [True, False]
        assert target.warnings == ()
        assert target.dependencies == [Dependency("file", str(file), file_fact(str(file)))]
        assert list(target.btf_readers) == ["vmlinux"]
        assert target.kernel_features == Target.live().kernel_features


@pytest.mark.parametrize("content", [None, b"", b"no BTF at all, and no ELF file", types("cut")[:-1], b"\x7fELF"])
def test_unusable_types_are_a_warning_and_none(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "types"
    if content is not None:
        file.write_bytes(content)
    target = Target.live(types=str(file))
    assert target.warnings == (f"BTF: failed to parse BTF from {file}",)
    assert target.btf is None
    assert target.btf_readers == {}


def test_an_elf_file_without_types_and_what_is_no_file_are_unusable(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("/bin/true", str(pipe), str(tmp_path), "/dev/zero"):
        with pytest.raises(ValueError, match=path):
            read_types(path)


def test_what_modules_there_are_is_remembered_with_their_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "btf").write_bytes(types("own"))
    monkeypatch.setattr(machine, "loaded_modules", lambda: ("ext4 xfs", "0badcafe"))
    target = Target.live()
    assert target.kernel_modules() == ("ext4", "vmlinux", "xfs")
    looking = Target.live()
    assert looking.btf_readers
    assert looking.dependencies[0] == Dependency("machine", "loaded_modules", ("ext4 xfs", "0badcafe"))
