"""Debug information that somebody has tampered with is an error in words, and soon: no traceback, no endless loop."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dwarf_programs import CPP, C, compiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pybpftrace.core.binary import dwarf_units
from pybpftrace.core.binary.dwarf import Dwarf, DwarfError, SourceError
from pybpftrace.core.binary.dwarf_sections import DebugSections
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import ElfError

BUILDS = [("gcc", "-g", "-gdwarf-5"), ("gcc", "-g", "-gdwarf-4"), ("clang", "-g", "-O1"), ("g++", "-g"),
          ("gcc", "-g", "-gz=zlib")]  # fmt: skip


@cache
def image(build: tuple[str, ...]) -> tuple[bytes, tuple[tuple[int, int], ...], tuple[int, ...]]:
    """The bytes of a program, (offset, size) of its debug sections, and the addresses of its functions."""
    source = CPP.replace("#include <string>", "namespace std { struct string { char *p; "
                         "string(const char *) {} unsigned long size() const { return 1; } }; }")  # fmt: skip
    with TemporaryDirectory() as directory:
        program = compiled(Path(directory), *build, source=source if "++" in build[0] else C)
        with ElfFile(program) as elf:
            places = tuple((s.offset, s.size) for s in elf.sections if s.name.startswith(".debug_"))
            return Path(program).read_bytes(), places, tuple(address for address, _, _ in elf.function_symbols())


def ask_everything(data: bytes, addresses: tuple[int, ...]) -> None:
    """Raises what is not an error in words."""
    try:
        elf = ElfFile.from_bytes(data, "prog")
        if elf.section(".debug_info") is None:
            return
        dwarf = Dwarf("prog", DebugSections(elf), [])
    except ElfError:
        return
    names = {"struct node", "struct bits", "unnamed", "struct Derived", "struct opaque"}
    questions = [lambda address=address: dwarf.signature(address) for address in addresses]
    questions += [lambda name=name: dwarf.members(name) for name in sorted(names)]
    questions += [lambda line=line: dwarf.source_address("prog.c", line, None) for line in (3, 11, 99)]
    questions += [lambda: dwarf.named("struct", "nowhere")]
    for question in questions:
        try:
            question()
        except (DwarfError, ElfError) as error:
            assert str(error).startswith("prog: ")
        except SourceError:
            pass


damage = st.lists(st.tuples(st.integers(0, 20), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
                  min_size=1, max_size=12)  # fmt: skip


@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=damage)
def test_changed_bytes_give_an_error_in_words(build: tuple[str, ...], changes: list[tuple[int, float, int]]) -> None:
    data, places, addresses = image(build)
    damaged = bytearray(data)
    for section, at, byte in changes:
        offset, size = places[section % len(places)]
        damaged[offset + int(at * size)] = byte
    ask_everything(bytes(damaged), addresses)


@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
@settings(deadline=None, max_examples=25)
@given(section=st.integers(0, 20), kept=st.floats(0, 1))
def test_a_section_that_ends_too_early_gives_an_error_in_words(
    build: tuple[str, ...], section: int, kept: float
) -> None:
    data, places, addresses = image(build)
    offset, size = places[section % len(places)]
    cut = offset + int(size * kept)
    ask_everything(data[:cut] + bytes(offset + size - cut) + data[offset + size :], addresses)


class Sections:
    """Sections made by hand, in place of a file's."""

    name = "prog"
    program_headers = ()

    def __init__(self, **sections: bytes) -> None:
        self._sections = {f".debug_{name}": data for name, data in sections.items()}

    def __getitem__(self, name: str) -> bytes:
        return self._sections.get(name, b"")


def unit(abbreviations: bytes, entries: bytes) -> Dwarf:
    """A file with one unit of DWARF 4, whose entries begin at byte 11 of the section."""
    info = struct.pack("<IHIB", 7 + len(entries), 4, 0, 8) + entries
    return Dwarf("prog", Sections(info=info, abbrev=abbreviations), [])  # type: ignore[arg-type]


TOP = bytes([1, 0x11, 1, 0x11, 0x01, 0x12, 0x07, 0, 0])  # compile_unit: low_pc addr, high_pc data8
FUNCTION = bytes([2, 0x2E, 1, 0x11, 0x01, 0, 0])  # subprogram with children: low_pc addr
PARAMETER = bytes([3, 0x05, 0, 0x49, 0x13, 0, 0])  # formal_parameter: type ref4
CODE = bytes([1]) + struct.pack("<QQ", 0x1000, 0x100) + bytes([2]) + struct.pack("<Q", 0x1000)


def test_a_typedef_of_itself_is_refused() -> None:
    typedef = bytes([4, 0x16, 0, 0x49, 0x13, 0, 0, 0])  # typedef: type ref4
    at = 11 + len(CODE) + 6  # behind the parameter and the end of the function
    found = unit(TOP + FUNCTION + PARAMETER + typedef,
                 CODE + b"\3" + struct.pack("<I", at) + b"\0" + b"\4" + struct.pack("<I", at) + b"\0")  # fmt: skip
    with pytest.raises(DwarfError, match=f"^prog: the type at {at} is nested too deeply, or in itself$"):
        found.signature(0x1000)


def test_a_struct_within_itself_is_refused() -> None:
    types = bytes([4, 0x13, 1, 0, 0, 5, 0x0D, 0, 0x49, 0x13, 0, 0, 0])  # structure; member: type ref4
    at = 11 + len(CODE) + 6
    found = unit(TOP + FUNCTION + PARAMETER + types, CODE + b"\3" + struct.pack("<I", at) + b"\0"
                 + b"\4" + b"\5" + struct.pack("<I", at) + b"\0" + b"\0")  # fmt: skip
    with pytest.raises(DwarfError, match=r"nested too deeply, or in itself|lies within itself"):
        found.signature(0x1000)


def test_structs_that_multiply_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwarf_units, "_MAX_READS", 20_000)
    types = bytes([4, 0x13, 1, 0x03, 0x08, 0, 0, 5, 0x0D, 0, 0x49, 0x13, 0, 0, 0])  # structure: name; member: type ref4
    first = 11 + len(CODE) + 6
    entry = 3 + 2 * 5 + 1  # two members each, both of the next struct
    body = b"".join(b"\4s\0" + 2 * (b"\5" + struct.pack("<I", first + entry * (n + 1))) + b"\0" for n in range(40))
    found = unit(TOP + FUNCTION + PARAMETER + types,
                 CODE + b"\3" + struct.pack("<I", first) + b"\0" + body + b"\4s\0\0\0")  # fmt: skip
    with pytest.raises(DwarfError, match=r"^prog: more than 20000 entries to be read: corrupt, or too large$"):
        found.members("struct s")


def test_a_sibling_before_the_entry_is_refused() -> None:
    abbreviations = bytes([2, 0x2E, 1, 0x01, 0x13, 0, 0, 0])  # subprogram with children: sibling ref4
    found = unit(TOP + abbreviations, CODE[:17] + b"\2" + struct.pack("<I", 11) + b"\0\0")
    with pytest.raises(DwarfError, match=r"^prog: the sibling of the entry at 28 is before it: corrupt"):
        found.signature(0x1000)


def test_a_line_table_with_files_of_no_bytes_is_refused() -> None:
    """As many as it likes to claim: a format without fields takes no room."""
    header = bytes([1, 1, 1, 0xFB, 14, 13]) + bytes(12) + bytes([0]) + b"\xff\xff\xff\xff\x0f"
    table = struct.pack("<HBBI", 5, 8, 0, len(header)) + header
    abbreviation = bytes([1, 0x11, 0, 0x03, 0x08, 0x10, 0x17, 0, 0, 0])  # compile_unit: name, stmt_list
    info = b"\1prog.c\0" + struct.pack("<I", 0)
    info = struct.pack("<IHIB", 7 + len(info), 4, 0, 8) + info
    line = struct.pack("<I", len(table)) + table
    found = Dwarf("prog", Sections(info=info, abbrev=abbreviation, line=line), [])  # type: ignore[arg-type]
    with pytest.raises(DwarfError, match=r"^prog: a line table with files of no bytes: debug information is corrupt$"):
        found.source_address("prog.c", 1, None)
