"""Addresses of source lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from dwarf_programs import C, address_of, compiled, opened
from pybpftrace.core.binary.dwarf import SourceError

#: The line with the brace that opens `f`. Compilers differ in whether that or the one before it is where it begins.
FIRST = next(number for number, line in enumerate(C.splitlines(), 1) if line.startswith("int f(")) + 1
BUILDS = [("gcc", "-gdwarf-5"), ("gcc", "-gdwarf-4"), ("gcc", "-gdwarf-3"), ("clang", "-gdwarf-5"),
          ("clang", "-gdwarf-4"), ("gcc", "-gdwarf64")]  # fmt: skip


@pytest.fixture(params=BUILDS, ids=" ".join)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return compiled(tmp_path, request.param[0], "-g", *request.param[1:])


def test_the_lines_of_a_function_are_within_it_one_after_the_other(program: str) -> None:
    dwarf = opened(program)
    body = [dwarf.source_address("prog.c", line, None) for line in (FIRST + 1, FIRST + 2)]
    assert address_of(program, "f") < body[0] < body[1] < address_of(program, "g")


def test_the_line_of_a_function_is_where_it_begins(tmp_path: Path) -> None:
    program = compiled(tmp_path, "gcc", "-g", source="int f(void) { return 1; }\nint main(void) { return f(); }\n")
    assert opened(program).source_address("prog.c", 1, None) == address_of(program, "f")
    assert opened(program).source_address("prog.c", 2, None) == address_of(program, "main")


def test_as_much_of_the_path_is_compared_as_is_written(program: str) -> None:
    dwarf, directory = opened(program), Path(program).parent
    for written in (f"{directory.name}/prog.c", f"{directory}/prog.c", "./prog.c"):
        assert dwarf.source_address(written, FIRST + 1, None) == dwarf.source_address("prog.c", FIRST + 1, None)
    for written in ("rog.c", "elsewhere/prog.c", "prog"):
        with pytest.raises(SourceError, match=f"^No compilation unit matches {written}$"):
            dwarf.source_address(written, FIRST, None)


def test_a_line_without_code_has_no_address(program: str) -> None:
    with pytest.raises(SourceError, match=r"^Unable to map 'prog\.c:2' to address$"):
        opened(program).source_address("prog.c", 2, None)


def test_a_column_has_to_be_one_of_the_table(program: str) -> None:
    dwarf = opened(program)
    column = next(c for c in range(1, 80) if _maps(program, FIRST + 1, c))
    assert dwarf.source_address("prog.c", FIRST + 1, column) >= dwarf.source_address("prog.c", FIRST + 1, None)
    with pytest.raises(SourceError, match=rf"^Unable to map 'prog\.c:{FIRST + 1}:99' to address$"):
        dwarf.source_address("prog.c", FIRST + 1, 99)


def _maps(program: str, line: int, column: int) -> bool:
    try:
        opened(program).source_address("prog.c", line, column)
    except SourceError:
        return False
    return True


def test_two_files_of_one_name_have_to_be_told_apart(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "prog.c").write_text("int other(void) { return 1; }\n")
    program = compiled(tmp_path, "gcc", "-g", str(tmp_path / "sub" / "prog.c"))
    with pytest.raises(SourceError) as error:
        opened(program).source_address("prog.c", 1, None)
    assert str(error.value) == (
        f"Ambiguous source path, matches multiple files: {tmp_path}/prog.c, {tmp_path}/sub/prog.c"
    )
    assert opened(program).source_address("sub/prog.c", 1, None) == address_of(program, "other")


def test_code_of_an_included_file_is_not_that_of_the_compiled_one(tmp_path: Path) -> None:
    (tmp_path / "inline.h").write_text("\n" * 200 + "static inline int in(int a) { return a + 1; }\n")
    program = compiled(tmp_path, "gcc", "-g", source='#include "inline.h"\nint main(void) { return in(1); }')
    with pytest.raises(SourceError, match=r"^Unable to map"):
        opened(program).source_address("prog.c", 201, None)
    with pytest.raises(SourceError, match=r"^No compilation unit matches inline\.h$"):
        opened(program).source_address("inline.h", 201, None)


def test_functions_that_the_linker_dropped_are_passed_over(tmp_path: Path) -> None:
    source = "int dropped(int a)\n{\n return a;\n}\nint main(void) { return 0; }\n"
    program = compiled(tmp_path, "gcc", "-g", "-ffunction-sections", "-Wl,--gc-sections", source=source)
    with pytest.raises(SourceError, match=r"^Unable to map 'prog\.c:3' to address$"):
        opened(program).source_address("prog.c", 3, None)
    assert opened(program).source_address("prog.c", 5, None) == address_of(program, "main")
