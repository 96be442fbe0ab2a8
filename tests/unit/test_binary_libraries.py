from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.binary.libraries import CACHE_PATH, find_executable, find_library, is_library_name

X86_64, AARCH64, I386 = 0x0303, 0x0A03, 0x0003


def cache(*entries: tuple[int, str, str], old_table: bytes = b"") -> bytes:
    """A cache as ldconfig writes it: header, entries, strings; `old_table` is what came first before glibc 2.32."""
    strings = b""
    table = b""
    base = 48 + 24 * len(entries)
    for flags, name, path in entries:
        places = []
        for text in (name, path):
            places.append(base + len(strings))
            strings += text.encode() + b"\0"
        table += struct.pack("<iIIIQ", flags, *places, 0, 0)
    header = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", len(entries), len(strings), 2, 0)
    return old_table + header + table + strings


LIBRARIES = [
    (X86_64, "libssl.so.30", "/lib/libssl.so.30"),
    (X86_64, "libssl.so.3", "/lib/libssl.so.3"),
    (X86_64, "libssl.so.1.1", "/lib/libssl.so.1.1"),
    (X86_64, "libcrypt.so.1", "/lib/libcrypt.so.1"),
    (I386, "libc.so.6", "/lib32/libc.so.6"),
    (AARCH64, "libc.so.6", "/lib-arm/libc.so.6"),
    (X86_64, "libc.so.6", "/lib/libc.so.6"),
    (X86_64, "libfoo.so", "/opt/libfoo.so"),
]


@pytest.mark.parametrize(
    ("short", "machine", "path"),
    [
        ("c", "x86_64", "/lib/libc.so.6"),
        ("c", "aarch64", "/lib-arm/libc.so.6"),
        ("c", "sparc64", None),
        ("ssl", "x86_64", "/lib/libssl.so.30"),
        ("ssl.so.3", "x86_64", "/lib/libssl.so.3"),
        ("ssl.so.1", "x86_64", "/lib/libssl.so.1.1"),
        ("ssl.so", "x86_64", "/lib/libssl.so.30"),
        ("foo", "x86_64", "/opt/libfoo.so"),
        ("fo", "x86_64", None),
        ("cryp", "x86_64", None),
        ("", "x86_64", None),
    ],
)
@pytest.mark.parametrize("old_table", [b"", b"ld.so-1.7.0\0" + bytes(20)], ids=["new", "with old table"])
def test_a_short_name_is_the_first_such_library_of_the_machine(
    tmp_path: Path, short: str, machine: str, path: str | None, old_table: bytes
) -> None:
    file = tmp_path / "cache"
    file.write_bytes(cache(*LIBRARIES, old_table=old_table))
    assert find_library(short, str(file), machine) == path


def test_a_library_is_known_by_its_file_name() -> None:
    assert is_library_name("libc.so.6", "c")
    assert is_library_name("libpython3.11.so.1.0", "python3.11")
    assert not is_library_name("libc.so.6", "c.so.7")
    assert not is_library_name("libc.something", "c")
    assert not is_library_name("libc++.so.1", "c")


def test_without_a_cache_no_library_is_found(tmp_path: Path) -> None:
    assert find_library("c", str(tmp_path / "absent")) is None


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: b"", "not a cache"),
        (lambda data: b"ld.so-1.7.0\0".ljust(64, b"\0"), "not a cache"),
        (lambda data: data[:30], "truncated header"),
        (lambda data: data[:20] + struct.pack("<I", 2**32 - 1) + data[24:], "do not fit"),
        (lambda data: data[:-8], "no string at"),
        (lambda data: data[:52] + struct.pack("<I", 2**32 - 1) + data[56:], "no string at 4294967295"),
    ],
)
def test_a_corrupt_cache_is_an_elf_error_that_names_it(tmp_path: Path, damage: object, complaint: str) -> None:
    file = tmp_path / "cache"
    file.write_bytes(damage(cache(*LIBRARIES)))  # type: ignore[operator]
    with pytest.raises(ElfError, match=complaint) as raised:
        find_library("absent", str(file), "x86_64")
    assert str(file) in str(raised.value)


@pytest.mark.skipif(not os.path.exists(CACHE_PATH), reason="this system has no cache of the dynamic loader")
def test_the_c_library_of_this_system_is_one_that_its_machine_can_load() -> None:
    path = find_library("c")
    assert path is not None
    with ElfFile(path) as libc, ElfFile("/proc/self/exe") as own:
        assert libc.machine == own.machine
        assert libc.symbol("malloc") is not None


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    """Directories `first` and `second`, each with programs; `not-executable` and `script` are traps."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build binaries")
    source = tmp_path / "source.c"
    source.write_text("int main(void) { return 0; }\n")
    for name, options in {
        "first/program": ["-static"],
        "second/program": ["-static"],
        "second/other": ["-pie", "-fPIE"],
        "second/not-executable": ["-static"],
        "second/libsome.so": ["-shared", "-fPIC"],
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        subprocess.run(["gcc", *options, "-o", path, source], check=True)
    (tmp_path / "second/not-executable").chmod(0o644)
    (tmp_path / "second/libsome.so").chmod(0o644)
    (tmp_path / "second/script").write_text("#!/bin/sh\n")
    (tmp_path / "second/script").chmod(0o755)
    return tmp_path


def test_a_bare_name_is_looked_for_here_and_then_along_the_search_path(
    binaries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = str(binaries / "first"), str(binaries / "second")
    monkeypatch.chdir(binaries)
    assert find_executable("program", f"{second}::{first}") == [f"{second}/program", f"{first}/program"]
    monkeypatch.chdir(first)
    assert find_executable("program", second) == ["program", f"{second}/program"]
    assert find_executable("absent", f"{first}:{second}") == []
    assert find_executable("program", f"{second}:{second}") == ["program", f"{second}/program"]


def test_a_name_with_a_slash_is_not_looked_for_elsewhere(binaries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(binaries)
    assert find_executable("./program", str(binaries / "first")) == []
    assert find_executable("first/program", str(binaries)) == ["first/program"]


def test_only_code_that_can_be_mapped_or_executed_is_accepted(binaries: Path) -> None:
    second = str(binaries / "second")
    assert find_executable("not-executable", second) == [], "ET_EXEC without the owner's permission"
    assert find_executable("libsome.so", second) == [f"{second}/libsome.so"], "ET_DYN needs none"
    assert find_executable("script", second) == []
    assert find_executable("script", second, any_file=True) == [f"{second}/script"]
    assert find_executable(second, "", any_file=True) == [], "a directory is no file"


def test_a_pattern_is_expanded_in_each_place_and_never_accepts_any_file(binaries: Path) -> None:
    first, second = str(binaries / "first"), str(binaries / "second")
    expected = [f"{first}/program", f"{second}/libsome.so", f"{second}/other", f"{second}/program"]
    assert find_executable("*", f"{first}:{second}", any_file=True) == expected
    assert find_executable(f"{binaries}/*/prog*", "") == [f"{first}/program", f"{second}/program"]


def test_names_are_looked_for_below_the_root_that_a_process_sees(binaries: Path) -> None:
    assert find_executable("program", "/second:/absent", root=str(binaries)) == [f"{binaries}/second/program"]
    assert find_executable("/first/*", "", root=str(binaries)) == [f"{binaries}/first/program"]
