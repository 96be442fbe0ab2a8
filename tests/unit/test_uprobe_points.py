"""How attach points of uprobe and uretprobe become places in files: names, wildcards, offsets, addresses, errors."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pybpftrace.core.artifacts import ProgramSpec
from pybpftrace.core.binary.elf import ElfFile
from pybpftrace.core.binary.instructions import is_instruction_start
from pybpftrace.core.linux.bpf_constants import AttachType
from pybpftrace.core.probe import AttachPointError, ConcretePoint, NoMatch
from pybpftrace.plugins.probes.uprobe import PROBE_TYPES
from uprobe_programs import C_SOURCE, Asked, boundaries, build, run_tool

UPROBE, _ = PROBE_TYPES


@pytest.fixture
def program(tmp_path: Path) -> str:
    return build(tmp_path, "app", C_SOURCE)


def complaint(*parts: str, pid: int | None = None) -> tuple[str, tuple[str, ...]]:
    with pytest.raises(AttachPointError) as caught:
        Asked(pid=pid).points(*parts)
    return str(caught.value), caught.value.hints


def program_of(point: ConcretePoint) -> ProgramSpec:
    return ProgramSpec("name", point, "kprobe", b"")


def address_of(program: str, symbol: str) -> int:
    with ElfFile(program) as elf:
        found = elf.symbol(symbol)
    assert found is not None
    return found.address


# Names


def test_a_function_is_a_place_in_a_file(program: str) -> None:
    (point,) = Asked().points("uprobe", program, "first")
    with ElfFile(program) as elf:
        offset = elf.address_to_offset(address_of(program, "first"))
    assert point.name == f"uprobe:{program}:first"
    assert point.settings == {"path": program, "offset": offset, "symbol": "first"}


@pytest.mark.parametrize("flags", [("-static",), ("-no-pie",), ("-shared", "-fPIC"), ("-m32",)], ids=str)
def test_every_kind_of_elf_file_has_places(tmp_path: Path, flags: tuple[str, ...]) -> None:
    if flags == ("-m32",):
        pytest.importorskip("capstone")
        flags = ("-m32", "-nostdlib", "-Wl,--entry=main")
    program = build(tmp_path, "kind", C_SOURCE, *flags)
    assert Asked().names("uprobe", program, "second") == [f"uprobe:{program}:second"]


def test_a_name_is_looked_for_in_the_directories_of_path(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(program).parent))
    assert Asked().names("uprobe", "app", "first") == [f"uprobe:{program}:first"]


def test_of_several_files_by_one_name_the_first_is_taken_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(build(tmp_path / name, "app", C_SOURCE))
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b")
    asked = Asked()
    assert asked.names("uprobe", "app", "first") == [f"uprobe:{paths[0]}:first"]
    assert asked.warnings == [f"attaching to uprobe target file '{paths[0]}' but matched 2 binaries"]


def test_one_file_under_two_names_is_one_file(tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "app").symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path}:{tmp_path}/bin")
    asked = Asked()
    assert asked.names("uprobe", "app", "first") == [f"uprobe:{program}:first"]
    assert asked.names("uprobe", f"{tmp_path}/*app*", "first") == [f"uprobe:{program}:first"]
    assert asked.warnings == []


def test_a_short_name_is_a_library(program: str) -> None:
    (name,) = Asked().names("uprobe", "libc", "malloc")
    assert name.startswith("uprobe:/") and "/libc.so" in name and name.endswith(":malloc")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (("FILE", "nothing"), "No matches for uprobe FILE:nothing."),
        (("FILE", "cpp", "nothing"), "No matches for uprobe FILE:nothing."),
        (("./no/such", "main"), "uprobe target file './no/such' does not exist or is not executable"),
        (("./no/such*", "main"), "uprobe target file './no/such*' does not exist or is not executable"),
        (("SOURCE", "main"), "uprobe target file 'SOURCE' does not exist or is not executable"),
        (("main",), "uprobe probe type requires 2 or 3 arguments, found 1"),
        (("FILE", "cpp", "main", "x"), "uprobe probe type requires 2 or 3 arguments, found 4"),
        (("FILE", "rust", "main"), "unsupported language type: rust"),
        (("", "main"), "uprobe should be attached to a function and/or address"),
        (("FILE", ""), "uprobe should be attached to a function and/or address"),
        (("FILE", "0"), "uprobe should be attached to a function and/or address"),
        (("FILE", "first+1+2"), "Cannot take more than one offset"),
        (("FILE", "first+x"), "Invalid offset: invalid integer"),
        (("FILE", "0xg"), "Invalid address: invalid integer suffix 'xg'"),
        (("FILE*", "0x10"), "Cannot use wildcards with absolute address"),
        (("FILE", "first+4000"), "Offset outside the function bounds ('first' size is SIZE)"),
    ],
)
def test_a_wrong_attach_point_is_told_what_is_wrong(program: str, written: tuple[str, ...], message: str) -> None:
    parts = [part.replace("FILE", program).replace("SOURCE", f"{program}.c") for part in written]
    size = Asked().target.user_function(program, "first")
    assert size is not None
    message = message.replace("FILE", program).replace("SOURCE", f"{program}.c").replace("SIZE", str(size.size))
    assert complaint("uprobe", *parts)[0] == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (("FILE", "first+1"), "Offset not allowed"),
        (("FILE", "@", "app.c", "3"), "Source code location not allowed"),
        (("FILE", "nothing"), "No matches for uretprobe FILE:nothing."),
    ],
)
def test_a_wrong_uretprobe_is_told_what_is_wrong(program: str, written: tuple[str, ...], message: str) -> None:
    parts = [part.replace("FILE", program) for part in written]
    assert complaint("uretprobe", *parts)[0] == message.replace("FILE", program)


def test_what_is_not_there_is_no_match_and_told_what_was_meant(program: str) -> None:
    with pytest.raises(NoMatch) as caught:
        Asked().points("uprobe", program, "frist")
    assert caught.value.hints == ("did you mean 'first'?",)


def test_a_corrupt_symbol_table_is_an_error_that_names_the_file(program: str) -> None:
    with ElfFile(program) as elf:
        table = elf.section(".symtab")
    assert table is not None
    data = bytearray(Path(program).read_bytes())
    entry = int.from_bytes(data[0x28:0x30], "little") + 64 * [s.name for s in elf.sections].index(".symtab")
    data[entry + 24 : entry + 32] = (2**40).to_bytes(8, "little")  # sh_offset
    Path(program).write_bytes(data)
    message, _ = complaint("uprobe", program, "first")
    assert message.startswith(f"{program}: ") and message.endswith("truncated or corrupt")


# Wildcards


def test_a_wildcard_names_every_function_that_fits_once(program: str) -> None:
    assert Asked().names("uprobe", program, "*c*nd*") == [f"uprobe:{program}:second"]
    assert {"alias", "first", "nosize", "second"} <= set(Asked().symbols("uprobe", program, "*s*"))


def test_a_wildcard_leaves_out_what_is_jumped_to_and_not_called(program: str) -> None:
    assert Asked().symbols("uretprobe", program, "first*") == ["first"]
    assert Asked().symbols("uprobe", program, "first.cold") == ["first.cold"]


def test_a_wildcard_may_match_nothing(program: str) -> None:
    assert Asked().points("uprobe", program, "nothing*") == []


def test_a_wildcard_in_the_file_takes_the_files_that_have_the_function(tmp_path: Path, program: str) -> None:
    other = build(tmp_path, "apple", "int main(void) { return 0; }")
    assert Asked().names("uprobe", f"{tmp_path}/app*", "first") == [f"uprobe:{program}:first"]
    assert Asked().names("uprobe", f"{tmp_path}/app*", "main") == [f"uprobe:{program}:main", f"uprobe:{other}:main"]


def test_several_places_of_a_file_are_one_link_where_the_kernel_has_it(program: str) -> None:
    places = Asked().points("uprobe", program, "*s*")
    (point,) = Asked("uprobe_multi").combined("uprobe", program, "*s*")
    assert (point.name, point.count) == (f"uprobe:{program}:*s*", len(places))
    assert point.text("path") == program
    assert point.numbers("offsets") == tuple(place.number("offset") for place in places)
    assert Asked().combined("uprobe", program, "*s*") == places


def test_a_place_of_a_wildcard_has_such_a_link_of_its_own_when_it_has_its_own_program(program: str) -> None:
    (point,) = Asked("uprobe_multi").points("uprobe", program, "sec*")
    assert UPROBE.load_settings(program_of(point)).attach_type == AttachType.TRACE_UPROBE_MULTI
    (point,) = Asked().points("uprobe", program, "sec*")
    assert UPROBE.load_settings(program_of(point)).attach_type == 0


def test_each_file_of_a_wildcard_has_its_own_link(tmp_path: Path, program: str) -> None:
    other = build(tmp_path, "apple", "int main(void) { return 0; }")
    points = Asked("uprobe_multi").combined("uretprobe", f"{tmp_path}/app*", "main")
    assert [point.name for point in points] == [f"uretprobe:{program}:main", f"uretprobe:{other}:main"]


def test_an_exact_place_keeps_its_own_link(program: str) -> None:
    for written in ("first", f"{address_of(program, 'first'):#x}"):
        (point,) = Asked("uprobe_multi").combined("uprobe", program, written)
        assert "offset" in point.settings and point.count == 1


# Offsets and addresses


def test_a_probe_inside_of_a_function_is_where_an_instruction_begins(program: str) -> None:
    (start, *_), (middle, *_) = boundaries(program, "first")
    (at_start,) = Asked().points("uprobe", program, "first")
    (point,) = Asked().points("uprobe", program, f"first+{start:#x}")
    assert point.name == f"uprobe:{program}:first+{start}"
    assert point.number("offset") == at_start.number("offset") + start
    assert complaint("uprobe", program, f"first+{middle}") == (
        f"Could not add uprobe into middle of instruction: {program}:first+{middle}",
        (
            "Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target "
            "process.",
        ),
    )


def test_unsafe_allows_the_middle_of_an_instruction_with_a_warning(program: str) -> None:
    _, (middle, *_) = boundaries(program, "first")
    asked = Asked(unsafe=True)
    (point,) = asked.points("uprobe", program, f"first+{middle}")
    assert point.name == f"uprobe:{program}:first+{middle}"
    assert asked.warnings == [f"Unsafe uprobe in the middle of the instruction: {program}:first+{middle}"]


def test_without_a_disassembler_no_place_can_be_checked(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "capstone", None)
    assert complaint("uprobe", program, "first+1")[0] == (
        "Can't check if uprobe is in proper place (compiled without (k|u)probe offset support): "
        f"{program}:first+1"
    )
    asked = Asked(unsafe=True)
    assert len(asked.points("uprobe", program, "first+1")) == 1
    assert asked.warnings == [f"Unchecked uprobe: {program}:first+1"]


def test_bytes_that_are_no_instructions_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("capstone")
    data = '__asm__(".globl data\\n.type data, @function\\ndata: .byte 6, 6, 6, 6\\n.size data, 4\\n");\n'
    program = build(tmp_path, "odd", data + "int main(void) { return 0; }")
    assert complaint("uprobe", program, "data+2")[0] == (
        f"Failed to check if uprobe is in proper place: {program}:data+2"
    )


def test_where_instructions_have_one_size_it_decides() -> None:
    assert [is_instruction_start("aarch64", b"", offset) for offset in (4, 6)] == [True, False]


@pytest.mark.parametrize("written", ["nosize", "nosize+1"])
def test_a_function_of_unknown_size_needs_unsafe(program: str, written: str) -> None:
    assert complaint("uprobe", program, written) == (
        "Could not determine boundary for nosize (symbol has size 0).",
        ("Use --unsafe to force attachment.",),
    )
    assert Asked(unsafe=True).names("uprobe", program, written) == [f"uprobe:{program}:{written}"]


def test_an_address_is_a_place_of_the_function_around_it(program: str) -> None:
    (start, *_), (middle, *_) = boundaries(program, "first")
    address = address_of(program, "first")
    (function,) = Asked().points("uprobe", program, "first")
    for offset in (0, start):
        (point,) = Asked().points("uprobe", program, f"{address + offset:#x}")
        assert point.name == f"uprobe:{program}:{address + offset}"
        assert point.number("offset") == function.number("offset") + offset
        assert point.text("symbol") == "first"
    assert complaint("uprobe", program, str(address + middle))[0] == (
        f"Could not add uprobe into middle of instruction: {program}:first+{middle}"
    )
    assert Asked().names("uretprobe", program, str(address)) == [f"uretprobe:{program}:{address}"]
    assert complaint("uretprobe", program, str(address + start))[0] == (
        "uretprobes can not be attached to a function offset"
    )


def test_an_address_outside_of_functions_needs_unsafe_and_is_then_one_of_the_file(tmp_path: Path) -> None:
    program = build(tmp_path, "bare", C_SOURCE)
    address = address_of(program, "first")
    run_tool("strip", program)
    assert complaint("uprobe", program, f"{address:#x}") == (
        f"Could not resolve address: {program}:{address:#x}",
        ("Use --unsafe to force attachment.",),
    )
    asked = Asked(unsafe=True)
    (point,) = asked.points("uprobe", program, f"{address:#x}")
    assert point.number("offset") == address
    assert asked.warnings == [
        f"Could not determine instruction boundary for uprobe:{program}:{address} (binary appears stripped). "
        "Misaligned probes can lead to tracee crashes!"
    ]


def test_unsafe_takes_any_file_by_its_exact_name(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(bytes(4096))
    asked = Asked(unsafe=True)
    (point,) = asked.points("uprobe", str(file), "16")
    assert point.settings == {"path": str(file), "offset": 16, "symbol": ""}
    assert str(file) in complaint("uprobe", str(file), "16")[0]
    with pytest.raises(NoMatch):
        asked.points("uprobe", f"{file}*", "f")


# Where symbols come from


def test_symbols_of_a_stripped_program_come_from_its_debug_file(tmp_path: Path) -> None:
    program = build(tmp_path, "stripped", C_SOURCE)
    (before,) = Asked().points("uprobe", program, "first")
    run_tool("objcopy", "--only-keep-debug", program, f"{program}.debug")
    run_tool("strip", program)
    run_tool("objcopy", f"--add-gnu-debuglink={program}.debug", program)
    asked = Asked()
    assert asked.points("uprobe", program, "first") == [before]
    assert before in asked.points("uprobe", program, "fir*")
    assert f"{program}.debug" in {fact.key for fact in asked.target.dependencies}


def test_a_debug_file_with_another_checksum_is_not_believed(tmp_path: Path) -> None:
    program = build(tmp_path, "stripped", C_SOURCE)
    run_tool("objcopy", "--only-keep-debug", program, f"{program}.debug")
    run_tool("strip", program)
    run_tool("objcopy", f"--add-gnu-debuglink={program}.debug", program)
    with open(f"{program}.debug", "ab") as file:
        file.write(b"x")
    assert complaint("uprobe", program, "first")[0] == f"No matches for uprobe {program}:first."


def test_versions_of_symbols_are_not_in_names(tmp_path: Path) -> None:
    script = tmp_path / "versions"
    script.write_text("V1 { global: first; local: *; };")
    library = build(tmp_path, "lib.so", C_SOURCE, "-shared", "-fPIC", f"-Wl,--version-script={script}")
    assert Asked().symbols("uprobe", library, "fir*t*") == ["first"]
