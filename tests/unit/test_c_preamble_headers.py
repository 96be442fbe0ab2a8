"""Which headers a preamble can include beside the kernel's types, and what a cached result depends on by including."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pybpftrace
import pytest
from pybpftrace.core.c_preamble.search_path import BUILT_IN_HEADERS
from pybpftrace.core.c_preamble.translation_unit import CONFLICT
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.dependency import Dependency, still_holds

from .c_preambles import SIGNED, Preamble, kernel_types
from .test_target_btf import Blob

UAPI_TYPES = """\
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H
typedef unsigned long long __u64;
typedef unsigned int __u32;
typedef long long __s64;
typedef int __s32;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned char __u8;
typedef signed char __s8;
typedef int __kernel_pid_t;
#define __bitwise
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#endif
"""
UAPI_HEADER = """\
#include <linux/types.h>
typedef int __bitwise flags_t;
struct attributes { __u32 a; __aligned_u64 b; flags_t c; };
"""


def kernel_with_u64() -> Btf:
    """`__u32`, `__u64`, a `struct clash` of 4 bytes and a `struct holder` with one inside."""
    blob = Blob()
    blob.add("typedef", "__u32", blob.add("int", "unsigned int", 4, 0, 0, 32))
    blob.add("typedef", "__u64", blob.add("int", "unsigned long long", 8, 0, 0, 64))
    integer = blob.add("int", "int", 4, 0, 0, SIGNED | 32)
    clash = blob.struct("clash", 4, ("a", integer, 0))
    blob.struct("holder", 4, ("inside", clash, 0))
    return Btf.parse(blob.build())


@pytest.fixture
def uapi(tmp_path: Path) -> str:
    """A directory with two headers as the kernel gives them to user space."""
    (tmp_path / "linux").mkdir()
    (tmp_path / "linux/types.h").write_text(UAPI_TYPES)
    (tmp_path / "linux/header.h").write_text(UAPI_HEADER)
    return str(tmp_path)


# The kernel's headers for user space


def test_a_header_finds_the_macros_of_linux_types_h_whose_types_come_from_btf(uapi: str) -> None:
    script = Preamble("#include <linux/header.h>", kernel_with_u64(), include_directories=(uapi,))
    assert [(member.name, member.offset) for member in script.members("struct attributes")] == [
        ("a", 0),
        ("b", 8),
        ("c", 16),
    ]


def test_the_small_linux_types_h_adds_to_the_systems_and_does_not_hide_it(
    uapi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # C_INCLUDE_PATH comes behind -isystem, where the system's own directories are.
    monkeypatch.setenv("C_INCLUDE_PATH", uapi)
    script = Preamble("#include <linux/types.h>\nstruct s { __kernel_pid_t a; u16 b; };")
    assert script.struct("struct s").size == 8


def test_a_preamble_that_clashes_with_the_kernel_has_linux_types_h_instead(uapi: str) -> None:
    preamble = """
#ifndef BPFTRACE_HAVE_BTF
#include <linux/none.h>
#endif
#include <linux/types.h>
struct clash { char mine[2]; };
struct s { __u64 a; struct holder inside; };
"""
    script = Preamble(preamble, kernel_with_u64(), include_directories=(uapi,))
    assert script.messages == [CONFLICT, "field has incomplete type 'struct holder'"]


# What a cached result depends on


def holding(script: Preamble) -> bool:
    return all(still_holds(dependency) for dependency in script.dependencies)


def test_a_header_that_turns_up_in_an_earlier_directory_ends_what_was_true(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (second / "deep").mkdir(parents=True)
    (second / "deep/h.h").write_text("struct o { int a; };\n")
    script = Preamble("#include <deep/h.h>", include_directories=(str(first), str(second)))
    assert script.struct("struct o").size == 4
    assert holding(script)
    (first / "other.h").write_text("")
    assert holding(script)
    (first / "deep").mkdir()
    (first / "deep/h.h").write_text("struct o { long a; };\n")
    assert not holding(script)


def test_many_headers_that_could_be_in_one_missing_directory_are_one_fact(tmp_path: Path) -> None:
    names = [f"h{number}.h" for number in range(20)]
    for name in names:
        (tmp_path / name).write_text("")
    missing = str(tmp_path / "missing")
    preamble = "".join(f"#include <{name}>\n" for name in names)
    script = Preamble(preamble, include_directories=(missing, str(tmp_path)))
    assert [d.key for d in script.dependencies if d.key.startswith(missing)] == [missing]


def test_one_in_a_later_directory_does_not(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "h.h").write_text("struct o { int a; };\n")
    script = Preamble("#include <h.h>", include_directories=(str(first), str(second)))
    (second / "h.h").write_text("struct o { long a; };\n")
    assert holding(script)


@pytest.mark.parametrize(
    "variable", ["ARCH", "BPFTRACE_KERNEL_SOURCE", "BPFTRACE_KERNEL_BUILD", "CPATH", "C_INCLUDE_PATH"]
)
def test_variables_that_name_header_directories_are_remembered(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    script = Preamble("struct s { int a; };")
    assert Dependency("environment", variable, None) in script.dependencies
    assert holding(script)
    monkeypatch.setenv(variable, "/elsewhere")
    assert not holding(script)


def test_kernel_headers_that_are_not_installed_are_remembered_as_missing() -> None:
    script = Preamble("struct s { int a; };")  # its machine's release is "none"
    assert holding(script)
    missing = [d.key for d in script.dependencies if d.fact is None and d.kind == "file"]
    assert any("/lib/modules/none/build".startswith(path) for path in missing)


def test_a_script_without_preamble_depends_on_no_headers() -> None:
    assert Preamble("", kernel_types()).dependencies == []


# What is shipped


def test_every_built_in_header_is_among_the_files_of_the_package() -> None:
    root = Path(pybpftrace.__file__).resolve().parent
    if not (root / "pyproject.toml").exists():
        pytest.skip("installed without its sources")
    settings = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    package = root / "core/c_preamble"
    patterns = settings["package-data"]["pybpftrace.core.c_preamble"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    headers = set(Path(BUILT_IN_HEADERS).resolve().rglob("*.h"))
    assert headers and headers <= shipped
