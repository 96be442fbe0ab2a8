"""The C types of a preamble: how C's types become the language's, and what of the kernel they may use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pybpftrace.core.c_preamble.translation_unit import CONFLICT, MISSING_TYPE_HINT
from pybpftrace.core.target.dependency import Dependency, file_fact
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT32,
    UINT64,
    VOID,
    Array,
    Enum,
    Field,
    Pointer,
    String,
    Struct,
)

from .c_preambles import Preamble, kernel_types


def test_a_struct_is_known_by_its_name_and_its_members_are_asked_for() -> None:
    script = Preamble("struct foo { int a; long b; };")
    assert script.types.named("struct", "foo") == Struct("struct foo", 16, (), True, 8)
    assert script.members("struct foo") == (Field("a", INT32, 0), Field("b", INT64, 8))
    assert script.types.members(Struct("struct bar", by_name=True)) is None


def test_a_word_without_tag_is_no_struct_of_the_script() -> None:
    script = Preamble("struct foo { int a; }; union bar { int b; }; enum baz { C };")
    assert [script.types.named("", name) for name in ("foo", "bar", "baz")] == [None, None, None]


def test_the_base_types_have_their_sizes_and_signs() -> None:
    script = Preamble("struct s { _Bool a; char b; unsigned char c; short d; unsigned e; unsigned long f; double g; };")
    types = [member.type for member in script.members("struct s")]
    assert types == [BOOL, INT8, UINT8, INT16, UINT32, UINT64, VOID]


def test_one_member_of_each_kind_of_array() -> None:
    script = Preamble("struct s { char name[16]; int m[2][3]; char names[4][8]; unsigned char raw[4]; long rest[]; };")
    assert script.members("struct s") == (
        Field("name", String(17), 0, size=16),
        Field("m", Array(Array(INT32, 3), 2), 16),
        Field("names", Array(String(8), 4), 40),  # the stride is C's
        Field("raw", Array(UINT8, 4), 72),
        Field("rest", Array(INT64, 0), 80),
    )


def test_bit_fields_say_their_byte_shift_and_width() -> None:
    script = Preamble("struct s { unsigned a : 3, b : 7, : 4, c : 12; int : 0; unsigned long d : 40; };")
    assert script.members("struct s") == (
        Field("a", UINT32, 0, bit_shift=0, bit_width=3),
        Field("b", UINT32, 0, bit_shift=3, bit_width=7),
        Field("c", UINT32, 1, bit_shift=6, bit_width=12),
        Field("d", UINT64, 8, bit_shift=0, bit_width=40),
    )


def test_members_of_nameless_structs_and_unions_are_members_of_the_outer_one() -> None:
    script = Preamble("struct s { int a; struct { int b; union { char c; struct { long d; int e : 5; }; }; }; };")
    places = [(member.name, member.offset, member.bit_width) for member in script.members("struct s")]
    assert places == [("a", 0, 0), ("b", 8, 0), ("c", 16, 0), ("d", 16, 0), ("e", 24, 5)]


def test_a_named_member_of_a_nameless_type_keeps_its_members() -> None:
    script = Preamble("struct s { struct { int a; } in; enum { X, Y } e; };")
    inner, enum = script.members("struct s")
    assert isinstance(inner.type, Struct) and inner.type.fields == (Field("a", INT32, 0),)
    assert enum.type == Enum("enum", 4, False, (("X", 0), ("Y", 1)))


def test_the_layout_is_that_of_the_compiler_packed_or_aligned() -> None:
    script = Preamble(
        """struct p { char a; int b; } __attribute__((packed));
#pragma pack(push, 2)
struct q { char a; int b; };
#pragma pack(pop)
struct r { char a; int b __attribute__((aligned(16))); };"""
    )
    assert [(m.name, m.offset) for m in script.members("struct p")] == [("a", 0), ("b", 1)]
    sizes = [(s.size, s.alignment) for s in (script.struct(f"struct {name}") for name in "pqr")]
    assert sizes == [(5, 1), (6, 2), (32, 16)]


def test_pointers_say_what_they_point_to_and_structs_may_refer_to_themselves() -> None:
    script = Preamble("struct s { struct s *next; int **p; void (*call)(int); const volatile char *text; };")
    node = script.struct("struct s")
    types = [member.type for member in script.members("struct s")]
    assert types == [Pointer(node), Pointer(Pointer(INT32)), Pointer(VOID), Pointer(INT8)]


def test_a_struct_that_is_only_declared_has_a_name_and_no_members() -> None:
    script = Preamble("struct s { struct other *p; };")
    (member,) = script.members("struct s")
    assert member.type == Pointer(Struct("struct other", by_name=True, alignment=1))
    assert script.types.members(Struct("struct other", by_name=True)) is None


def test_typedefs_that_headers_make_are_words_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text(
        "typedef unsigned long word; typedef struct { word w; } box; typedef struct foo { int a; } foo;"
        "typedef enum { ON = 1 } light; typedef char name[8];"
    )
    script = Preamble("#include <h.h>", include_directories=(str(tmp_path),))
    named = {name: script.types.named("", name) for name in ("word", "box", "foo", "light", "name")}
    assert named == {
        "word": UINT64,
        "box": Struct("box", 8, (Field("w", UINT64, 0),), False, 8),
        "foo": Struct("struct foo", 4, (), True, 4),
        "light": Enum("enum light", 4, False, (("ON", 1),)),
        "name": String(9),
    }


def test_enum_constants_know_their_value_and_their_enum() -> None:
    script = Preamble("enum e { A, B = 5, C }; enum n { MINUS = -1 }; enum w { BIG = 0x100000000 };")
    e = Enum("enum e", 4, False, (("A", 0), ("B", 5), ("C", 6)))
    assert script.types.named("enum", "e") == e
    assert script.types.constant("C") == (6, e)
    assert script.types.constant("MINUS") == (-1, Enum("enum n", 4, True, (("MINUS", -1),)))
    assert script.types.constant("BIG") == (1 << 32, Enum("enum w", 8, False, (("BIG", 1 << 32),)))
    assert script.types.constant("D") is None


def test_enums_inside_of_structs_are_known_like_any_other() -> None:
    script = Preamble("struct s { enum { IN_NAMELESS = 3 } e; struct deep { enum d { DEEP } x; } y; };")
    assert script.types.constant("IN_NAMELESS") == (3, Enum("enum", 4, False, (("IN_NAMELESS", 3),)))
    assert script.types.named("enum", "d") == Enum("enum d", 4, False, (("DEEP", 0),))
    assert script.members("struct deep") == (Field("x", Enum("enum d", 4, False, (("DEEP", 0),)), 0),)


# Macros


def test_an_object_like_macro_is_its_tokens_without_blanks() -> None:
    script = Preamble('#define A 1\n#define B ( A + /* one */ 2 )\n#define S "a  b"\n#define NOTHING\n')
    assert [script.types.macro(name) for name in ("A", "B", "S", "NOTHING")] == ["1", "(A+2)", '"a  b"', ""]


def test_function_like_macros_and_unknown_ones_are_none() -> None:
    script = Preamble("#define F(x) x\n#define G (x)\n")
    assert [script.types.macro(name) for name in ("F", "G", "H")] == [None, "(x)", None]


def test_a_macro_may_go_on_behind_a_backslash_and_hold_any_bytes() -> None:
    script = Preamble(b'#define LONG 1 + \\\n  2\n#define RAW "\xff\xc3\xa9"\n')
    assert script.types.macro("LONG") == "1+2"
    assert script.types.macro("RAW") == '"\xff\xc3\xa9"'


def test_conditions_choose_what_is_defined() -> None:
    first, second = "#define B 1\nstruct s { int a; };", "#define B 2\n#include <none.h>"
    script = Preamble(f"#define A\n#ifdef A\n{first}\n#else\n{second}\n#endif")
    assert script.types.macro("B") == "1"
    assert script.struct("struct s").size == 4


# Headers


@pytest.mark.parametrize("header", ["stdint.h", "stddef.h", "stdbool.h", "limits.h", "stdarg.h", "linux/types.h"])
def test_these_headers_are_always_there(header: str) -> None:
    assert Preamble(f"#include <{header}>").printed == ""


def test_built_in_headers_agree_with_the_compiler() -> None:
    includes = "#include <stdint.h>\n#include <limits.h>\n"
    script = Preamble(includes + "struct s { uint8_t a; int64_t b; char c[INT_MAX / 2]; };")
    assert [member.offset for member in script.members("struct s")] == [0, 8, 16]
    assert script.types.named("", "uint16_t") is not None
    assert script.types.macro("PATH_MAX") == "4096"


def test_headers_are_found_by_option_and_are_what_a_cached_result_depends_on(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner.h", tmp_path / "outer.h"
    inner.write_text("#define FROM_INNER 3\n")
    outer.write_text('#include "inner.h"\nstruct o { int a[FROM_INNER]; };\n')
    script = Preamble("#include <outer.h>", include_directories=(str(tmp_path),))
    assert script.struct("struct o").size == 12
    assert script.types.macro("FROM_INNER") == "3"
    expected = [Dependency("file", str(path), file_fact(str(path))) for path in (inner, outer)]
    assert [d for d in script.dependencies if d.key.startswith(str(tmp_path))] == expected


def test_a_tree_of_kernel_headers_is_searched_with_the_kernels_own_macros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "include/linux/kconfig.h": "#include <generated/autoconf.h>\n",
        "include/generated/autoconf.h": "#define CONFIG_THING 1\n",
        "arch/x86/include/asm/own.h": "struct of_x86 { int a; };\n",
        "include/linux/sched.h": "#ifdef __KERNEL__\n#include <asm/own.h>\nstruct of_kernel { int a, b; };\n#endif\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("BPFTRACE_KERNEL_SOURCE", str(tmp_path))
    script = Preamble("#include <linux/sched.h>\n#ifdef CONFIG_THING\n#define THING KBUILD_MODNAME\n#endif\n")
    assert (script.struct("struct of_kernel").size, script.struct("struct of_x86").size) == (8, 4)
    assert script.types.macro("THING") == "KBUILD_MODNAME"
    assert script.types.macro("KBUILD_MODNAME") == '"bpftrace"'


def test_a_file_of_the_include_option_needs_no_preamble(tmp_path: Path) -> None:
    (tmp_path / "h.h").write_text("struct o { int a; };\n")
    script = Preamble("", include_files=(str(tmp_path / "h.h"),))
    assert script.struct("struct o").size == 4


def test_the_header_of_an_import_is_included_by_its_path_and_errors_point_at_the_import(tmp_path: Path) -> None:
    from dataclasses import replace

    from pybpftrace.core import ast
    from pybpftrace.core.c_preamble import load_c_types

    header = tmp_path / "h.h"
    header.write_text("struct o { nonsense a; };\n")
    script = Preamble('import "h.h";')
    (statement,) = script.program.imports
    definition = ast.CDefinition(statement.span, f'#include "{header}"')
    load_c_types(replace(script.program, preamble=(definition,)), script.compilation)
    assert script.messages == [f"{header}:1:12: unknown type name 'nonsense'"]
    assert script.marked == ['import "h.h";']


# What the kernel gives


def test_kernel_types_that_the_preamble_uses_come_from_btf() -> None:
    script = Preamble("struct s { u32 a; pid_t b; struct list_head l; enum state e; char n[BUSY]; };", kernel_types())
    list_head = Struct("struct list_head", 16, (), True, 8)
    assert script.members("struct s") == (
        Field("a", UINT32, 0),
        Field("b", INT32, 4),
        Field("l", list_head, 8),
        Field("e", Enum("enum state", 4, False, (("IDLE", 0), ("BUSY", 7))), 24),
        Field("n", String(8), 28, size=7),
    )
    assert script.members("struct list_head") == (
        Field("next", Pointer(list_head, "kernel"), 0),
        Field("prev", Pointer(list_head, "kernel"), 8),
    )


def test_a_pointer_to_a_kernel_struct_knows_its_size_and_its_members_keep_their_tags() -> None:
    script = Preamble("struct s { struct task *t; };", kernel_types())
    (member,) = script.members("struct s")
    assert member.type == Pointer(Struct("struct task", 32, (), True, 8))
    assert script.members("struct task")[2].type == Pointer(Struct("struct list_head", 16, (), True, 8), "user")


def test_without_btf_they_are_unknown() -> None:
    script = Preamble("struct s { u32 a; };")
    assert script.messages == ["unknown type name 'u32'"]
    assert script.marked == ["u32"]


def test_kernel_types_are_there_besides_the_scripts_own() -> None:
    script = Preamble("struct s { int a; };", kernel_types())
    assert script.types.named("", "task") == Struct("struct task", 32, (), True, 8)
    assert script.types.named("", "pid_t") == INT32
    assert script.types.constant("BUSY") is not None
    assert set(script.types.names()) == {"s"}


def test_the_guard_of_old_scripts_leaves_kernel_headers_out_when_there_is_btf() -> None:
    guarded = "#ifndef BPFTRACE_HAVE_BTF\n#include <linux/none.h>\n#else\nstruct s { int a; };\n#endif"
    assert Preamble(guarded, kernel_types()).struct("struct s").size == 4
    without = Preamble(guarded)
    assert without.messages == ["'linux/none.h' file not found"]
    assert without.marked == ["<linux/none.h>"]


def test_the_kernels_own_integer_names_stand_in_for_linux_types_h() -> None:
    script = Preamble("#include <linux/types.h>\nstruct s { u32 a; };", kernel_types())
    assert script.struct("struct s").size == 4


# Redefinitions


def test_a_struct_of_the_script_goes_before_the_kernels() -> None:
    script = Preamble("struct task { char mine; };", kernel_types())
    assert script.members("struct task") == (Field("mine", INT8, 0),)
    assert script.types.named("", "task") == Struct("struct task", 1, (), True, 1)


def test_the_same_definition_as_the_kernels_is_no_conflict() -> None:
    script = Preamble("struct list_head { struct list_head *next, *prev; };", kernel_types())
    assert [member.name for member in script.members("struct task")] == ["pid", "list", "buffer"]


def test_a_kernel_struct_that_holds_a_redefined_one_is_not_given_out() -> None:
    script = Preamble("struct list_head { int other; };", kernel_types())
    task = script.types.named("struct", "task")
    assert isinstance(task, Struct)
    assert script.types.members(task) is None
    assert script.messages == [CONFLICT]


def test_a_preamble_that_redefines_what_it_takes_from_the_kernel_gets_nothing_from_it() -> None:
    script = Preamble("struct list_head { int other; };\nstruct s { struct task t; };", kernel_types())
    assert script.messages == [CONFLICT, "field has incomplete type 'struct task'"]
    assert script.marked == ["t"]


# Errors


def test_an_unknown_type_is_shown_in_the_script_with_advice() -> None:
    script = Preamble("#define A 1\nstruct s {\n  int a;\n  nosuch_t b;\n};")
    assert script.printed == (
        f"t:4:3-11: ERROR: unknown type name 'nosuch_t'\n  nosuch_t b;\n  ~~~~~~~~\nHINT: {MISSING_TYPE_HINT}\n"
    )


def test_all_errors_are_reported_in_order() -> None:
    script = Preamble("struct s { struct none a; };\nstruct s { int b; };\nstruct t { int c; int c; };", kernel_types())
    assert script.messages == [
        "field has incomplete type 'struct none'",
        "redefinition of 's'",
        "duplicate member 'c'",
    ]
    assert script.marked == ["a", "s", "c"]


def test_an_error_in_a_header_is_shown_at_the_include_that_led_to_it(tmp_path: Path) -> None:
    (tmp_path / "outer.h").write_text('\n#include "inner.h"\n')
    (tmp_path / "inner.h").write_text("struct s { nonsense a; };\n")
    script = Preamble("#define A 1\n#include <outer.h>\n", include_directories=(str(tmp_path),))
    assert script.messages == [f"{tmp_path}/inner.h:1:12: unknown type name 'nonsense'"]
    assert script.marked == ["#include <outer.h>"]


@pytest.mark.parametrize(
    "text",
    [
        b"#define",
        b"#if\n#endif",
        b"#ifdef A",
        b"#endif",
        b"#error no \xff",
        b"#include",
        b'#include "\xff.h"',
        b"#include </proc/self/mem>",
        b"struct s { int a : 70; };",
        b"struct s { int a[-1]; };",
        b"struct s { struct s inner; };",
        b"struct s { int \xff; };",
        b"struct s { int a[0x7fffffffffffffff]; };",
        b"enum e { };",
        b"enum e { A = B };",
        b"struct { int a; };",
        b"struct s { @@@ };",
        b"struct s { 'struct list_head' };",
        b"#include </dev/null/x>",
        b"struct s { struct only_named o; };",
        b"#define A \x00\n#define \x00 1",
    ],
)
def test_no_preamble_makes_a_traceback(text: bytes) -> None:
    script = Preamble(text, kernel_types())
    for name in script.types.names():
        for tag in ("struct", "union", "enum", ""):
            found = script.types.named(tag, name)
            if isinstance(found, Struct):
                script.types.members(found)


def test_a_struct_without_a_preamble_needs_no_c_compiler() -> None:
    program = """
import sys
from unit.c_preambles import Preamble, kernel_types
assert Preamble("", kernel_types()).types.named("struct", "task").size == 32
sys.exit("clang" in sys.modules)
"""
    home = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", program], check=True, cwd=home, env={"PYTHONPATH": str(home)})
