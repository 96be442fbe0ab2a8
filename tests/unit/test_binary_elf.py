from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import (
    EM_X86_64,
    ET_DYN,
    ET_EXEC,
    PT_LOAD,
    ElfError,
    ProgramHeader,
    address_to_offset,
    offset_to_address,
)
from pybpftrace.core.binary.elf_symbols import FunctionTable

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build binaries")

SOURCE = r"""
int data_word = 7;
__attribute__((noinline)) int leaf(int x) { return x * 3; }
int alias_of_leaf(int x) __attribute__((alias("leaf")));
int __alias_of_leaf(int x) __attribute__((alias("leaf")));
static __attribute__((noinline, used)) int hidden(int x) { return leaf(x) + 1; }
static int implementation(int x) { return x; }
static int (*choose(void))(int) { return implementation; }
int chosen(int x) __attribute__((ifunc("choose")));
__asm__(".text\n.balign 16\n.globl sizeless\n.type sizeless,@function\nsizeless: nop; nop; nop; nop; ret\n"
        ".globl after_sizeless\n.type after_sizeless,@function\n.size after_sizeless,3\nafter_sizeless: nop; nop; ret\n"
        ".globl outer\n.type outer,@function\n.size outer,8\nouter: nop; nop\n"
        ".globl inner\n.type inner,@function\n.size inner,2\ninner: nop; nop; nop; nop; nop; ret\n"
        ".balign 64, 0x90\n");
int main(void) { return hidden(data_word) + chosen(1); }
"""


def build(directory: Path, name: str, *options: str) -> str:
    source, output = directory / "source.c", directory / name
    source.write_text(SOURCE)
    subprocess.run(["gcc", "-O1", "-Wl,--build-id=sha1", *options, "-o", output, source], check=True)
    return str(output)


@pytest.fixture(scope="module")
def pie(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("elf"), "pie", "-pie", "-fPIE")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("elf"), "libsmall.so", "-shared", "-fPIC", "-s", "-nostdlib")


def names_by_nm(path: str, *options: str) -> set[tuple[int, str]]:
    lines = subprocess.run(["nm", *options, path], check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return {(int(f[0], 16), f[2]) for f in fields if len(f) == 3 and f[1] in "tTwWi"}


@needs_gcc
@pytest.mark.parametrize(
    ("options", "type_"),
    [
        (("-pie", "-fPIE"), ET_DYN),
        (("-no-pie",), ET_EXEC),
        (("-static",), ET_EXEC),
        (("-shared", "-fPIC", "-nostdlib"), ET_DYN),
    ],
    ids=["pie", "no-pie", "static", "shared"],
)
def test_the_header_tells_the_kind_of_binary(tmp_path: Path, options: tuple[str, ...], type_: int) -> None:
    with ElfFile(build(tmp_path, "binary", *options)) as elf:
        assert elf.type == type_
        assert elf.machine == EM_X86_64 or os.uname().machine != "x86_64"
        assert elf.section(".text") is not None


@needs_gcc
@pytest.mark.parametrize("options", [("-pie", "-fPIE"), ("-static",)], ids=["pie", "static"])
def test_function_symbols_are_those_that_nm_knows_in_the_order_of_addresses(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = build(tmp_path, "binary", *options)
    with ElfFile(path) as elf:
        symbols = elf.function_symbols()
    assert [s[0] for s in symbols] == sorted(s[0] for s in symbols)
    ours = {(address, name) for address, _, name in symbols}
    wanted = {"leaf", "alias_of_leaf", "hidden", "chosen", "sizeless", "main"}
    assert {pair for pair in names_by_nm(path) if pair[1] in wanted} <= ours
    assert ours - names_by_nm(path) - {(a, n) for a, n in ours if "@" in n} == set()
    assert wanted <= {name for _, name in ours}
    assert "data_word" not in {name for _, name in ours}


@needs_gcc
def test_a_symbol_table_and_the_dynamic_one_give_each_function_once(tmp_path: Path) -> None:
    path = build(tmp_path, "libboth.so", "-shared", "-fPIC", "-nostdlib")
    with ElfFile(path) as elf:
        names = [name for _, _, name in elf.function_symbols()]
    assert names.count("leaf") == 1
    assert "hidden" in names


@needs_gcc
def test_a_stripped_library_still_has_its_dynamic_functions(library: str) -> None:
    with ElfFile(library) as elf:
        assert not elf.has_symbol_table
        names = {name for _, _, name in elf.function_symbols()}
    assert "leaf" in names
    assert "hidden" not in names


@needs_gcc
def test_symbol_finds_functions_and_objects_but_no_part_of_a_name(pie: str) -> None:
    expected = {name: address for address, name in names_by_nm(pie)}
    with ElfFile(pie) as elf:
        leaf = elf.symbol("leaf")
        assert leaf is not None
        assert (leaf.address, leaf.is_function) == (expected["leaf"], True)
        assert leaf.size > 0
        word = elf.symbol("data_word")
        assert word is not None
        assert (word.size, word.is_function) == (4, False)
        sizeless = elf.symbol("sizeless")
        assert sizeless is not None
        assert (sizeless.address, sizeless.size) == (expected["sizeless"], 0)
        assert elf.symbol("lea") is None
        assert elf.symbol("") is None
        assert elf.symbol("source.c") is None


@needs_gcc
def test_the_first_of_several_functions_of_one_name_is_taken(tmp_path: Path) -> None:
    for part in "ab":
        (tmp_path / f"{part}.c").write_text(
            f"static __attribute__((noinline,used)) int twice(int x) {{ return x + {ord(part)}; }}\n"
            f"int use_{part}(int x) {{ return twice(x); }}\n"
        )
    path = str(tmp_path / "libtwice.so")
    sources = [str(tmp_path / "a.c"), str(tmp_path / "b.c")]
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, *sources], check=True)
    with ElfFile(path) as elf:
        addresses = [address for address, _, name in elf.function_symbols() if name == "twice"]
        symbol = elf.symbol("twice")
    assert len(addresses) == 2
    # The linker keeps the order of the files, in the table as in memory.
    assert symbol is not None
    assert symbol.address == min(addresses)


@needs_gcc
def test_build_id_is_the_linkers_with_and_without_section_headers(tmp_path: Path, pie: str) -> None:
    notes = subprocess.run(["readelf", "-n", pie], check=True, capture_output=True, text=True).stdout
    expected = next(line.split()[-1] for line in notes.splitlines() if "Build ID" in line)
    with ElfFile(pie) as elf:
        assert elf.build_id() == expected
    image = bytearray(Path(pie).read_bytes())
    struct.pack_into("<Q", image, 40, 0)  # e_shoff
    struct.pack_into("<HHH", image, 58, 0, 0, 0)
    with ElfFile.from_bytes(bytes(image), "headless") as elf:
        assert elf.sections == ()
        assert elf.build_id() == expected
        assert elf.function_symbols() == []


@needs_gcc
def test_a_binary_without_build_id_has_none(tmp_path: Path) -> None:
    with ElfFile(build(tmp_path, "binary", "-Wl,--build-id=none")) as elf:
        assert elf.build_id() is None


@needs_gcc
def test_addresses_and_file_offsets_translate_both_ways(pie: str) -> None:
    image = Path(pie).read_bytes()
    with ElfFile(pie) as elf:
        symbol = elf.symbol("sizeless")
        assert symbol is not None
        offset = elf.address_to_offset(symbol.address)
        assert offset is not None
        assert image[offset : offset + 5] == b"\x90\x90\x90\x90\xc3" or os.uname().machine != "x86_64"
        assert elf.offset_to_address(offset) == symbol.address
        word = elf.symbol("data_word")
        assert word is not None
        place = elf.address_to_offset(word.address)
        assert place is not None
        assert place != word.address, "the data segment of a PIE is not at its file offset"
        assert image[place : place + 4] == struct.pack("<i", 7)
        assert elf.address_to_offset(1 << 60) is None
        assert elf.offset_to_address(len(image) + 4096) is None


def test_a_place_in_the_file_that_two_segments_show_is_given_its_executable_address() -> None:
    data = ProgramHeader(PT_LOAD, 6, 0x1000, 0x403000, 0x800, 0x2000, 4096)
    code = ProgramHeader(PT_LOAD, 5, 0x1000, 0x401000, 0x400, 0x400, 4096)
    assert offset_to_address([data, code], 0x1010) == 0x401010
    assert offset_to_address([data, code], 0x1500) == 0x403500
    assert address_to_offset([data, code], 0x403010) == 0x1010
    assert address_to_offset([data, code], 0x403900) is None, "zero-filled memory is not in the file"


@needs_gcc
def test_an_address_is_in_the_innermost_function_around_it(pie: str) -> None:
    with ElfFile(pie) as elf:
        table = FunctionTable(elf.symbol_tables())
        at = {name: address for address, _, name in elf.function_symbols()}
    assert table.find(at["leaf"]) == ("leaf", 0), "the name with fewest leading underscores, then the first"
    assert table.find(at["hidden"] + 2) == ("hidden", 2)
    assert table.find(at["outer"] + 1) == ("outer", 1)
    assert table.find(at["inner"] + 1) == ("inner", 1)
    assert table.find(at["outer"] + 5) == ("outer", 5), "past the inner one, still in the outer"
    assert table.find(at["outer"] + 8) is None, "padding belongs to nobody"
    assert table.find(0) is None
    assert table.find(2**64 - 1) is None


@needs_gcc
def test_a_function_without_size_ends_at_the_next_one_or_with_its_section(pie: str) -> None:
    with ElfFile(pie) as elf:
        table = FunctionTable(elf.symbol_tables())
        at = {name: address for address, _, name in elf.function_symbols()}
        plt = elf.section(".plt") or elf.section(".plt.got")
    assert table.find(at["sizeless"] + 4) == ("sizeless", 4)
    assert table.find(at["after_sizeless"]) == ("after_sizeless", 0)
    assert plt is not None
    assert table.find(plt.address + 4) is None, "_init, of size 0, is in another section"


@needs_gcc
def test_many_functions_at_one_place_do_not_make_a_look_up_long(tmp_path: Path) -> None:
    source = tmp_path / "aliases.s"
    source.write_text(
        ".text\n" + "".join(f".type f{i},@function\n.size f{i},4\nf{i}:\n" for i in range(3000)) + "nop;nop;nop;nop\n"
    )
    path = str(tmp_path / "libaliases.so")
    subprocess.run(["gcc", "-shared", "-nostdlib", "-o", path, str(source)], check=True)
    with ElfFile(path) as elf:
        table = FunctionTable(elf.symbol_tables())
        address = elf.function_symbols()[0][0]
    assert len(table) == 3000
    found = table.find(address + 3)
    assert found is not None
    assert found[1] == 3


def header(**changed: int) -> bytes:
    """A 64-bit ELF header, without sections or segments unless `changed` says otherwise, and some zeros."""
    fields = {"type": 3, "machine": 62, "version": 1, "entry": 0, "phoff": 0, "shoff": 0, "flags": 0, "ehsize": 64}
    fields |= {"phentsize": 56, "phnum": 0, "shentsize": 64, "shnum": 0, "shstrndx": 0} | changed
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", *fields.values()) + bytes(448)


def section(name: int = 0, type_: int = 0, offset: int = 0, size: int = 0, link: int = 0, entry: int = 0) -> bytes:
    return struct.pack("<IIQQQQIIQQ", name, type_, 0, 0, offset, size, link, 0, 1, entry)


def with_sections(*sections: bytes, **changed: int) -> bytes:
    return header(shoff=64, shnum=len(sections), **changed)[:64] + b"".join(sections)


def note(size: int) -> bytes:
    return struct.pack("<III4s", 4, size, 3, b"GNU\0")


SYMBOL = struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 0x1000, 16)


def with_symbols(symbols: bytes, strings: bytes, entry: int = 24, link: int = 2, size: int | None = None) -> bytes:
    tail = 64 + 3 * 64
    size = len(symbols) if size is None else size
    table = section(type_=2, offset=tail, size=size, link=link, entry=entry)
    string_table = section(type_=3, offset=tail + len(symbols), size=len(strings))
    return with_sections(section(), table, string_table) + symbols + strings


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (b"", "not an ELF file"),
        (b"#!/bin/sh\nexit 0\n", "not an ELF file"),
        (header()[:40], "ELF header"),
        (b"\x7fELF\x07" + header()[5:], "class 7"),
        (b"\x7fELF\x02\x02" + header()[6:], "not little-endian"),
        (header(shoff=1 << 63, shnum=3), "section headers"),
        (header(shoff=64, shnum=3, shentsize=8), "8 bytes each"),
        (header(phoff=(1 << 64) - 1, phnum=9), "program headers"),
        (header(phoff=64, phnum=65000), "truncated"),
        (header(shoff=64, shnum=0)[:64] + section(size=1 << 40), "1099511627776 sections"),
        (with_sections(section(), shstrndx=5), "section 5 of 1"),
        (with_sections(section(name=9), section(type_=3, offset=0, size=4), shstrndx=1), "name at 9"),
        (with_symbols(SYMBOL, b"\0leaf"), "no end"),
        (with_symbols(SYMBOL, b""), "name at 1 of a string table of 0 bytes"),
        (with_sections(section(), section(type_=7, offset=64 + 128, size=16)) + note(1 << 31), "a note of 2147483648"),
        (with_sections(section(), section(type_=7, offset=64 + 128, size=1 << 40)), "corrupt"),
        (with_symbols(SYMBOL, b"\0leaf\0", entry=0), "24 bytes"),
        (with_symbols(SYMBOL, b"\0leaf\0", link=77), "no section 77"),
        (with_symbols(SYMBOL, b"\0leaf\0", size=24 << 20), "truncated"),
        (with_symbols(SYMBOL, b"\0leaf\0", size=24 << 30), "corrupt"),
    ],
)
def test_a_corrupt_file_is_an_elf_error_that_names_the_file_and_what_is_wrong(
    tmp_path: Path, image: bytes, complaint: str
) -> None:
    path = tmp_path / "corrupt"
    path.write_bytes(image)
    with pytest.raises(ElfError) as raised, ElfFile(str(path)) as elf:
        elf.program_headers  # noqa: B018 - reading it is what is tested
        elf.build_id()
        elf.function_symbols()
    assert str(path) in str(raised.value)
    assert complaint in str(raised.value)


def test_a_wild_section_that_nobody_asks_for_does_no_harm() -> None:
    with ElfFile.from_bytes(with_sections(section(), section(type_=1, offset=1 << 63, size=1 << 62)), "wild") as elf:
        assert elf.function_symbols() == []
        with pytest.raises(ElfError, match="corrupt"):
            elf.section_data(elf.sections[1])


def test_a_sound_minimal_symbol_table_reads() -> None:
    with ElfFile.from_bytes(with_symbols(SYMBOL, b"\0leaf\0"), "minimal") as elf:
        assert elf.function_symbols() == [(0x1000, 16, "leaf")]


def test_names_that_would_take_far_more_memory_than_the_file_are_refused() -> None:
    strings = b"a" * 60000 + b"\0"
    symbols = b"".join(struct.pack("<IBBHQQ", i, 2, 0, 1, i, 1) for i in range(2000))
    with ElfFile.from_bytes(with_symbols(symbols, strings), "bomb") as elf, pytest.raises(ElfError, match="together"):
        elf.function_symbols()


def test_a_sparse_file_as_large_as_its_counts_claim_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.write_bytes(with_symbols(SYMBOL, b"\0leaf\0", size=24 << 33))
    os.truncate(path, 1 << 39)
    with ElfFile(str(path)) as elf, pytest.raises(ElfError, match="corrupt"):
        elf.function_symbols()


def test_a_file_that_is_truncated_while_it_is_read_is_an_elf_error(tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(with_symbols(SYMBOL, b"\0leaf\0"))
    with ElfFile(str(path)) as elf:
        os.truncate(path, 64)
        with pytest.raises(ElfError, match="truncated"):
            elf.function_symbols()


def test_symbols_of_addresses_at_the_end_of_the_address_space_are_looked_up_without_overflow() -> None:
    symbol = struct.pack("<IBBHQQ", 1, 0x12, 0, 1, 2**64 - 4, 2**64 - 1)
    with ElfFile.from_bytes(with_symbols(symbol, b"\0leaf\0"), "high") as elf:
        assert FunctionTable(elf.symbol_tables()).find(2**64 - 2) == ("leaf", 2)


def test_a_32_bit_file_reads_like_a_64_bit_one() -> None:
    strings = b"\0leaf\0"
    symbol = struct.pack("<IIIBBH", 1, 0x8048010, 16, 0x12, 0, 1)
    sections_at = 52 + 32
    data_at = sections_at + 3 * 40
    image = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    image += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 52, sections_at, 0, 52, 32, 1, 40, 3, 0)
    image += struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0, 4096, 4096, 5, 4096)
    for type_, offset, size, link, entry in [
        (0, 0, 0, 0, 0),
        (2, data_at, 16, 2, 16),
        (3, data_at + 16, len(strings), 0, 0),
    ]:
        image += struct.pack("<IIIIIIIIII", 0, type_, 0, 0, offset, size, link, 0, 1, entry)
    with ElfFile.from_bytes(image + symbol + strings, "small") as elf:
        assert elf.function_symbols() == [(0x8048010, 16, "leaf")]
        assert elf.address_to_offset(0x8048010) == 16
        found = elf.symbol("leaf")
        assert found is not None
        assert found.address == 0x8048010


def test_what_is_no_regular_file_is_refused_unopened(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (str(fifo), "/dev/null", str(tmp_path)):
        with pytest.raises(ElfError, match="not a regular file"):
            ElfFile(path)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ElfFile(str(tmp_path / "absent"))


def read_everything(image: bytes) -> None:
    with ElfFile.from_bytes(image, "mutated.so") as elf:
        elf.build_id()
        elf.function_symbols()
        elf.symbol("leaf")
        for number in (0, 0x1000, 2**64 - 1):
            elf.address_to_offset(number)
            elf.offset_to_address(number)
            FunctionTable(elf.symbol_tables()).find(number)


@needs_gcc
def test_no_mutation_of_a_real_library_raises_anything_but_an_elf_error(library: str) -> None:
    hypothesis = pytest.importorskip("hypothesis")
    given, settings, st = hypothesis.given, hypothesis.settings, hypothesis.strategies
    sound = Path(library).read_bytes()
    with ElfFile(library) as elf:
        sections_at, sections = elf._sections_at, len(elf.sections)
        dynsym = next(s for s in elf.sections if s.name == ".dynsym")
    # Bytes that steer the reader: headers, section headers, symbols. Elsewhere a change would seldom be noticed.
    places = st.one_of(
        st.integers(0, 64 + 56 * 12),
        st.integers(sections_at, sections_at + 64 * sections - 1),
        st.integers(dynsym.offset, dynsym.offset + dynsym.size - 1),
        st.integers(0, len(sound) - 1),
    )
    wild = [0, 1, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1, len(sound), len(sound) - 1]
    numbers = st.one_of(st.sampled_from(wild), st.integers(0, 2**64 - 1))
    changes = st.lists(st.tuples(places, numbers, st.sampled_from([1, 2, 4, 8])), max_size=4)
    outcomes = {"refused": 0, "read": 0}

    @settings(max_examples=600, deadline=None, database=None)  # type: ignore[untyped-decorator, unused-ignore]
    @given(changes, st.one_of(st.none(), st.integers(0, len(sound))))  # type: ignore[untyped-decorator, unused-ignore]
    def mutated(changes: list[tuple[int, int, int]], length: int | None) -> None:
        image = bytearray(sound)
        for place, number, width in changes:
            image[place : place + width] = (number & (1 << 8 * width) - 1).to_bytes(width, "little")
        try:
            read_everything(bytes(image[:length]))
            outcomes["read"] += 1
        except ElfError as error:
            assert str(error).startswith("mutated.so: ")
            outcomes["refused"] += 1

    mutated()
    assert outcomes["refused"] > 0
    assert outcomes["read"] > 0
