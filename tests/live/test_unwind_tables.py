"""What load puts into the maps by which stacks are unwound, while a process of the test's maps more and more."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pybpftrace.core.artifacts import UNWIND_MAPPINGS_MAP, UNWIND_PROCESSES_MAP, UNWIND_ROWS_MAP
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import PF_X, PT_LOAD
from pybpftrace.core.binary.mappings import ProcessMappings
from pybpftrace.core.binary.unwind_rows import ROW
from pybpftrace.core.binary.unwind_tables import cached_unwind_table
from pybpftrace.core.linux import bpf
from pybpftrace.core.run import LoadError
from pybpftrace.passes.load.unwind import UnwindTables

pytestmark = [pytest.mark.live, pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build programs")]

#: For every byte that it reads: maps a page of the library's code once more, or forks; then answers.
SOURCE = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int n, char **v)
{
    int file = open(v[1], O_RDONLY);
    for (char c; read(0, &c, 1) == 1; write(1, &c, 1))
        if (c == 'm') mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 4096);
        else if (c == 'f' && !fork()) for (;;) pause();
    kill(0, 9);
}
"""
LIBRARY = "int f(int (*g)(int), int x) { return g(x) + 1; }"
MAPPING = struct.Struct("=QQQII")


class Traced:
    def __init__(self, directory: Path) -> None:
        self.library = str(directory / "library.so")
        program = str(directory / "program")
        for text, path, options in ((SOURCE, program, ["-w"]), (LIBRARY, self.library, ["-shared", "-fPIC"])):
            source = directory / f"{Path(path).name}.c"
            source.write_text(text)
            subprocess.run(["gcc", "-O2", *options, "-o", path, source], check=True)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [program, self.library], stdin=pipe, stdout=pipe, bufsize=0, start_new_session=True
        )
        self.pid = self.process.pid
        self.do("x")

    def do(self, what: str) -> None:
        """Asks it to do something, and waits until it is done."""
        assert self.process.stdin is not None and self.process.stdout is not None
        for letter in what.encode():
            self.process.stdin.write(bytes([letter]))
            assert self.process.stdout.read(1) == bytes([letter])

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    process = Traced(tmp_path)
    yield process
    process.end()


class Filled:
    """Tables in maps of their own."""

    def __init__(self, tables: UnwindTables) -> None:
        self.tables = tables
        self.maps = {
            name: bpf.create_map(bpf.MapType.ARRAY, 4, size, tables.entries[name], bpf.MapFlag.MMAPABLE, name)
            for name, size in ((UNWIND_ROWS_MAP, ROW.size), (UNWIND_MAPPINGS_MAP, MAPPING.size))
        }
        self.maps[UNWIND_PROCESSES_MAP] = bpf.create_map(bpf.MapType.HASH, 4, 8, 4096, 0, UNWIND_PROCESSES_MAP)
        tables.fill(self.maps)

    def mappings(self, pid: int) -> list[tuple[int, ...]] | None:
        found = bpf.lookup(self.maps[UNWIND_PROCESSES_MAP], struct.pack("=I", pid), 8)
        if found is None:
            return None
        first, count = struct.unpack("=II", found)
        return [MAPPING.unpack(self._element(UNWIND_MAPPINGS_MAP, at)) for at in range(first, first + count)]

    def rows(self, first: int, count: int) -> bytes:
        return b"".join(self._element(UNWIND_ROWS_MAP, at) for at in range(first, first + count))

    def _element(self, name: str, index: int) -> bytes:
        size = ROW.size if name == UNWIND_ROWS_MAP else MAPPING.size
        found = bpf.lookup(self.maps[name], struct.pack("=I", index), size)
        assert found is not None
        return found

    def settled(self, pid: int, count: int) -> list[tuple[int, ...]]:
        """The mappings when there are so many."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.tables.follow()
            found = self.mappings(pid)
            if found is not None and len(found) == count:
                return found
            time.sleep(0.01)
        raise AssertionError(f"{count} mappings expected, not {found}")


@contextmanager
def filled(*pids: int, rows: int | None = None, mappings: int | None = None, verbose: bool = False) -> Iterator[Filled]:
    tables = UnwindTables(pids, verbose=verbose)
    if rows is not None:
        tables.entries[UNWIND_ROWS_MAP] += rows - (1 << 20)
    if mappings is not None:
        tables.entries[UNWIND_MAPPINGS_MAP] = mappings
    made = Filled(tables)
    try:
        yield made
    finally:
        tables.close()
        for descriptor in made.maps.values():
            os.close(descriptor)


def starts(pid: int) -> list[int]:
    return [m.start for m in ProcessMappings.code_of(pid) if m.is_file or m.path == "[vdso]"]


def table(path: str) -> bytes:
    with ElfFile(path) as elf:
        return cached_unwind_table(elf)


def test_each_mapping_has_the_table_of_its_file(traced: Traced) -> None:
    with filled(traced.pid) as maps:
        found = maps.mappings(traced.pid)
        assert found is not None and [start for start, *_ in found] == starts(traced.pid)
        for start, length, bias, first, count in found:
            place = ProcessMappings.of(traced.pid).find(start)
            assert place is not None and length == place[0].end - start
            if place[0].is_file:
                with ElfFile(place[0].path) as elf:
                    code = next(h for h in elf.program_headers if h.type == PT_LOAD and h.flags & PF_X)
                assert start - bias == code.address & -4096
                assert maps.rows(first, count) == table(place[0].path)


def test_what_is_mapped_later_is_added_and_shares_its_files_rows(traced: Traced) -> None:
    with filled(traced.pid) as maps:
        before = maps.mappings(traced.pid)
        assert before is not None
        traced.do("mmm")
        found = maps.settled(traced.pid, len(before) + 3)
        assert [start for start, *_ in found] == starts(traced.pid)
        rows = {entry[3:] for entry in found} - {entry[3:] for entry in before}
        assert len(rows) == 1 and maps.rows(*rows.pop()) == table(traced.library)


def test_a_list_that_comes_to_the_maps_end_goes_to_its_beginning(traced: Traced) -> None:
    count = len(starts(traced.pid))
    with filled(traced.pid, mappings=2 * count + 12) as maps:
        for number in range(1, 9):
            traced.do("m")
            found = maps.settled(traced.pid, count + number)
            assert [start for start, *_ in found] == starts(traced.pid)


def test_a_process_with_more_mappings_than_there_is_room_for_has_no_data(
    traced: Traced, capsys: pytest.CaptureFixture[str]
) -> None:
    count = len(starts(traced.pid))
    with filled(traced.pid, mappings=count, verbose=True) as maps:
        traced.do("m")
        deadline = time.monotonic() + 20
        while maps.mappings(traced.pid) is not None and time.monotonic() < deadline:
            maps.tables.follow()
        assert maps.mappings(traced.pid) is None
    text = "No room for more unwind tables: stacks end at code that was mapped later.\n"
    assert capsys.readouterr().err == text


def test_without_room_for_a_table_the_rest_goes_on_and_it_is_said_once(
    traced: Traced, capsys: pytest.CaptureFixture[str]
) -> None:
    with filled(traced.pid, rows=1, verbose=True) as maps:
        before = maps.mappings(traced.pid)
        deadline = time.monotonic() + 20
        traced.do("m")
        while not capsys.readouterr().err and time.monotonic() < deadline:
            maps.tables.follow()
        traced.do("m")
        for _ in range(50):
            maps.tables.follow()
            time.sleep(0.01)
        assert (capsys.readouterr().err, maps.mappings(traced.pid)) == ("", before)
        assert time.monotonic() < deadline


def test_a_process_that_is_forked_has_its_parents_mappings(traced: Traced) -> None:
    with filled(traced.pid) as maps:
        before = maps.mappings(traced.pid)
        assert before is not None
        traced.do("f")
        with open(f"/proc/{traced.pid}/task/{traced.pid}/children", encoding="ascii") as file:
            child = int(file.read())
        assert maps.settled(child, len(before)) == before
        assert maps.mappings(traced.pid) == before


def test_a_process_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LoadError, match="Failed to read the mappings of process 4194303: No such file or directory"):
        UnwindTables((4194303,), verbose=False)
