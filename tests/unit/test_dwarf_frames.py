"""What an instruction was compiled from: its line, and the functions that the compiler has put inline there."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pybpftrace.core.binary.dwarf_frames import SourceFrames
from pybpftrace.core.binary.dwarf_sections import DebugSections
from pybpftrace.core.binary.dwarf_units import DebugInfo
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.elf_format import ElfError
from pybpftrace.core.binary.symbol_names import SymbolNames
from pybpftrace.core.output import CodePlace

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc to build programs")

HEADER = """\
__attribute__((always_inline)) static inline int inner(int x)
{
    return outside(x) + 1;
}
"""
SOURCE = """\
__attribute__((noinline)) int outside(int x) { __asm__ volatile(""); return x * 3; }
#include "inner.h"
__attribute__((always_inline)) static inline int outer(int x)
{
    for (int i = 0; i < 3; i++)
        x += inner(x);
    return x;
}
__attribute__((noinline)) int whole(int x)
{
    int y = outer(x);
    return y + 1;
}
int main(int argc, char **argv) { return whole(argc); }
"""
BUILDS = [("gcc", "-g"), ("gcc", "-g", "-gdwarf-4"), ("clang", "-g"), ("clang", "-g", "-gdwarf-4"),
          ("gcc", "-g", "-pie"), ("gcc", "-g", "-gz=zlib"),
          ("gcc", "-g", "-ffunction-sections", "-Wl,--gc-sections")]  # fmt: skip


def compiled(directory: Path, *command: str, source: str = SOURCE, name: str = "program.c") -> Path:
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    (directory / "inner.h").write_text(HEADER)
    (directory / name).write_text(source)
    program = directory / "program"
    subprocess.run([*command, "-O2", "-w", "-o", program, directory / name], check=True)
    return program


def opened(program: Path) -> SourceFrames:
    frames = SourceFrames.open(str(program), SymbolNames())
    assert frames is not None
    return frames


def bounds(program: Path, function: str) -> range:
    with ElfFile(str(program)) as elf:
        symbol = elf.symbol(function)
    assert symbol is not None
    return range(symbol.address, symbol.address + symbol.size)


@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
def test_a_call_has_its_line_and_every_function_that_was_inlined_around_it(
    tmp_path: Path, build: tuple[str, ...]
) -> None:
    program = compiled(tmp_path, *build)
    frames = opened(program)
    found = {frames.places(address) for address in bounds(program, "whole")}
    assert (
        CodePlace("inner", f"{tmp_path}/inner.h", 3),
        CodePlace("outer", f"{tmp_path}/program.c", 6),
        CodePlace("whole", f"{tmp_path}/program.c", 11),
    ) in found


@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
def test_a_function_begins_at_its_own_line(tmp_path: Path, build: tuple[str, ...]) -> None:
    program = compiled(tmp_path, *build)
    frames = opened(program)
    assert frames.places(bounds(program, "whole").start) == (CodePlace("whole", f"{tmp_path}/program.c", 10),)
    assert frames.places(bounds(program, "outside").start) == (CodePlace("outside", f"{tmp_path}/program.c", 1),)


def test_inlined_functions_of_cpp_have_their_parameters(tmp_path: Path) -> None:
    source = """\
    int outside(int);
    namespace ns { template<class T> struct K {
        __attribute__((always_inline)) static int meth(T x, const char *s) { return outside(x) + (s != 0); }
    }; }
    __attribute__((noinline)) int whole(int x) { return ns::K<int>::meth(x, "a") + 1; }
    __attribute__((noinline)) int outside(int x) { asm volatile(""); return x; }
    int main(int argc, char **argv) { return whole(argc); }
    """
    program = compiled(tmp_path, "g++", "-g", source=source, name="program.cc")
    names = {place.function for at in bounds(program, "_Z5wholei") for place in opened(program).places(at)}
    assert names == {"ns::K<int>::meth(int, char const*)", "whole(int)"}


def test_code_without_debug_information_has_no_places(tmp_path: Path) -> None:
    program = compiled(tmp_path, "gcc", "-g")
    frames = opened(program)
    assert [frames.places(address) for address in (0, bounds(program, "_start").start, 1 << 40, 2**64 - 1)] == [()] * 4
    assert SourceFrames.open(str(compiled(tmp_path, "gcc")), SymbolNames()) is None
    assert SourceFrames.open(str(tmp_path / "absent"), SymbolNames()) is None


def test_debug_information_is_found_in_the_file_that_a_debug_link_names(tmp_path: Path) -> None:
    if shutil.which("objcopy") is None:
        pytest.skip("needs objcopy")
    program, debug = compiled(tmp_path, "gcc", "-g"), tmp_path / "program.debug"
    start = bounds(program, "whole").start
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["objcopy", "--strip-all", f"--add-gnu-debuglink={debug}", program], check=True)
    assert opened(program).places(start) == (CodePlace("whole", f"{tmp_path}/program.c", 10),)


@pytest.fixture(scope="module", params=[("gcc", "-g"), ("gcc", "-g", "-gdwarf-4"), ("clang", "-g")], ids=" ".join)
def image(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, tuple[tuple[int, int], ...], range]:
    """The bytes of a program, (offset, size) of its debug sections, and where a function of it is."""
    program = compiled(tmp_path_factory.mktemp("image"), *request.param)
    with ElfFile(str(program)) as elf:
        places = tuple((s.offset, s.size) for s in elf.sections if s.name.startswith(".debug_"))
    return program.read_bytes(), places, bounds(program, "whole")


damage = st.lists(
    st.tuples(st.integers(0, 20), st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage)
def test_tampered_debug_information_gives_places_or_none(
    image: tuple[bytes, tuple[tuple[int, int], ...], range], changes: list[tuple[int, float, int]]
) -> None:
    data, places, code = image
    changed = bytearray(data)
    for section, where, value in changes:
        offset, size = places[section % len(places)]
        changed[offset + int(where * size)] = value
    try:
        frames = SourceFrames(DebugInfo(DebugSections(ElfFile.from_bytes(bytes(changed), "p")), []), SymbolNames())
    except ElfError:
        return
    for address in (*code[::7], 0, 1 << 40):
        for place in frames.places(address):
            assert place.line >= 0
