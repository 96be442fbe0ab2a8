"""C definitions in scripts, on this kernel: macros, layouts, reads of a traced program's memory, and errors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tracing import Finished, run

pytestmark = pytest.mark.live

HEADER = """
#include <stdint.h>
enum colour { RED, GREEN = 7 };
typedef struct { uint16_t low, high; } halves;
struct node {
    uint8_t flags : 3, kind : 5;
    int32_t number;
    char name[8];
    struct node *next;
    struct { uint64_t inner; union { uint32_t word; uint8_t bytes[4]; }; };
    int matrix[2][3];
    enum colour colour;
    halves both;
} ;
struct tight { char first; uint64_t second; uint16_t third; } __attribute__((packed));
"""
PROGRAM = """
#include <string.h>
#include "node.h"
__attribute__((noipa)) int show(struct node *node, struct tight *tight) { return node->number + (int)tight->second; }
int main(void) {
    struct node second = { .number = -2, .name = "second" };
    struct node first = { .flags = 5, .kind = 17, .number = 41, .next = &second, .inner = 1ULL << 40,
                          .word = 0x04030201, .matrix = {{1, 2, 3}, {4, 5, 6}}, .colour = GREEN, .both = {10, 20} };
    memcpy(first.name, "12345678", 8);
    struct tight tight = { 'x', 0x1122334455667788, 99 };
    show(&first, &tight);
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that calls show(struct node *, struct tight *) once, with node.h beside it."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build the traced program")
    home = tmp_path_factory.mktemp("program")
    (home / "node.h").write_text(HEADER)
    (home / "program.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-O1", "-o", str(home / "program"), str(home / "program.c")], check=True)
    return home


def script(directory: Path, text: str, *options: str) -> Finished:
    """A run of a script that is a file, since a preamble has lines."""
    file = directory / "script.bt"
    file.write_text(text)
    return run("-q", *options, str(file))


def printed(directory: Path, text: str, *options: str) -> list[str]:
    """The lines of a run that nothing went wrong in."""
    done = script(directory, text, *options)
    assert (done.status, done.stderr) == (0, "")
    return done.stdout.strip().splitlines()


def test_macros_and_constants_are_expressions(tmp_path: Path) -> None:
    text = """#define FOO 2
#define BAR (FOO << 3)
#define TEXT "hello"
enum e { A = 5, B };
begin { print(BAR + 1); print(TEXT); print(A + 1); print(B); print((enum e)5); exit(); }
"""
    assert printed(tmp_path, text) == ["17", "hello", "6", "B", "A"]


def test_sizes_and_offsets_are_those_of_the_c_compiler(tmp_path: Path) -> None:
    text = """#include <stdint.h>
struct a { char c; uint64_t l; };
struct b { char c; uint64_t l; } __attribute__((packed));
union u { char c[5]; int i; };
begin {
    print((sizeof(struct a), offsetof(struct a, l)));
    print((sizeof(struct b), offsetof(struct b, l)));
    print((sizeof(union u), offsetof(union u, i)));
    exit();
}
"""
    assert printed(tmp_path, text) == ["(16, 8)", "(9, 1)", "(8, 0)"]


def test_members_are_read_from_the_traced_programs_memory(program: Path) -> None:
    text = f"""#include "{program}/node.h"
uprobe:{program}/program:show {{
    $n = (struct node *)arg0;
    print(($n->flags, $n->kind, $n->number));
    print($n->name);
    print(($n->next->number, $n->next->name));
    print(($n->inner, $n->word, $n->bytes[2]));
    print(($n->matrix[0][1], $n->matrix[1][2]));
    print($n->colour);
    print(($n->both.low, $n->both.high));
    $t = (struct tight *)arg1;
    printf("%c %llx %d\\n", $t->first, $t->second, $t->third);
}}
"""
    assert printed(program, text, "-c", f"{program}/program") == [
        "(5, 17, 41)",
        "12345678",
        "(-2, second)",
        "(1099511627776, 67305985, 3)",
        "(2, 6)",
        "GREEN",
        "(10, 20)",
        "x 1122334455667788 99",
    ]


def test_a_whole_struct_is_printed_with_all_its_members(program: Path) -> None:
    text = f"""#include "{program}/node.h"
uprobe:{program}/program:show {{ print(*(struct tight *)arg1); }}
"""
    assert printed(program, text, "-c", f"{program}/program") == [
        "{ .first = 120, .second = 1234605616436508552, .third = 99 }"
    ]


def test_a_text_that_fills_its_array_is_whole_wherever_it_is_read_from(program: Path) -> None:
    text = f"""#include "{program}/node.h"
struct names {{ int32_t bits, number; char name[8]; }};
struct last {{ char name[4]; }};
uprobe:{program}/program:show {{
    $n = (struct node *)arg0;
    @whole = *(struct names *)arg0;
    @last = *(struct last *)(arg0 + 8);
    $name = $n->name;
    print(($name, 1));
    print((@whole.name, 2));
    print((@last.name, 3));
    print((sizeof($n->name), sizeof(struct last)));
    print($n->name[7]);
    print(@last);
    print(@whole);
    clear(@whole);
    clear(@last);
}}
"""
    lines = [line for line in printed(program, text, "-c", f"{program}/program") if line]
    assert lines == [
        "(12345678, 1)",
        "(12345678, 2)",
        "(1234, 3)",
        "(9, 4)",
        "56",
        "@last: { .name = 1234.. }",
        "@whole: { .bits = 141, .number = 41, .name = 12345678.. }",
    ]


def test_a_header_is_found_through_the_include_directories(program: Path) -> None:
    text = "#include <node.h>\nbegin { print(sizeof(struct tight)); exit(); }\n"
    assert printed(program, text, "-I", str(program)) == ["11"]


def test_a_header_may_come_from_the_command_line_alone(program: Path) -> None:
    text = "begin { print(sizeof(struct tight)); exit(); }\n"
    assert printed(program, text, "--include", str(program / "node.h")) == ["11"]


def test_a_struct_of_the_script_may_hold_the_kernels(tmp_path: Path) -> None:
    text = """struct own { u8 a; struct list_head list; pid_t pid; struct task_struct *task; };
begin {
    print((sizeof(struct own), offsetof(struct own, list), offsetof(struct own, pid)));
    print(sizeof(struct task_struct) > 1000);
    exit();
}
"""
    assert printed(tmp_path, text) == ["(40, 8, 24)", "true"]


def test_the_guarded_includes_of_old_tools_are_left_out(tmp_path: Path) -> None:
    text = """#ifndef BPFTRACE_HAVE_BTF
#include <linux/sched.h>
#include <net/sock.h>
#else
#include <sys/socket.h>
#endif
begin { print((AF_INET, AF_INET6)); print(offsetof(struct sock, __sk_common)); exit(); }
"""
    if not os.path.exists("/usr/include/x86_64-linux-gnu/sys/socket.h"):
        pytest.skip("needs the C library's headers")
    assert printed(tmp_path, text) == ["(2, 10)", "0"]


def test_a_struct_of_the_script_without_its_tag_is_unknown_and_the_kernels_is_known(tmp_path: Path) -> None:
    own = script(tmp_path, "struct own { int a; };\nbegin { $x = (own *)0; exit(); }\n")
    assert own.status == 1
    assert 'ERROR: Cannot resolve unknown type "own"' in own.stderr
    text = "#define A 1\nbegin { $x = (task_struct *)0; print($x == 0); exit(); }\n"
    assert printed(tmp_path, text) == ["true"]


def test_a_redefined_kernel_struct_is_the_scripts_and_what_holds_it_is_not_given_out(tmp_path: Path) -> None:
    text = "struct list_head { int mine; };\nbegin { print(sizeof(struct list_head)); %s exit(); }\n"
    assert printed(tmp_path, text % "") == ["4"]
    done = script(tmp_path, text % "print(offsetof(struct task_struct, pid));")
    assert done.status == 1
    assert "WARNING: Cannot take type definitions from BTF since there is a redefinition conflict" in done.stderr


def test_an_unknown_type_is_an_error_in_the_script(tmp_path: Path) -> None:
    done = script(tmp_path, "struct own {\n  no_such_type a;\n};\nbegin { exit(); }\n")
    assert done.status == 1
    assert done.stderr == (
        f"{tmp_path}/script.bt:2:3-15: ERROR: unknown type name 'no_such_type'\n"
        "  no_such_type a;\n"
        "  ~~~~~~~~~~~~\n"
        "HINT: Include headers with missing type definitions or install BTF information to your system.\n"
    )


def test_a_changed_header_makes_a_cached_program_stale(tmp_path: Path) -> None:
    header = tmp_path / "h.h"
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    (tmp_path / "script.bt").write_text(f'#include "{header}"\nbegin {{ print(SIZE); exit(); }}\n')
    for size in ("1", "22", "22"):
        if size != "22" or "22" not in (header.read_text() if header.exists() else ""):
            header.write_text(f"#define SIZE {size}\n")
        done = run("-q", str(tmp_path / "script.bt"), environment=environment)
        assert (done.status, done.stderr, done.stdout.strip()) == (0, "", size)


@pytest.mark.parametrize(("preamble", "starts"), [("", False), ("#define A 1\n", True)])
def test_libclang_is_imported_only_for_a_preamble(tmp_path: Path, preamble: str, starts: bool) -> None:
    program = """
import os, sys
from pybpftrace.cli.main import execute
status = execute(sys.argv[1:], os.environ)
print("clang.cindex" in sys.modules, file=sys.stderr)
sys.exit(status)
"""
    (tmp_path / "script.bt").write_text(preamble + "begin { print(sizeof(struct task_struct) > 0); exit(); }\n")
    command = [sys.executable, "-c", program, "-q", "--no-cache", str(tmp_path / "script.bt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, f"{starts}\n", "true")


def test_the_c_compiler_lays_kernel_structs_out_as_btf_has_them() -> None:
    from clang import cindex
    from pybpftrace.core.c_preamble.kernel_declarations import KernelDeclarations
    from pybpftrace.core.target import Target
    from pybpftrace.core.target.btf_c_types import BtfCTypes
    from pybpftrace.core.target.btf_types import Struct, Union
    from pybpftrace.core.types import Struct as CStruct

    btf = Target.live().btf
    if btf is None:
        pytest.skip("needs a kernel with BTF")
    declarations, types = KernelDeclarations(lambda: [btf]), BtfCTypes(lambda: btf, lambda: ())
    for type_id in range(1, len(btf) + 1, 13):
        found = btf.type(type_id)
        if isinstance(found, Struct | Union) and found.name:
            declarations.add("union" if isinstance(found, Union) else "struct", found.name)
    unit = cindex.Index.create().parse("k.c", ["-x", "c", "-w"], [("k.c", declarations.text.encode())])
    assert [found.spelling for found in unit.diagnostics] == []
    compared = 0
    for cursor in unit.cursor.get_children():
        if cursor.is_definition() and not cursor.kind.is_preprocessing():
            tag, _, name = cursor.type.spelling.partition(" ")
            struct = types.named(tag, name)
            assert isinstance(struct, CStruct)
            assert (cursor.type.get_size(), cursor.type.get_align()) == (struct.size, struct.alignment)
            places = [(f.name, f.offset * 8 + f.bit_shift, f.bit_width) for f in types.members(struct) or ()]
            assert places_in(cursor.type) == places
            compared += 1
    assert compared > 100


def places_in(record: Any, base: int = 0) -> list[tuple[str, int, int]]:
    """(member, bit offset, width of a bit field) of a struct as libclang has it, without what fills its gaps."""
    found = []
    for field in record.get_fields():
        at = base + field.get_field_offsetof()
        if "(" in field.spelling:
            found += places_in(field.type.get_canonical(), at)
        elif field.spelling and not field.spelling.startswith("__gap"):
            found.append((field.spelling, at, field.get_bitfield_width() if field.is_bitfield() else 0))
    return found
