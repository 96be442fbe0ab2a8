"""The cache of unwind tables: what was made of the same bytes is read again, and nothing else ever is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pybpftrace.core.binary import unwind_tables
from pybpftrace.core.binary.eh_frame import FrameSection, section_table, unwind_table
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.binary.unwind_tables import cached_unwind_table

from .eh_frame_sections import AT, CODE, Frames, elf_image


def image(functions: int = 2000, cfa: int = 16, address: int = AT) -> bytes:
    """Functions with different rules, in more bytes than are made anew each time."""
    frames = Frames().cie()
    for index in range(functions):
        frames.fde(CODE + 32 * index, 32, bytes((0x41, 0x0E, cfa + index % 2 * 8)) + bytes(12))
    return elf_image(frames.data, address=address)


@pytest.fixture(autouse=True)
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "pybpftrace" / "unwind"


def table_of(data: bytes) -> bytes:
    return cached_unwind_table(ElfFile.from_bytes(data, "made"))


def made_anew(data: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a table of `data`, which must be the right one, is made rather than read."""
    made: list[str] = []

    def make(section: FrameSection, name: str) -> bytes:
        made.append(name)
        return section_table(section, name)

    with monkeypatch.context() as patch:
        patch.setattr(unwind_tables, "section_table", make)
        assert table_of(data) == unwind_table(ElfFile.from_bytes(data, "made")) != b""
    return bool(made)


def test_a_table_is_made_once_and_then_read(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_anew(image(), monkeypatch)
    assert not made_anew(image(), monkeypatch)
    (entry,) = room.iterdir()
    assert entry.stat().st_mode & 0o777 == 0o600
    assert room.stat().st_mode & 0o777 == 0o700


def test_other_rules_or_another_place_are_another_table(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_anew(image(), monkeypatch)
    assert made_anew(image(cfa=24), monkeypatch)
    assert made_anew(image(address=AT + 0x1000), monkeypatch)
    assert len(list(room.iterdir())) == 3


def test_a_small_table_is_not_kept(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        assert made_anew(image(functions=10), monkeypatch)
    assert not room.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: b"pybpfuw0" + data[8:],
        lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
        lambda data: data[:40] + bytes((data[40] ^ 1,)) + data[41:],
    ],
    ids=["empty", "header cut off", "cut off", "another version", "another last byte", "another byte"],
)
def test_a_damaged_entry_is_made_anew_and_written_over(
    room: Path, monkeypatch: pytest.MonkeyPatch, damage: object
) -> None:
    assert made_anew(image(), monkeypatch)
    (entry,) = room.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))  # type: ignore[operator]  # one of the functions above
    assert made_anew(image(), monkeypatch)
    assert not made_anew(image(), monkeypatch)


def test_an_entry_that_others_can_write_is_not_read(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_anew(image(), monkeypatch)
    (entry,) = room.iterdir()
    entry.chmod(0o666)
    assert made_anew(image(), monkeypatch)
    assert entry.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_others_can_write_is_no_cache(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made_anew(image(), monkeypatch)
    room.chmod(0o777)
    assert made_anew(image(), monkeypatch)


def test_a_directory_that_cannot_be_made_is_no_error(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room.parent.write_bytes(b"")
    assert made_anew(image(), monkeypatch)


def test_what_was_used_longest_ago_is_evicted_first(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwind_tables, "ENTRY_LIMIT", 2)
    for age, cfa in enumerate((8, 16)):
        known = set(room.iterdir()) if room.exists() else set()
        table_of(image(cfa=cfa))
        (entry,) = set(room.iterdir()) - known
        os.utime(entry, (1000 + age, 1000 + age))
    assert not made_anew(image(cfa=8), monkeypatch)  # now it is the newest
    table_of(image(cfa=24))
    assert len(list(room.iterdir())) == 2
    assert not made_anew(image(cfa=8), monkeypatch)
    assert made_anew(image(cfa=16), monkeypatch)


def test_more_bytes_than_the_limit_are_evicted(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwind_tables, "BYTE_LIMIT", 10)
    assert made_anew(image(), monkeypatch)
    assert list(room.iterdir()) == []


def test_errors_are_those_of_the_table_and_nothing_is_kept_of_them(room: Path) -> None:
    frames = Frames().cie()
    frames.data += b"\xf0\xff\xff\xff" + bytes(60_000)
    for _ in range(2):
        with pytest.raises(ElfError) as raised:
            table_of(elf_image(frames.data))
        assert str(raised.value) == "made: .eh_frame: the entry at 22 does not end within 60026 bytes: corrupt"
    assert list(room.iterdir()) == []


def test_a_binary_without_the_section_has_no_rows() -> None:
    assert table_of(elf_image(b"", name=b".other")) == b""
