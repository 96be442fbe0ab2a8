"""The functions that a process has compiled itself, by the list that it writes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from pybpftrace.core.binary.perf_map import PerfMap


def opened(path: Path) -> PerfMap | None:
    return PerfMap.open(str(path), "/tmp/perf-7.map", os.getuid())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "perf-7.map"
    path.write_text("1000 20 first\n0x1020 0x10 second with blanks\n1030 0 empty\n")
    return path


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (0x0FFF, None),
        (0x1000, ("first", 0)),
        (0x101F, ("first", 0x1F)),
        (0x1020, ("second with blanks", 0)),
        (0x1030, None),
    ],
)
def test_an_address_is_in_the_function_whose_line_covers_it(
    path: Path, address: int, found: tuple[str, int] | None
) -> None:
    listed = opened(path)
    assert listed is not None and listed.path == "/tmp/perf-7.map"
    assert listed.find(address) == found


def test_what_was_added_since_is_read_when_its_line_is_complete(path: Path) -> None:
    listed = opened(path)
    assert listed is not None and listed.find(0x2000) is None
    with path.open("a") as file:
        file.write("2000 10 lat")
        file.flush()
        assert listed.find(0x2000) is None
        file.write("er\n")
    assert listed.find(0x2004) == ("later", 4)
    assert listed.find(0x1000) == ("first", 0)


def test_of_several_functions_at_one_place_the_one_written_last_is_there(path: Path) -> None:
    listed = opened(path)
    assert listed is not None
    with path.open("a") as file:
        file.write("ff0 100 around\n1004 4 inner\n")
    assert listed.find(0x1000) == ("around", 0x10)
    assert listed.find(0x1005) == ("inner", 1)
    assert listed.find(0x1008) == ("around", 0x18)


def test_a_list_that_was_begun_anew_is_read_anew(path: Path) -> None:
    listed = opened(path)
    assert listed is not None and listed.find(0x1000) is not None
    path.write_text("3000 1 other\n")
    assert listed.find(0x1000) is None
    assert listed.find(0x3000) == ("other", 0)


def test_a_list_of_another_user_than_the_process_is_not_believed(path: Path) -> None:
    if os.getuid():
        pytest.skip("needs root to give a file away")
    os.chown(path, 12345, -1)
    assert PerfMap.open(str(path), "x", 54321) is None
    assert PerfMap.open(str(path), "x", 12345) is not None
    os.chown(path, 0, -1)
    assert PerfMap.open(str(path), "x", 54321) is not None


def test_what_is_no_regular_file_of_its_own_is_not_opened(path: Path, tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(path)
    os.mkfifo(pipe)
    assert [opened(place) for place in (link, pipe, tmp_path, tmp_path / "absent")] == [None] * 4


def test_lines_that_are_none_are_passed_over(path: Path) -> None:
    path.write_bytes(b"\nx\n1 2\nzz 10 a\n-5 10 b\nffffffffffffffff 10 c\n1000 -1 d\n\xff\xfe 1 e\n5000 10 good\xff\n")
    listed = opened(path)
    assert listed is not None
    assert listed.find(0x5001) == ("good\udcff", 1)
    assert listed.find(0x1000) is None


def test_any_content_gives_functions_or_none(tmp_path: Path) -> None:
    choice = random.Random(3)
    for number in range(200):
        path = tmp_path / str(number)
        path.write_bytes(bytes(choice.choices(b"0123456789abcdefx \n\t\0\xff", k=400)))
        listed = opened(path)
        assert listed is not None
        for address in (0, 1, 0x10, 0x1000, 2**64 - 1):
            found = listed.find(address)
            assert found is None or found[1] >= 0
