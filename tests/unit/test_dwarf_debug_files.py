"""Debug information that was cut off from its binary, and that is found again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from dwarf_programs import address_of, compiled
from pybpftrace.core.binary.debug_files import debug_directories
from pybpftrace.core.binary.dwarf import Dwarf
from pybpftrace.core.binary.elf import ElfFile

pytestmark = pytest.mark.skipif(shutil.which("objcopy") is None, reason="needs objcopy to strip programs")


def split(program: str, debug: Path) -> None:
    """Moves the debug information of `program` into `debug`."""
    debug.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["objcopy", "--strip-debug", program], check=True)


def parameter_names(program: str, looked_at: list[str], *directories: Path) -> list[str]:
    dwarf = Dwarf.open(program, looked_at, debug_directories([str(directory) for directory in directories]))
    return [] if dwarf is None else [p.name for p in dwarf.signature(address_of(program, "f")).parameters]


@pytest.mark.parametrize("place", ["prog.debug", ".debug/prog.debug"])
def test_a_debug_link_names_a_file_beside_the_binary_or_in_debug(tmp_path: Path, place: str) -> None:
    program = compiled(tmp_path, "gcc", "-g")
    split(program, tmp_path / place)
    assert parameter_names(program, []) == []
    subprocess.run(["objcopy", f"--add-gnu-debuglink={tmp_path / place}", program], check=True)
    looked_at: list[str] = []
    assert parameter_names(program, looked_at) == ["a", "s", "p"]
    assert looked_at[-1] == str(tmp_path / place)


def test_a_debug_file_with_another_checksum_is_not_taken(tmp_path: Path) -> None:
    program = compiled(tmp_path, "gcc", "-g")
    debug = tmp_path / "prog.debug"
    split(program, debug)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)
    debug.write_bytes(debug.read_bytes() + b"\0")
    assert parameter_names(program, []) == []


@pytest.mark.parametrize("below", ["", "{place}"])
def test_a_debug_link_names_a_file_in_a_directory_of_the_users(tmp_path: Path, below: str) -> None:
    program = compiled(tmp_path, "gcc", "-g")
    first, second = tmp_path / "first", tmp_path / "second"
    debug = Path(f"{second}{below.format(place=tmp_path)}/apart.debug")
    split(program, debug)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)
    assert parameter_names(program, []) == []
    assert parameter_names(program, [], first) == []
    assert parameter_names(program, [], first, second) == ["a", "s", "p"]


def test_a_debug_file_is_found_by_build_id(tmp_path: Path) -> None:
    program = compiled(tmp_path, "gcc", "-g", "-Wl,--build-id")
    with ElfFile(program) as elf:
        build_id = elf.build_id() or ""
    place = tmp_path / "debug" / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    split(program, place)
    assert parameter_names(program, []) == []
    assert parameter_names(program, [], tmp_path / "debug") == ["a", "s", "p"]
    other = compiled(tmp_path, "gcc", "-g", "-O2", "-Wl,--build-id", name="other")
    shutil.copy(other, place)
    assert parameter_names(program, [], tmp_path / "debug") == []
