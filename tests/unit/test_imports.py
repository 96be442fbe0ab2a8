"""Imports: what is found, what is refused, and how it comes into the program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pybpftrace.core import ast
from pybpftrace.core.config import Config
from pybpftrace.core.target.dependency import still_holds
from pybpftrace.passes.parse.config import ApplyConfig
from pybpftrace.passes.parse.import_files import DEPTH_LIMIT
from pybpftrace.passes.parse.imports import ResolveImports
from staged import Staged


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path


def imported(directory: Path, script: str, config: Config | None = None) -> Staged:
    return Staged(script, ApplyConfig(), ResolveImports(), config=config, directory=str(directory))


def points(script: Staged) -> list[str]:
    return [point.text for probe in script.program.probes for point in probe.attach_points]


def test_a_script_brings_probes_macros_functions_maps_and_c_definitions(files: Path) -> None:
    (files / "x.bt").write_text(
        "#define A 1\nstruct foo { int a; };\nlet @m = hash(5);\nmacro f() { 1 }\n"
        "fn g($a : int64) : int64 { return $a; }\nbegin { }\n"
    )
    program = imported(files, 'import "x.bt"; end { }').program
    assert [definition.text for definition in program.preamble] == ["#define A 1", "struct foo { int a; };"]
    assert [declaration.name for declaration in program.maps] == ["@m"]
    assert [macro.name for macro in program.macros] == ["f"]
    assert [function.name for function in program.functions] == ["g"]
    assert program.imports == ()


def test_imported_probes_come_before_those_of_the_script(files: Path) -> None:
    (files / "a.bt").write_text('import "b.bt"; begin { print("a"); }')
    (files / "b.bt").write_text('begin { print("b"); }')
    script = imported(files, 'import "a.bt"; begin { print("main"); }')
    strings = [node.value for node in ast.walk(script.program) if isinstance(node, ast.StringLiteral)]
    assert strings == [b"b", b"a", b"main"]


def test_the_path_is_relative_to_the_importing_script(files: Path) -> None:
    (files / "lib").mkdir()
    (files / "lib" / "a.bt").write_text('import "b.bt"; interval:s:1 { }')
    (files / "lib" / "b.bt").write_text("interval:s:2 { }")
    assert points(imported(files, 'import "lib/a.bt"; begin { }')) == ["interval:s:2", "interval:s:1", "begin"]


def test_spans_of_an_imported_script_lie_in_the_joined_source_and_show_its_own_name_and_line(files: Path) -> None:
    (files / "x.bt").write_text("\n\ninterval:s:1 { $here; }")
    script = imported(files, 'import "x.bt";\nbegin { }')
    program = script.program
    node = next(node for node in ast.walk(program) if isinstance(node, ast.Variable))
    assert program.source.text[node.span.start : node.span.end] == "$here"
    line = program.source.locate(node.span).line
    assert program.source.file_line(line) == (str(files / "x.bt"), 3)
    assert program.span.end == len(program.source.text)


def test_a_syntax_error_of_an_imported_script_is_shown_there(files: Path) -> None:
    (files / "x.bt").write_text("begin { $x = ; }")
    printed = imported(files, 'import "x.bt"; begin { }').printed()
    assert printed.startswith(f"{files}/x.bt:1:14-15: ERROR: syntax: ")
    assert "begin { $x = ; }\n" in printed


def test_each_file_is_imported_once_by_whatever_name(files: Path) -> None:
    (files / "x.bt").write_text("interval:s:1 { }")
    os.symlink(files / "x.bt", files / "y.bt")
    script = imported(files, 'import "x.bt"; import "./x.bt"; import "y.bt"; begin { }')
    assert points(script) == ["interval:s:1", "begin"]


def test_scripts_may_import_each_other_and_the_first_one(files: Path) -> None:
    main = files / "main.bt"
    main.write_text('import "a.bt"; begin { }')
    (files / "a.bt").write_text('import "b.bt"; interval:s:1 { }')
    (files / "b.bt").write_text('import "a.bt"; import "main.bt"; interval:s:2 { }')
    script = Staged(main.read_text(), ResolveImports(), name=str(main), directory=str(files))
    assert points(script) == ["interval:s:2", "interval:s:1", "begin"]


def test_imports_that_nest_too_deep_are_refused(files: Path) -> None:
    for number in range(DEPTH_LIMIT + 1):
        (files / f"{number}.bt").write_text(f'import "{number + 1}.bt"; begin {{ }}')
    (files / f"{DEPTH_LIMIT + 1}.bt").write_text("begin { }")
    assert imported(files, 'import "0.bt"; begin { }').message == f"ERROR: imports nest deeper than {DEPTH_LIMIT} files"


def test_a_header_is_included_by_the_preamble(files: Path) -> None:
    (files / "x.h").write_text("struct foo { int a; };\n")
    script = imported(files, 'import "x.h"; begin { }')
    (definition,) = script.program.preamble
    assert definition.text == f'#include "{files}/x.h"'
    assert script.program.source.text[definition.span.start : definition.span.end] == 'import "x.h";'


def test_a_directory_brings_the_supported_files_in_it_and_nothing_below(files: Path) -> None:
    lib = files / "lib"
    (lib / "below").mkdir(parents=True)
    (lib / "b.bt").write_text("interval:s:2 { }")
    (lib / "a.bt").write_text("interval:s:1 { }")
    (lib / "a.h").write_text("")
    (lib / "notes.txt").write_text("this is no script")
    (lib / "below" / "c.bt").write_text("interval:s:3 { }")
    script = imported(files, 'import "lib"; begin { }')
    assert points(script) == ["interval:s:1", "interval:s:2", "begin"]
    assert len(script.program.preamble) == 1
    assert script.messages == []


def test_another_kind_of_file_is_refused(files: Path) -> None:
    (files / "x.txt").write_text("")
    script = imported(files, 'import "x.txt"; begin { }')
    assert script.message == "ERROR: unknown import type: 'x.txt'"
    assert script.marked() == ['import "x.txt";']


def test_a_c_file_is_noted_where_the_import_is_and_its_text_can_be_shown(files: Path) -> None:
    (files / "x.bpf.c").write_text("int one;\nint two;\n")
    program = imported(files, 'import "x.bpf.c";\nbegin { }').program
    (file,) = program.c_files
    assert (file.path, program.source.text[file.span.start : file.span.end]) == (
        str(files / "x.bpf.c"), 'import "x.bpf.c";')  # fmt: skip
    line = program.source.text[: program.source.text.index("int two")].count("\n") + 1
    assert program.source.file_line(line) == (str(files / "x.bpf.c"), 2)


def test_a_c_file_is_imported_once_however_many_scripts_do(files: Path) -> None:
    (files / "x.bpf.c").write_text("")
    (files / "a.bt").write_text('import "x.bpf.c";')
    script = imported(files, 'import "a.bt"; import "x.bpf.c"; begin { }')
    assert len(script.program.c_files) == 1


def test_a_compiled_object_is_refused_with_what_to_do_instead(files: Path) -> None:
    (files / "x.bpf.o").write_text("")
    script = imported(files, 'import "x.bpf.o"; begin { }')
    assert script.message == (
        "ERROR: cannot import 'x.bpf.o': compiled BPF objects cannot be linked into a script's programs"
    )
    (hint,) = script.hints
    assert hint.startswith("import the C file that it was compiled from (.bpf.c)")


def test_in_a_directory_an_object_beside_its_c_file_is_left_alone(files: Path) -> None:
    lib = files / "lib"
    lib.mkdir()
    for name in ("x.bpf.c", "x.bpf.o"):
        (lib / name).write_text("")
    script = imported(files, 'import "lib"; begin { }')
    assert [file.path for file in script.program.c_files] == [str(lib / "x.bpf.c")]
    (lib / "y.bpf.o").write_text("")
    assert imported(files, 'import "lib"; begin { }').message.startswith("ERROR: cannot import 'y.bpf.o'")


@pytest.mark.parametrize("name", ["gone.bt", "", "a\\0b.bt", "/nowhere/x.bt"])
def test_what_is_not_there_is_an_error_that_says_where_it_was_looked_for(files: Path, name: str) -> None:
    script = imported(files, f'import "{name}"; begin {{ }}')
    assert script.message == "ERROR: Unable to find suitable path for import"
    (hint,) = script.hints
    assert hint.startswith("looked for '")


def test_what_cannot_be_read_is_an_error(files: Path) -> None:
    os.mkfifo(files / "x.bt")
    script = imported(files, 'import "x.bt"; begin { }')
    assert script.message == "ERROR: error reading import: it is no regular file"


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_found_file_that_everybody_can_write_is_skipped_with_a_warning(files: Path, what: str) -> None:
    (files / "x.bt").write_text("interval:s:1 { }")
    (files / "x.bt" if what == "file" else files).chmod(0o777)
    script = imported(files, 'import "x.bt"; begin { }')
    assert script.messages == [
        "WARNING: skipping due to global write permissions",
        "ERROR: Unable to find suitable path for import",
    ]


@pytest.mark.parametrize("path", ["./x.bt", "/x.bt"])
def test_one_that_is_named_by_its_path_is_refused(files: Path, path: str) -> None:
    (files / "x.bt").write_text("interval:s:1 { }")
    (files / "x.bt").chmod(0o666)
    written = path if path.startswith(".") else f"{files}/x.bt"
    script = imported(files, f'import "{written}"; begin {{ }}')
    expected = "ERROR: cowardly refusing to import from a directory with global write permissions"
    assert script.message == expected


def test_a_link_to_a_file_that_everybody_can_write_is_no_way_around(files: Path) -> None:
    (files / "open").mkdir()
    (files / "open" / "x.bt").write_text("interval:s:1 { }")
    (files / "open").chmod(0o777)
    os.symlink(files / "open" / "x.bt", files / "x.bt")
    assert imported(files, 'import "x.bt"; begin { }').messages[0].startswith("WARNING: skipping")


def test_an_open_file_in_an_imported_directory_is_refused(files: Path) -> None:
    (files / "lib").mkdir()
    (files / "lib" / "x.bt").write_text("interval:s:1 { }")
    (files / "lib" / "x.bt").chmod(0o666)
    expected = "ERROR: cowardly refusing to import from a directory with global write permissions"
    assert imported(files, 'import "lib"; begin { }').message == expected


def test_a_config_block_of_an_imported_script_is_refused(files: Path) -> None:
    (files / "x.bt").write_text("config = { max_strlen = 5 } begin { }")
    script = imported(files, 'import "x.bt"; begin { }')
    assert script.message == "ERROR: invalid `config` within import"
    assert script.compilation.config.max_strlen == 1024


def test_an_import_inside_a_block_is_refused(files: Path) -> None:
    (files / "x.bt").write_text("interval:s:1 { }")
    script = imported(files, 'begin { import "x.bt"; }')
    assert script.message == (
        "ERROR: Import statements that are not at the top level are primarily for the standard library"
    )
    assert script.marked() == ['import "x.bt";']


@pytest.mark.parametrize(("choice", "warnings"), [("warn", 1), ("enable", 0)])
def test_an_import_inside_a_block_is_resolved_where_the_configuration_allows_it(
    files: Path, choice: str, warnings: int
) -> None:
    (files / "x.bt").write_text("interval:s:1 { }")
    script = imported(files, 'begin { import "x.bt"; print(1); }', Config(unstable_import_statement=choice))
    assert points(script) == ["interval:s:1", "begin"]
    assert script.text() == "{ print(1); }"
    assert [message.partition(":")[0] for message in script.messages] == ["WARNING"] * warnings


def test_the_files_that_were_read_are_dependencies(files: Path) -> None:
    (files / "lib").mkdir()
    (files / "lib" / "x.bt").write_text("begin { }")
    (files / "y.h").write_text("")
    found = imported(files, 'import "lib"; import "y.h"; begin { }').target.dependencies
    assert [(d.kind, d.key) for d in found] == [
        ("file", f"{files}/lib"),
        ("text", f"{files}/lib/x.bt"),
        ("text", f"{files}/y.h"),
    ]
    assert all(still_holds(dependency) for dependency in found)
    (files / "lib" / "x.bt").write_text("end { }")
    assert [still_holds(dependency) for dependency in found] == [True, False, True]


def test_a_script_without_imports_stays_as_it_is(files: Path) -> None:
    script = Staged("begin { }")
    assert ResolveImports().run(script.program, script.compilation) is script.program
