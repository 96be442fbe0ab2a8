"""Static markers as they are read out of ELF files: places, semaphores, symbols in descriptions, corrupt notes."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marker_files import BASE, CODE, DATA, image, note, raw_note
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import CLASS_32, EM_386, EM_AARCH64, ET_DYN, ET_EXEC, ElfError
from pybpftrace.core.binary.usdt_notes import Note, read_notes, split_arguments
from pybpftrace.core.target import Target, UsdtMarker
from pybpftrace.core.target.capture import RecordingTarget


def notes_of(data: bytes) -> list[Note]:
    return read_notes(ElfFile.from_bytes(data, "app"))


def markers_of(directory: Path, data: bytes) -> list[UsdtMarker]:
    path = directory / "app"
    path.write_bytes(data)
    return Target.live().usdt_markers(str(path))


def test_a_note_gives_names_addresses_and_arguments() -> None:
    (found,) = notes_of(image(note("turn", "-4@%edi 8@%rsi", address=CODE + 5, semaphore=DATA + 8)))
    assert found == Note("app", "turn", CODE + 5, DATA + 8, "-4@%edi 8@%rsi")


def test_addresses_of_a_32_bit_file_are_four_bytes_each() -> None:
    data = image(note(address=CODE + 1, semaphore=DATA, word="I"), elf_class=CLASS_32, machine=EM_386)
    assert notes_of(data) == [Note("app", "marker", CODE + 1, DATA, "")]


def test_a_file_that_was_moved_after_linking_moves_its_markers_and_semaphores() -> None:
    data = image(note(address=CODE - 0x1000, base=BASE - 0x1000, semaphore=DATA - 0x1000))
    assert [(n.address, n.semaphore) for n in notes_of(data)] == [(CODE, DATA)]


def test_a_moved_marker_without_semaphore_still_has_none() -> None:
    assert [n.semaphore for n in notes_of(image(note(base=BASE - 0x1000)))] == [0]


@pytest.mark.parametrize(("then", "now"), [(BASE, None), (0, BASE), (BASE, BASE), (BASE + 1, BASE)])
def test_nothing_moves_without_a_base_then_and_now_or_within_its_section(then: int, now: int | None) -> None:
    assert [n.address for n in notes_of(image(note(address=CODE, base=then), base=now))] == [CODE]


def test_notes_of_others_in_the_section_are_passed_over() -> None:
    others = (raw_note(b"abc", owner=b"GNU\0"), raw_note(b"\1\2", kind=4), raw_note(b"", owner=b""))
    assert [n.name for n in notes_of(image(*others, note("mine"), *others))] == ["mine"]


def test_a_file_without_the_section_has_no_markers(tmp_path: Path) -> None:
    assert markers_of(tmp_path, image().replace(b".note.stapsdt", b".note.anything"[:13])) == []


def test_what_is_no_elf_file_has_no_markers(tmp_path: Path) -> None:
    assert markers_of(tmp_path, b"#!/bin/sh\n") == []
    assert Target.live().usdt_markers(str(tmp_path / "nothing")) == []


def test_markers_that_nobody_could_name_or_print_are_left_out() -> None:
    hidden = (note(""), note("a", provider=""), note("a\x1b[2J"), note("a", provider="p\udcff"))
    assert [n.name for n in notes_of(image(*hidden, note("seen")))] == ["seen"]


@pytest.mark.parametrize(
    ("notes", "text"),
    [
        (raw_note(bytes(20)), "app: a marker's note of 20 bytes: corrupt"),
        (raw_note(bytes(24) + b"app\0name"), "app: a marker's note without its three texts: corrupt"),
        (note()[:30], "app: a note of 36 bytes in 30 bytes of notes: corrupt"),
        (b"\xff" * 12, "app: a note of 4294967295 bytes in 12 bytes of notes: corrupt"),
    ],
)
def test_corrupt_notes_are_an_elf_error_that_says_what_is_wrong(notes: bytes, text: str) -> None:
    with pytest.raises(ElfError) as caught:
        notes_of(image(notes))
    assert str(caught.value) == text


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_in_the_section_raise_anything_but_an_elf_error(data: bytes, is_note: bool) -> None:
    with suppress(ElfError):
        notes_of(image(raw_note(data) if is_note else data))


@given(st.data())
def test_no_change_to_a_file_raises_anything_but_an_elf_error(data: st.DataObject) -> None:
    blob = bytearray(image(note("a", "-4@x(%rip)", semaphore=DATA), note("b"), symbols=[("x", DATA)]))
    places = st.integers(0x4000, len(blob) - 1) | st.integers(0, 0x40)
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(places)] = data.draw(st.integers(0, 255))
    with suppress(ElfError):
        read_notes(ElfFile.from_bytes(bytes(blob), "app"))


def test_a_marker_is_a_place_in_the_file(tmp_path: Path) -> None:
    (marker,) = markers_of(tmp_path, image(note("turn", "8@%rax", address=CODE + 0x10, semaphore=DATA + 2)))
    assert marker == UsdtMarker(str(tmp_path / "app"), "app", "turn", 0x1010, 0x3002, "8@%rax", "x86_64")


def test_markers_are_sorted_and_one_that_is_noted_twice_is_one(tmp_path: Path) -> None:
    places = [("b", 4), ("a", 8), ("b", 2), ("b", 4)]
    found = markers_of(tmp_path, image(*(note(name, address=CODE + at) for name, at in places)))
    assert [(m.name, m.offset) for m in found] == [("a", 0x1008), ("b", 0x1002), ("b", 0x1004)]


def test_markers_whose_code_the_linker_threw_away_are_left_out(tmp_path: Path) -> None:
    gone = (note(address=0), note(address=DATA), note(address=CODE + 0x400))
    assert [m.name for m in markers_of(tmp_path, image(*gone, note("kept")))] == ["kept"]


def test_a_semaphore_outside_of_the_file_is_an_error_because_the_marker_would_stay_silent(tmp_path: Path) -> None:
    with pytest.raises(ElfError, match=r"app: the semaphore of app:marker is not in the file$"):
        markers_of(tmp_path, image(note(semaphore=DATA + 0x400)))


@pytest.mark.parametrize(
    ("description", "type_", "resolved"),
    [
        # What counts from the program counter becomes the distance from the marker, which is at CODE + 0x10.
        ("4@object(%rip)", ET_DYN, f"4@{DATA - CODE - 0x10}(%rip)"),
        ("4@object+4(%rip)", ET_DYN, f"4@{DATA - CODE - 0x10}+4(%rip)"),
        ("-8@8+object(%rip)", ET_EXEC, f"-8@8+{DATA - CODE - 0x10}(%rip)"),
        ("object(%rip)", ET_DYN, f"{DATA - CODE - 0x10}(%rip)"),
        # Addresses are fixed in files that are.
        ("8@$object", ET_EXEC, f"8@${DATA}"),
        ("8@$object", ET_DYN, "8@$object"),
        ("4@object(,%rax,4)", ET_EXEC, f"4@{DATA}(,%rax,4)"),
        ("4@object", ET_EXEC, f"4@{DATA}"),
        # What is unknown stays: an argument that nobody asks for harms nobody.
        ("4@missing(%rip)", ET_DYN, "4@missing(%rip)"),
        ("4@twice(%rip)", ET_DYN, "4@twice(%rip)"),
        ("8@object@GOTPCREL(%rip)", ET_DYN, "8@object@GOTPCREL(%rip)"),
        ("4@%fs:object@tpoff", ET_EXEC, "4@%fs:object@tpoff"),
        # Registers are no symbols, nor are hexadecimal numbers.
        ("8@%rax", ET_EXEC, "8@%rax"),
        ("8@0xabc(%rax)", ET_EXEC, "8@0xabc(%rax)"),
    ],
)
def test_symbols_in_descriptions_become_numbers(tmp_path: Path, description: str, type_: int, resolved: str) -> None:
    symbols = [("object", DATA), ("rax", DATA), ("xabc", DATA), ("tpoff", DATA), ("twice", DATA), ("twice", DATA + 4)]
    data = image(note(arguments=description, address=CODE + 0x10), type_=type_, symbols=symbols)
    (marker,) = markers_of(tmp_path, data)
    assert marker.arguments == resolved


def test_of_aarch64_only_low_bits_of_symbols_are_numbers(tmp_path: Path) -> None:
    text = "-4@[x0, #:lo12:object] 4@[x1, :lo12:object+4] 8@x0 8@[sp, 16] 8@[x2, #:lo12:missing]"
    data = image(note(arguments=text), machine=EM_AARCH64, symbols=[("object", DATA + 0x123), ("x0", DATA), ("sp", 1)])
    (marker,) = markers_of(tmp_path, data)
    assert marker.arguments == "-4@[x0, 291] 4@[x1, 295] 8@x0 8@[sp, 16] 8@[x2, #:lo12:missing]"
    assert marker.machine == "aarch64"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("-4@%edi", ["-4@%edi"]),
        ("8@%rax 4@-20(%rbp) 1@$3", ["8@%rax", "4@-20(%rbp)", "1@$3"]),
        ("-4@[sp, 12] 8@x0 8@[x0, x1, lsl 3]", ["-4@[sp, 12]", "8@x0", "8@[x0, x1, lsl 3]"]),
        ("8f@%xmm0 -8@%rax", ["8f@%xmm0", "-8@%rax"]),
        ("4@DWORD PTR [rbp-20] 8@rax", ["4@DWORD PTR [rbp-20]", "8@rax"]),
        # The first markers of all had no sizes.
        ("%rax 8(%rbp) $5", ["%rax", "8(%rbp)", "$5"]),
        ("[sp, 12] x0", ["[sp, 12]", "x0"]),
    ],
)
def test_descriptions_are_told_apart(text: str, parts: list[str]) -> None:
    assert split_arguments(text) == parts


def test_a_captured_target_answers_as_the_machine_did(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(image(note("turn", "4@%eax", semaphore=DATA), note("stop")))
    recording = RecordingTarget(Target.live())
    there = recording.usdt_markers(str(path))
    recording.save(str(tmp_path / "target"))
    captured = Target.from_directory(str(tmp_path / "target"))
    assert captured.usdt_markers(str(path)) == there
    assert [marker.name for marker in there] == ["stop", "turn"]
    assert captured.user_functions(str(path)) == []


def test_a_cached_compilation_depends_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.write_bytes(image(note()))
    target = Target.live()
    target.usdt_markers(str(path))
    assert ("file", str(path)) in {(fact.kind, fact.key) for fact in target.dependencies}


def test_places_in_a_library_inside_an_archive_count_from_the_archives_start(tmp_path: Path) -> None:
    archive = tmp_path / "app.zip"
    blob = image(note(address=CODE + 4, semaphore=DATA))
    with zipfile.ZipFile(archive, "w") as members:
        member = zipfile.ZipInfo("lib/libapp.so")
        # A loader maps whole pages: 30 bytes of header and the name come first.
        member.extra = b"\0\0" + (4096 - 30 - len(member.filename) - 4).to_bytes(2, "little")
        member.extra += bytes(4096 - 30 - len(member.filename) - 4)
        members.writestr(member, blob)
    (marker,) = Target.live().usdt_markers(f"{archive}!/lib/libapp.so")
    assert (marker.path, marker.offset, marker.semaphore) == (str(archive), 4096 + 0x1004, 4096 + 0x3000)
