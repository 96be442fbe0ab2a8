"""Which files the FILE of an attach point means: archives, processes, what a compilation remembers of the search."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pybpftrace.core.binary import process_files
from pybpftrace.core.binary.archives import ArchiveError, read_member
from pybpftrace.core.binary.libraries import find_executable
from pybpftrace.core.probe import AttachPointError, NoMatch
from pybpftrace.core.target import Target
from pybpftrace.core.target.binary_search import BinarySearch
from pybpftrace.core.target.capture import RecordingTarget
from pybpftrace.core.target.dependency import is_known, search_dependency, still_holds
from pybpftrace.plugins.probes.uprobe import PROBE_TYPES
from uprobe_programs import C_SOURCE, Asked, Machine, boundaries, build

LOADER = """
#include <dlfcn.h>
#include <unistd.h>
int waiting(int a) { return a + 1; }
int main(int count, char **words) { if (count > 1) dlopen(words[1], RTLD_NOW); write(1, "r", 1); pause(); return 0; }
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that has a library of ours loaded."""
    library = build(tmp_path, "libown.so.3", C_SOURCE, "-shared", "-fPIC")
    program = build(tmp_path, "loader", LOADER, "-Wl,--export-dynamic", "-ldl")
    with subprocess.Popen([program, library], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.read(1)
        try:
            yield started
        finally:
            started.kill()


# Archives


def archive(path: Path, content: bytes, *, compression: int = zipfile.ZIP_STORED, shift: int = 0) -> str:
    """A zip file whose only member `lib/own.so` begins `shift` bytes after a page."""
    with zipfile.ZipFile(path, "w") as members:
        member = zipfile.ZipInfo("lib/own.so")
        member.compress_type = compression
        member.extra = b"\0" * ((mmap.PAGESIZE - 30 - len(member.filename) + shift) % mmap.PAGESIZE)
        members.writestr(member, content)
    return f"{path}!/lib/own.so"


def test_a_library_in_an_archive_is_a_place_in_the_archive(tmp_path: Path) -> None:
    library = build(tmp_path, "own.so", C_SOURCE, "-shared", "-fPIC")
    packed = archive(tmp_path / "app.zip", Path(library).read_bytes())
    (plain,) = Asked().points("uprobe", library, "first")
    (point,) = Asked().points("uprobe", packed, "first")
    assert point.name == f"uprobe:{packed}:first"
    assert point.text("path") == f"{tmp_path}/app.zip" and point.text("file") == packed
    assert point.number("offset") == mmap.PAGESIZE + plain.number("offset")
    (combined,) = Asked("uprobe_multi").combined("uprobe", packed, "fir*")
    assert combined.text("path") == f"{tmp_path}/app.zip" and combined.name == f"uprobe:{packed}:fir*"
    assert Asked().symbols("uprobe", packed, f"first+{boundaries(library, 'first')[0][0]}") == ["first"]


@pytest.mark.parametrize(
    ("compression", "shift", "complaint"),
    [
        (zipfile.ZIP_DEFLATED, 0, "compressed, so that it cannot be mapped"),
        (zipfile.ZIP_STORED, 8, "begins at byte 4104 of the archive, which is not at a page"),
    ],
)
def test_a_library_that_cannot_be_mapped_is_none(tmp_path: Path, compression: int, shift: int, complaint: str) -> None:
    library = build(tmp_path, "own.so", C_SOURCE, "-shared", "-fPIC")
    packed = archive(tmp_path / "app.zip", Path(library).read_bytes(), compression=compression, shift=shift)
    with pytest.raises(ArchiveError, match=complaint):
        read_member(packed)
    with pytest.raises(NoMatch, match="does not exist or is not executable"):
        Asked().points("uprobe", packed, "first")


def test_what_is_no_archive_or_has_no_such_member_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\3\4 and nothing more")
    archive(tmp_path / "y.zip", b"x")
    for name in ("x.zip!/lib/own.so", "y.zip!/lib/other.so", "y.zip!/lib/own.so", "absent.zip!/a"):
        assert find_executable(f"{tmp_path}/{name}", "") == []


# Processes


def test_a_function_alone_is_one_of_the_program_of_the_process(process: subprocess.Popen[bytes]) -> None:
    program = os.readlink(f"/proc/{process.pid}/exe")
    assert Asked(pid=process.pid).names("uprobe", "waiting") == [f"uprobe:{program}:waiting"]
    assert Asked(pid=process.pid).names("uretprobe", "cpp", "waiting") == [f"uretprobe:{program}:cpp:waiting"]
    assert Asked(pid=process.pid).names("uprobe", "wait*g") == [f"uprobe:{program}:waiting"]


def test_a_star_is_every_file_that_the_process_has_mapped(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    library, program = f"{tmp_path}/libown.so.3", f"{tmp_path}/loader"
    assert Asked(pid=process.pid).names("uprobe", "*", "first") == [f"uprobe:{library}:first"]
    assert {program, library} < set(Asked(pid=process.pid).target.resolve_binary("*", process.pid))
    assert {program, library} < set(Asked().target.resolve_binary("*"))


def test_a_short_name_is_first_a_library_of_the_process(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    for short in ("libown", "libown.so.3"):
        assert Asked(pid=process.pid).names("uprobe", short, "first") == [f"uprobe:{tmp_path}/libown.so.3:first"]
    with pytest.raises(NoMatch, match="uprobe target file 'libown' does not exist or is not executable"):
        Asked().points("uprobe", "libown", "first")
    assert Machine().resolve_binary("libown", process.pid, short_names=False) == []


def test_a_process_that_is_gone_has_no_files() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(NoMatch) as caught:
        Asked(pid=ended.pid).points("uprobe", "main")
    assert str(caught.value) == f"uprobe target of process {ended.pid} does not exist or is not executable"


def test_an_empty_file_is_no_file() -> None:
    with pytest.raises(AttachPointError, match="should be attached to a function and/or address"):
        Asked(pid=os.getpid()).points("uprobe", "", "main")


def test_our_own_process_sees_our_files() -> None:
    assert process_files.process_root(os.getpid()) == ""
    assert process_files.search_path_of(os.getpid()) != "" or "PATH" not in os.environ
    assert process_files.program_of(os.getpid(), "") == os.path.realpath(sys.executable)


def test_links_inside_of_another_root_stay_inside_of_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "opt").mkdir(parents=True)
    program = build(root / "opt", "app-1.0", C_SOURCE)
    (root / "app").symlink_to("/opt/current")
    (root / "opt" / "current").symlink_to("app-1.0")
    assert find_executable("/app", "", str(root)) == [f"{root}/opt/current"]
    assert find_executable("/opt/app-*", "", str(root)) == [program]
    assert find_executable("current", "/bin:/opt", str(root)) == [f"{root}/opt/current"]
    (root / "loop").symlink_to("/loop")
    assert find_executable("/loop", "", str(root)) == []


# What a compilation remembers


def test_a_search_in_a_process_is_stale_when_the_process_has_other_files(process: subprocess.Popen[bytes]) -> None:
    target = Machine()
    assert target.resolve_binary("", process.pid)
    (fact,) = target.dependencies
    assert (fact.kind, fact.key) == ("search", f"{process.pid} s ") and is_known(fact.kind, fact.key)
    assert still_holds(fact)
    process.kill()
    process.wait()
    assert not still_holds(fact)


def test_a_plain_search_is_told_by_its_name() -> None:
    assert search_dependency(BinarySearch("libc")).kind == "path"
    for search in (BinarySearch("a b", 7), BinarySearch("x", 0, True, False), BinarySearch("")):
        assert BinarySearch.from_key(search.key) == search


def test_a_captured_machine_answers_as_this_one_did(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    recording = RecordingTarget(Machine("uprobe_multi"))
    recording.__dict__.update(btf=None)
    library = f"{tmp_path}/libown.so.3"
    asked = Asked(pid=process.pid)
    (start, *_), _ = boundaries(library, "first")
    written = [("*", "first"), ("libown", "fi*t"), ("waiting",), (library, f"first+{start}")]
    address = asked.target.user_function(library, "second")
    assert address is not None
    written.append((library, str(address.address)))
    request = replace(asked.request, target=recording)
    before = [PROBE_TYPES[0].match(PROBE_TYPES[0].parse(parts), request) for parts in written]
    recording.save(str(tmp_path / "captured"))
    captured = replace(asked.request, target=Target.from_directory(str(tmp_path / "captured")))
    assert [PROBE_TYPES[0].match(PROBE_TYPES[0].parse(parts), captured) for parts in written] == before


# Listing


def listed(*parts: str, pid: int | None = None) -> list[str]:
    return list(PROBE_TYPES[0].listed(parts, Asked(pid=pid).request))


def test_a_listing_names_files_by_their_full_paths(tmp_path: Path, process: subprocess.Popen[bytes]) -> None:
    library = f"{tmp_path}/libown.so.3"
    assert listed(library, "fi*") == [f"uprobe:{library}:first", f"uprobe:{library}:first.cold"]
    assert listed(f"{tmp_path}/lib*", "first") == [f"uprobe:{library}:first"]
    assert listed("*libown*", "first", pid=process.pid) == [f"uprobe:{library}:first"]
    assert listed("*libown*", "first") == [f"uprobe:{library}:first"]
    assert listed("first", pid=process.pid) == [f"uprobe:{library}:first"]
    assert listed("libown", "first", pid=process.pid) == listed("libc", "malloc") == []
    assert listed(library, "cpp", "first") == []


def test_parameters_of_a_listed_function_come_from_debug_information(tmp_path: Path) -> None:
    with_debug = build(tmp_path, "with", C_SOURCE, "-g")
    without = build(tmp_path, "without", C_SOURCE)
    asked = Asked()
    assert list(PROBE_TYPES[0].describe(f"uprobe:{with_debug}:first", asked.request)) == ["int a"]
    assert list(PROBE_TYPES[0].describe(f"uprobe:{with_debug}:nosize", asked.request)) == []
    assert list(PROBE_TYPES[1].describe(f"uretprobe:{with_debug}:first", asked.request)) == []
    assert asked.warnings == []
    assert list(PROBE_TYPES[0].describe(f"uprobe:{without}:first", asked.request)) == []
    assert asked.warnings == [f'No DWARF found for "{without}", cannot show parameter info']


def test_a_wildcard_for_the_provider_looks_for_entries_only() -> None:
    assert [probe_type.searched for probe_type in PROBE_TYPES] == ["process", "never"]
