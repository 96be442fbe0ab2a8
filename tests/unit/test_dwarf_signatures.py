"""Functions and types out of debug information, as gcc and clang write it in DWARF 3, 4 and 5."""

from __future__ import annotations

from pathlib import Path

import pytest
from dwarf_programs import address_of, compiled, opened
from pybpftrace.core.binary.dwarf import Dwarf, DwarfError, NoFunction, Parameter
from pybpftrace.core.types import INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, VOID, Enum, Pointer, String, Struct

BUILDS = [
    ("gcc", "-g", "-gdwarf-5"),
    ("gcc", "-g", "-gdwarf-4"),
    ("gcc", "-g", "-gdwarf-3", "-gstrict-dwarf"),
    ("gcc", "-g", "-O2"),
    ("gcc", "-g", "-gz=zlib"),
    ("gcc", "-g", "-gdwarf64"),
    ("clang", "-g", "-gdwarf-5"),
    ("clang", "-g", "-gdwarf-4"),
    ("clang", "-g", "-O2", "-ffunction-sections"),
]
CPP_BUILDS = [
    ("g++", "-g"),
    ("g++", "-g", "-gdwarf-4"),
    ("g++", "-g", "-O2", "-fno-ipa-sra"),
    ("g++", "-g", "-fdebug-types-section"),
    ("g++", "-g", "-gdwarf-4", "-fdebug-types-section"),
    ("clang++", "-g"),
    ("clang++", "-g", "-gdwarf-4", "-fstandalone-debug"),
]


@pytest.fixture(params=BUILDS, ids=" ".join)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return compiled(tmp_path, *request.param)


@pytest.fixture(params=CPP_BUILDS, ids=" ".join)
def cpp_program(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return compiled(tmp_path, *request.param)


def parameters(program: str, function: str) -> dict[str, Parameter]:
    return {p.name: p for p in opened(program).signature(address_of(program, function)).parameters}


def written(program: str, function: str) -> list[str]:
    return [f"{p.c_text} {p.name}" for p in parameters(program, function).values()]


def test_parameters_are_written_as_in_c(program: str) -> None:
    assert written(program, "f") == ["int a", "const char * s", "struct node * p"]
    assert written(program, "g") == ["signed char c", "enum colour e", "struct bits * b", "unnamed * q", "callback cb",
                                     "const char * const * argv"]  # fmt: skip
    assert written(program, "nothing") == []


def test_a_function_has_a_result_unless_it_is_void(program: str) -> None:
    dwarf = opened(program)
    result = dwarf.signature(address_of(program, "f")).result
    assert result is not None
    assert (result.c_text, result.type) == ("int", INT32)
    assert dwarf.signature(address_of(program, "nothing")).result is None


def test_parameters_have_the_types_of_the_language(program: str) -> None:
    node = Struct("struct node", 16, (), True, 8, program)
    assert {name: p.type for name, p in parameters(program, "f").items()} == {
        "a": INT32, "s": Pointer(INT8, "user"), "p": Pointer(node, "user")}  # fmt: skip
    types = {name: p.type for name, p in parameters(program, "g").items()}
    assert types["c"] == INT8
    assert types["e"] == Enum("enum colour", 4, True, (("RED", 0), ("GREEN", 5), ("NEGATIVE", -1)))
    assert types["cb"] == Pointer(VOID, "user")
    assert types["argv"] == Pointer(Pointer(INT8, "user"), "user")
    types = {name: p.type for name, p in parameters(program, "h").items()}
    assert (types["d"], types["n"], types["yes"]) == (VOID, UINT16, UINT8)
    assert types["o"] == Pointer(Struct("struct opaque", 0, (), True, 1, program), "user")


def test_a_struct_that_points_to_itself_has_members(program: str) -> None:
    members = opened(program).members("struct node")
    assert members is not None
    assert [(f.name, f.offset) for f in members] == [("next", 0), ("value", 8)]
    assert members[0].type == Pointer(Struct("struct node", 16, (), True, 8, program), "user")


def test_bit_fields_have_the_place_and_width_that_the_compiler_gave_them(program: str) -> None:
    members = opened(program).members("struct bits")
    assert members is not None
    assert [(f.name, str(f.type), f.offset, f.bit_shift, f.bit_width) for f in members] == [
        ("a", "uint32", 0, 0, 3), ("b", "uint32", 0, 3, 9), ("c", "int32", 1, 4, 5), ("d", "int64", 2, 1, 40),
        ("name", "string[16]", 8, 0, 0), ("on", "uint8", 24, 0, 0), ("x", "void", 32, 0, 0)]  # fmt: skip


def test_members_of_unnamed_structs_count_as_those_of_the_struct_around_them(program: str) -> None:
    dwarf = opened(program)
    dwarf.signature(address_of(program, "g"))
    members = dwarf.members("unnamed")
    assert members is not None
    assert [(f.name, f.offset) for f in members] == [("i", 0), ("u", 4), ("v", 6), ("k", 8), ("grid", 12)]
    assert str(members[4].type) == "int32[3][2]"
    inner = members[3].type
    assert isinstance(inner, Struct)
    assert inner.name == "union {int32,string[4]}"
    assert [(f.name, f.type) for f in dwarf.members(inner.name) or ()] == [("w", INT32), ("z", String(4))]


def test_values_are_classified_as_the_calling_convention_sees_them(program: str) -> None:
    passed = {name: p.passing.pieces for name, p in parameters(program, "h").items()}
    assert passed == {"d": ("float",), "n": ("integer",), "u": ("integer",), "o": ("integer",), "yes": ("integer",)}
    assert len(parameters(program, "many")["b"].passing.pieces) == 5


def test_a_type_can_be_asked_for_by_name(program: str) -> None:
    dwarf = opened(program)
    assert dwarf.named("struct", "node") == Struct("struct node", 16, (), True, 8, program)
    assert dwarf.named("", "callback") == Pointer(VOID, "user")
    assert str(dwarf.named("enum", "colour")) == "enum colour"
    assert dwarf.named("struct", "colour") is None
    assert dwarf.named("union", "nothing") is None
    assert dwarf.members("struct opaque") is None


def test_a_place_that_is_no_start_of_a_function_has_no_signature(program: str) -> None:
    place = address_of(program, "f") + 1
    with pytest.raises(NoFunction, match=f"^{program}: no debug information for the function at {place:#x}$"):
        opened(program).signature(place)


def test_a_method_has_this_and_the_members_of_its_base_classes(cpp_program: str) -> None:
    found = parameters(cpp_program, "_ZNK2ns7Derived6method")
    assert list(found) == ["this", "x", "s", "base"]
    assert found["base"].c_text == "struct Base &"
    this = found["this"].type
    assert isinstance(this, Pointer)
    assert str(this) == "struct Derived *"
    members = {f.name: (f.offset, str(f.type)) for f in opened(cpp_program).members("struct Derived") or ()}
    assert members == {"b": (8, "int32"), "same": (16, "int32"), "d": (24, "int64"), "kind": (32, "enum Kind")}


def test_a_class_with_a_destructor_is_passed_by_reference(cpp_program: str) -> None:
    found = parameters(cpp_program, "_ZN2ns7byvalue")
    assert [(p.passing.pieces, p.passing.by_reference) for p in found.values()] == [
        (("integer",), False),
        (("integer", "integer"), False),
        (("integer",), True),
        (("integer",), False),
    ]


def test_an_instance_of_a_template_is_a_function_like_any_other(cpp_program: str) -> None:
    assert {name: p.type for name, p in parameters(cpp_program, "_ZN2ns5twiceIs").items()} == {"v": INT16}


def test_two_source_files_may_have_different_structs_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "other.c").write_text("struct node { long wide; }; long other(struct node *n) { return n->wide; }")
    (tmp_path / "same.c").write_text("struct node { struct node *next; int value; };"
                                     "long same(struct node *n) { return n->value; }")  # fmt: skip
    program = compiled(tmp_path, "gcc", "-g", str(tmp_path / "other.c"), str(tmp_path / "same.c"))
    dwarf = opened(program)
    names = [str(dwarf.signature(address_of(program, function)).parameters[-1].type)
             for function in ("f", "other", "same")]  # fmt: skip
    assert names == ["struct node *", "struct node#2 *", "struct node *"]
    assert [f.type for f in dwarf.members("struct node#2") or ()] == [INT64]


def test_a_struct_that_is_defined_in_another_source_file_has_its_members(tmp_path: Path) -> None:
    (tmp_path / "other.c").write_text("struct opaque { unsigned inside; } o; unsigned use(void) { return o.inside; }")
    program = compiled(tmp_path, "gcc", "-g", str(tmp_path / "other.c"))
    dwarf = opened(program)
    dwarf.signature(address_of(program, "h"))
    assert [(f.name, f.type) for f in dwarf.members("struct opaque") or ()] == [("inside", UINT32)]


def test_a_packed_struct_has_no_alignment(tmp_path: Path) -> None:
    source = (
        "struct tight { char c; long l; } __attribute__((packed)); struct wide { char c; long l; };"
        "int f(struct tight *t, struct wide *w) { return t->c + w->c; } int main(void) { return 0; }"
    )
    program = compiled(tmp_path, "gcc", "-g", source=source)
    found = parameters(program, "f")
    aligned = {n: p.type.pointee.alignment for n, p in found.items() if isinstance(p.type, Pointer)
               and isinstance(p.type.pointee, Struct)}  # fmt: skip
    assert aligned == {"t": 1, "w": 8}


def test_a_struct_that_shows_no_members_has_an_unknown_place(tmp_path: Path) -> None:
    """The enums of Rust, whose variants are no members, look so too."""
    source = "struct odd { int : 32; }; int f(struct odd o, int a) { return a; } int main(void) { return 0; }"
    found = parameters(compiled(tmp_path, "gcc", "-g", source=source), "f")
    assert found["o"].passing.pieces == ("unknown",)


def test_split_debug_information_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # gcc puts the .dwo file here
    program = compiled(tmp_path, "gcc", "-g", "-gsplit-dwarf")
    with pytest.raises(DwarfError) as error:
        opened(program).signature(address_of(program, "f"))
    assert str(error.value) == f"{program}: split debug information (.dwo files) is not read"


def test_a_program_without_debug_information_has_none(tmp_path: Path) -> None:
    looked_at: list[str] = []
    program = compiled(tmp_path, "gcc", "-g0")
    assert Dwarf.open(program, looked_at) is None
    assert any(path.startswith("/usr/lib/debug/.build-id/") for path in looked_at)


def test_a_function_of_a_file_compiled_without_debug_information_is_told_apart(tmp_path: Path) -> None:
    compiled(tmp_path, "gcc", "-c", source="int quiet(int a) { return a; }", name="quiet.o")
    program = compiled(tmp_path, "gcc", "-g", str(tmp_path / "quiet.o"))
    with pytest.raises(NoFunction):
        opened(program).signature(address_of(program, "quiet"))
