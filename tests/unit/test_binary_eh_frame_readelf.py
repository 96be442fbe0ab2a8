"""The unwind tables of whole binaries: this machine's and small ones that are compiled here, compared with readelf."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pybpftrace.core.binary.eh_frame import frame_section, unwind_table
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import PT_GNU_EH_FRAME, ElfError
from pybpftrace.core.binary.mapped_binaries import VDSO
from pybpftrace.core.binary.mappings import ProcessMappings
from pybpftrace.core.binary.unwind_rows import CfaRule, FrameRule

from .eh_frame_sections import END, UNKNOWN, Rules, rows, rules_at

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="unwind tables are made of x86-64 binaries")
needs_readelf = pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf of binutils to compare with")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build binaries")

SOURCE = r"""
#include <alloca.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
__attribute__((noinline)) int leaf(int x) { return x * 3; }
__attribute__((noinline)) int saves(int a, int b, int c, int d) {
    int e = leaf(a), f = leaf(b), g = leaf(c), h = leaf(d);
    if (e == f) return puts("same") + g;
    return e + f * g + h + leaf(e) + leaf(f + g);
}
__attribute__((noinline)) int by_alloca(int n) {
    char *room = alloca(n + 1);
    memset(room, n, n + 1);
    return saves(room[0], room[n], 3, n) + puts(room);
}
__attribute__((noinline)) int aligned(int n, int a, int b, int c, int d, int e, int f, int g) {
    _Alignas(64) volatile char room[64] = {(char)n};
    return by_alloca(room[0] & 15) + saves(a, b, c + f, d + e + g) + (((unsigned long)room & 63) == 0);
}
__attribute__((noinline)) int aligned_alloca(int n) {
    _Alignas(128) volatile char room[128] = {(char)n};
    char *more = alloca(n);
    memset(more, 0, n);
    return saves(room[0], more[0], 1, 2);
}
__attribute__((noinline)) int variadic(int n, ...) {
    va_list list;
    va_start(list, n);
    int sum = 0;
    for (; n > 0; n--) sum += va_arg(list, int);
    va_end(list);
    return sum;
}
int main(int argc, char **argv) {
    char big[100000];
    signal(SIGUSR1, SIG_IGN);
    memset(big, argc, sizeof big);
    return aligned(argc, 1, 2, 3, 4, 5, 6, 7) + aligned_alloca(argc) + variadic(3, 1, 2, 3) + big[argc];
}
"""

THROWING = r"""
#include <stdexcept>
#include <string>
struct Guard { std::string text; ~Guard() { if (text.size() > 100) throw 1; } };
__attribute__((noinline)) int fails(int n) { Guard guard{"a"}; if (n > 1) throw std::runtime_error("b"); return n; }
int main(int argc, char **) {
    try { return fails(argc); } catch (const std::exception &error) { return error.what()[0]; }
}
"""


def build(directory: Path, *options: str, source: str = SOURCE, compiler: str = "gcc") -> Path:
    file = directory / ("source.cc" if compiler == "g++" else "source.c")
    file.write_text(source)
    subprocess.run([compiler, *options, "-o", directory / "binary", file], check=True)
    return directory / "binary"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("frames"), "-O2", "-fomit-frame-pointer", "-Wl,-z,lazy")


@dataclass(slots=True)
class Function:
    """What readelf says of an FDE: its addresses, and of rows of it the columns by their names."""

    start: int
    end: int
    rows: list[tuple[int, dict[str, str]]]


def read_by_readelf(path: Path | str) -> list[Function]:
    command = ["readelf", "--debug-dump=frames-interp,no-follow-links", str(path)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    section = text[text.index("Contents of the .eh_frame section") :].split("Contents of the .debug_frame", 1)[0]
    functions: list[Function] = []
    at_first: dict[str, dict[str, str]] = {}
    columns: list[str] = []
    cie = ""
    for line in section.splitlines():
        words = re.sub(r" \(\w+\)", "", line).split()  # the names of registers that others are in
        if len(words) > 3 and words[3] == "CIE":
            cie = words[0]
            at_first[cie] = {}
        elif len(words) > 3 and words[3] == "FDE":
            found = re.search(r"cie=(\w+) pc=(\w+)\.\.(\w+)", line)
            assert found is not None
            start, end = int(found[2], 16), int(found[3], 16)
            # Of functions without instructions there are no rows: all of it is as the CIE says.
            functions.append(Function(start, end, [(start, at_first[found[1]])]))
            cie = ""
        elif words[:1] == ["LOC"]:
            columns = words[1:]
            if not cie:
                functions[-1].rows.clear()
        elif len(words) == len(columns) + 1 and re.fullmatch(r"[0-9a-f]{16}", words[0]):
            values = dict(zip(columns, words[1:], strict=True))
            if cie:
                at_first[cie] = values
            else:
                functions[-1].rows.append((int(words[0], 16), values))
    return functions


def said(columns: dict[str, str]) -> Rules | None:
    """The rules of a row of readelf's; None where expressions are in it, which it does not show."""
    found = re.fullmatch(r"(rsp|rbp|r\w+)([+-]\d+)", columns["CFA"])
    if columns["ra"] == "u":
        return END
    if found is None or "exp" in (columns["ra"], columns.get("rbp")):
        return None
    if found[1] not in ("rsp", "rbp") or columns["ra"] != "c-8":
        return UNKNOWN
    frame = columns.get("rbp", "u")
    saved = frame.startswith("c")
    return (
        CfaRule.STACK if found[1] == "rsp" else CfaRule.FRAME,
        int(found[2]),
        FrameRule.SAVED if saved else FrameRule.SAME if frame in "us" else FrameRule.UNKNOWN,
        int(frame[1:]) if saved else 0,
    )


def compare(path: Path | str) -> Counter[str]:
    """Compares the table of a binary, row by row and between functions, with readelf; counts "CFA STACK" and so on."""
    with ElfFile(str(path)) as elf:
        table = rows(unwind_table(elf))
    functions = sorted(read_by_readelf(path), key=lambda function: function.start)
    counted: Counter[str] = Counter()
    behind = 0
    for function in functions:
        if function.start // 16 * 16 >= behind + 16:
            assert rules_at(table, function.start - 1) == UNKNOWN, hex(function.start - 1)
            assert rules_at(table, behind) == UNKNOWN, hex(behind)
        # Linkage tables without entries have a row behind their end.
        within = [row for row in function.rows if row[0] < function.end]
        ends = [address for address, _ in within[1:]] + [function.end]
        for (address, columns), end in zip(within, ends, strict=True):
            expected, found = said(columns), rules_at(table, address)
            assert found == rules_at(table, end - 1), hex(end - 1)
            assert expected in (None, found), hex(address)
            counted.update((f"CFA {found[0].name}", f"rbp {found[2].name}"))
        behind = function.end
    assert rules_at(table, behind) == UNKNOWN
    return counted


@needs_readelf
@needs_gcc
@pytest.mark.parametrize(
    ("options", "has"),
    [
        (("-O2", "-fomit-frame-pointer"), {"CFA STACK", "CFA AT_FRAME", "CFA FRAME", "CFA END"}),
        (("-O2", "-fno-omit-frame-pointer"), {"CFA FRAME", "CFA AT_FRAME"}),
        (("-O0",), {"CFA FRAME"}),
        (("-O3", "-fomit-frame-pointer", "-mstackrealign"), {"CFA AT_FRAME", "rbp AT_FRAME"}),
        (("-Os", "-fomit-frame-pointer", "-no-pie"), {"CFA STACK", "rbp SAVED"}),
        (("-O2", "-Wl,-z,lazy"), {"CFA PLT"}),
        (("-O2", "-static"), {"CFA SIGNAL", "CFA END"}),
        (("-O2", "-mcmodel=large"), {"CFA STACK"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_table_of_a_compiled_program_says_what_readelf_does(
    tmp_path: Path, options: tuple[str, ...], has: set[str]
) -> None:
    counted = compare(build(tmp_path, *options))
    assert has <= counted.keys()


@needs_readelf
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to build binaries")
def test_the_table_of_a_program_with_exceptions_says_what_readelf_does(tmp_path: Path) -> None:
    assert compare(build(tmp_path, "-O2", source=THROWING, compiler="g++"))["CFA STACK"] > 10


@needs_readelf
@pytest.mark.skipif(shutil.which("clang") is None, reason="needs clang to build binaries")
def test_the_table_of_a_program_of_clang_says_what_readelf_does(tmp_path: Path) -> None:
    options = ("-O2", "-fomit-frame-pointer", "-fasynchronous-unwind-tables")
    assert compare(build(tmp_path, *options, compiler="clang"))["CFA STACK"] > 10


def mapped_binaries(limit: int) -> list[str]:
    """The files of which this process has code mapped and that have unwind information, up to `limit` bytes of it."""
    found = []
    for path in sorted({mapping.path for mapping in ProcessMappings.code_of(os.getpid()) if mapping.is_file}):
        if os.path.exists(path):
            with ElfFile(path) as elf:
                section = frame_section(elf)
                if section is not None and len(section.data) < limit:
                    found.append(path)
    return found


@needs_readelf
def test_the_tables_of_python_the_c_library_and_all_that_runs_here_say_what_readelf_does() -> None:
    paths = mapped_binaries(600_000)
    assert any("python" in path for path in paths)
    for path in paths:
        counted = compare(path)
        assert counted.total() > 0, path
        if os.path.basename(path).startswith("libc.so"):
            assert {"CFA SIGNAL", "CFA END", "CFA STACK", "CFA FRAME"} <= counted.keys()


def without_section_headers(image: bytes) -> bytes:
    """As sstrip leaves a file: e_shoff, e_shnum and e_shstrndx are 0."""
    return image[:40] + bytes(8) + image[48:60] + bytes(4) + image[64:]


def image_table(image: bytes) -> bytes:
    return unwind_table(ElfFile.from_bytes(image, "made"))


@needs_gcc
@pytest.mark.parametrize("options", [("-pie", "-fPIE"), ("-no-pie",), ("-static",)], ids=" ".join)
def test_without_section_headers_the_table_is_found_by_its_segment(tmp_path: Path, options: tuple[str, ...]) -> None:
    image = build(tmp_path, "-O1", "-Wl,--eh-frame-hdr", *options).read_bytes()
    assert image_table(without_section_headers(image)) == image_table(image) != b""


def vdso_image() -> bytes:
    mapping = next((m for m in ProcessMappings.of(os.getpid()) if m.path == VDSO), None)
    if mapping is None:
        pytest.skip("this process has no vDSO")
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        return os.pread(memory.fileno(), mapping.end - mapping.start, mapping.start)


@needs_readelf
def test_the_image_of_the_vdso_has_a_table(tmp_path: Path) -> None:
    image = vdso_image()
    (tmp_path / "vdso").write_bytes(image)
    assert compare(tmp_path / "vdso")["CFA STACK"] > 1
    assert image_table(without_section_headers(image)) == image_table(image)


def patched_header(small: Path, patch: bytes, at: int = 0) -> bytes:
    """An image without section headers, with other bytes at a place of .eh_frame_hdr."""
    image = small.read_bytes()
    with ElfFile(str(small)) as elf:
        offset = next(header.offset for header in elf.program_headers if header.type == PT_GNU_EH_FRAME) + at
    return without_section_headers(image[:offset] + patch + image[offset + len(patch) :])


@needs_gcc
@pytest.mark.parametrize(
    ("patch", "at", "message"),
    [
        (b"\x02", 0, "made: .eh_frame_hdr: version 2"),
        (b"\xff", 1, "made: .eh_frame_hdr: a pointer of encoding 0xff at 4 is not known before the program runs"),
        (b"\x0f", 1, "made: .eh_frame_hdr: no pointer of encoding 0xf at 4 of 64"),
        (b"\xff", 2, ""),
        (b"\x03\x03\x3b\0\0\0\x80", 1, "made: .eh_frame at 0x80000000, where nothing is loaded: corrupt"),
    ],
)
def test_a_header_that_does_not_lead_to_the_section_is_an_error(
    small: Path, patch: bytes, at: int, message: str
) -> None:
    image = patched_header(small, patch, at)
    if not message:  # without the number of functions there is the terminator
        assert image_table(image) == image_table(small.read_bytes())
        return
    with pytest.raises(ElfError) as raised:
        image_table(image)
    assert str(raised.value) == message


@needs_gcc
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), has_sections=st.booleans())
def test_a_damaged_binary_gives_a_table_or_the_error_of_elf_files(
    small: Path, data: st.DataObject, has_sections: bool
) -> None:
    with ElfFile(str(small)) as elf:
        header = next(header for header in elf.program_headers if header.type == PT_GNU_EH_FRAME)
        places = st.one_of(st.integers(0, 0x300), st.integers(header.offset, header.offset + 0x800))
    image = bytearray(small.read_bytes())
    for place in data.draw(st.lists(places, min_size=1, max_size=5)):
        image[place] = data.draw(st.integers(0, 255))
    made = bytes(image) if has_sections else without_section_headers(bytes(image))
    try:
        found = rows(image_table(made))
    except ElfError:
        return
    assert [address for address, _ in found] == sorted({address for address, _ in found})
