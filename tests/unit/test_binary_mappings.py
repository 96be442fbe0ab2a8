from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest
from pybpftrace.core.binary.mappings import ProcessMappings, parse_maps

MAPS = rb"""555500000000-555500001000 r--p 00000000 fe:01 77                         /usr/bin/prog
555500001000-555500003000 r-xp 00001000 fe:01 77                         /usr/bin/prog
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7f0000002000-7f0000003000 r-xs 00005000 103:0a 78                        /tmp/a file\012of two lines (deleted)
7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
7ffe000fe000-7ffe00100000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""


def test_each_line_is_a_mapping_with_its_file() -> None:
    mappings = parse_maps(MAPS)
    assert [m.path for m in mappings] == [
        "/usr/bin/prog",
        "/usr/bin/prog",
        "",
        "/tmp/a file\nof two lines",
        "[stack]",
        "[vdso]",
        "[vsyscall]",
    ]
    code = mappings[1]
    assert (code.start, code.end, code.offset) == (0x555500001000, 0x555500003000, 0x1000)
    assert (code.device, code.inode) == (os.makedev(0xFE, 1), 77)
    assert (code.permissions, code.executable, code.is_file, code.deleted) == ("r-xp", True, True, False)
    assert mappings[3].deleted
    assert mappings[3].device == os.makedev(0x103, 0x0A)
    assert not any(mappings[i].is_file for i in (2, 4, 5, 6))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (0x555500001000, ("/usr/bin/prog", 0x1000)),
        (0x555500002FFF, ("/usr/bin/prog", 0x2FFF)),
        (0x7F0000002010, ("/tmp/a file\nof two lines", 0x5010)),
        (0x555500003000, None),
        (0x7F0000001FFF, None),
        (0, None),
        (2**64 - 1, None),
    ],
)
def test_an_address_leads_to_its_mapping_and_the_place_in_the_file(
    address: int, expected: tuple[str, int] | None
) -> None:
    found = ProcessMappings(parse_maps(MAPS)).find(address)
    assert (found and (found[0].path, found[1])) == expected


def test_a_process_without_mappings_has_no_addresses() -> None:
    assert ProcessMappings(parse_maps(b"")).find(4096) is None


@pytest.mark.parametrize("line", [b"garbage", b"1000-2000 r-xp", b"zz-2000 r-xp 00000000 00:00 0"])
def test_a_line_of_another_form_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a line of"):
        parse_maps(line + b"\n")


def test_the_mapping_of_a_file_in_a_live_process_shows_the_byte_that_was_mapped(tmp_path: Path) -> None:
    path = tmp_path / "mapped file"
    path.write_bytes(bytes(3 * mmap.PAGESIZE))
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), mmap.PAGESIZE, offset=mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    found = ProcessMappings.of(os.getpid()).find(address + 5)
    assert found is not None
    mapping, offset = found
    assert mapping.path == str(path)
    assert offset == mmap.PAGESIZE + 5
    assert mapping.inode == path.stat().st_ino


def test_a_process_that_is_gone_is_the_systems_error() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(OSError):
        ProcessMappings.of(pid)
