"""`args` of uprobes and places by source line, against programs that the tests build and start."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from programs import build
from tracing import run

pytestmark = pytest.mark.live

C = r"""
struct node { struct node *next; int value; };
union word { unsigned u; short half[2]; };
struct record { unsigned low:3; unsigned high:9; char name[8]; _Bool on; double real; struct node *list; };
enum colour { RED, GREEN = 5 };
__attribute__((noinline, noclone)) int f(int a, const char *s, struct node *p)
{
    volatile int sum = a;
    sum += p->next->value;
    return sum + s[0];
}
__attribute__((noinline, noclone)) int g(double d, signed char c, union word w, enum colour e, struct record *r)
{
    return d + c + w.u + e + r->low;
}
__attribute__((noinline, noclone)) int g2(double d, short c) { return d + c; }
int main(void)
{
    struct node two = {0, 42}, one = {&two, 7};
    struct record r = {5, 300, "name", 1, 2.5, &one};
    union word w = {0x20001};
    return f(-3, "hello", &one) + g(1.5, -9, w, GREEN, &r) + g2(2.5, -10) == 0;
}
"""

CPP = r"""
#include <string>
namespace ns {
struct Base { int inherited = 11; virtual ~Base() {} };
struct Derived : Base {
    long own = 22;
    __attribute__((noinline)) int method(int x, Base &other) { return x + own + other.inherited; }
};
struct Cleaned { int v; ~Cleaned() { v = 0; } };
__attribute__((noinline)) int take(Cleaned c, int last) { return c.v + last; }
}
int main() { ns::Derived d; return d.method(33, d) + ns::take(ns::Cleaned{44}, 55) == 0; }
"""


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(C.splitlines(), 1) if text in line)


@pytest.fixture
def program(tmp_path: Path) -> str:
    return build(tmp_path, "prog", C, "-g", "-O0")


def traced(script: str, program: str) -> str:
    done = run("-q", "-e", script, "-c", program)
    assert done.status == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_parameters_are_read_through_pointers(program: str) -> None:
    script = 'uprobe:%s:f { printf("%%d %%s %%d %%d\\n", args.a, str(args.s), args.p->value, args.p->next->value) }'
    assert traced(script % program, program) == "-3 hello 7 42"


def test_all_parameters_are_printed_as_a_struct(program: str) -> None:
    assert traced(f"uprobe:{program}:f {{ $p = *args.p; print($p.value); print((*args).a) }}", program) == "7\n-3"
    assert traced(f"uprobe:{program}:g2 {{ print(*args) }}", program) == "{ .d = null, .c = -10 }"


def test_parameters_in_other_registers_do_not_shift_the_rest(program: str) -> None:
    values = "args.c, args.w.half[1], args.e, args.r->name, args.r->high"
    script = 'uprobe:%s:g { printf("%%d %%d %%d %%s %%d\\n", ' + values + ") }"
    assert traced(script % program, program) == "-9 2 5 name 300"


def test_a_struct_of_the_program_is_printed_with_its_members(program: str) -> None:
    out = traced(f"uprobe:{program}:g {{ print(args.w); print(args.e); @r = *args.r; }}", program)
    assert out.startswith(
        "{ .u = 131073, .half = [1,2] }\nGREEN\n\n\n"
        "@r: { .low = 5, .high = 300, .name = name, .on = 1, .real = null, .list = 0x"
    )


def test_structs_of_the_program_are_keys_and_values(program: str) -> None:
    assert traced(f"uprobe:{program}:g {{ @[args.w] = args.r->list->next->value }}", program) == (
        "@[{ .u = 131073, .half = [1,2] }]: 42"
    )


def test_a_number_is_cast_to_a_pointer_to_the_programs_struct(program: str) -> None:
    assert traced(f"uprobe:{program}:f {{ print(((struct node *)arg2)->next->value) }}", program) == "42"


def test_a_wildcard_has_the_parameters_that_all_its_functions_have(program: str) -> None:
    assert traced(f"uprobe:{program}:f,uprobe:{program}:main {{ @ = count() }}", program) == "@: 2"
    assert traced(f"uprobe:{program}:g* {{ print(args.c) }}", program) == "-9\n-10"


def test_a_place_is_named_by_its_source_line(program: str) -> None:
    line = line_of("sum += p->next")
    out = traced(f'uprobe:{program}@prog.c:{line} {{ printf("at %s\\n", probe) }}', program)
    assert out.startswith(f"at uprobe:{program}:")
    assert out.rpartition(":")[2].isdecimal()


def test_the_first_line_of_a_function_still_has_its_arguments(program: str) -> None:
    line = line_of("int f(int a")
    places = [f"uprobe:{program}@prog.c:{number} {{ printf(\"%d\\n\", args.a) }}" for number in (line, line + 1)]
    results = [run("-q", "-e", place, "-c", program) for place in places]
    assert [done.stdout.strip() for done in results if done.status == 0] == ["-3"]
    assert [done.stderr.splitlines()[0].partition("ERROR: ")[2] for done in results if done.status] == [
        f"Unable to map 'prog.c:{line}' to address"
    ]


def test_a_cached_program_is_compiled_anew_when_the_binary_has_changed(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    program = build(tmp_path, "prog", C, "-g", "-O0")
    script = f"uprobe:{program}:f {{ print(args.a) }}"
    assert run("-q", "-e", script, "-c", program, environment=environment).stdout.strip() == "-3"
    build(tmp_path, "prog", C.replace("int f(int a,", "int f(long a,"), "-g", "-O0")
    assert run("-q", "-e", script, "-c", program, environment=environment).stdout.strip() == "-3"
    build(tmp_path, "prog", C.replace("f(int a, const char *s", "f(const char *s, int a").replace(
        'f(-3, "hello"', 'f("hello", -4'), "-g", "-O0")  # fmt: skip
    assert run("-q", "-e", script, "-c", program, environment=environment).stdout.strip() == "-4"


def test_members_of_a_base_class_are_members_of_the_object(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("needs g++ to build the traced program")
    (tmp_path / "prog.cc").write_text(CPP)
    program = str(tmp_path / "prog")
    subprocess.run(["g++", "-g", "-O0", "-o", program, tmp_path / "prog.cc"], check=True)
    script = (
        "uprobe:%s:_ZN2ns7Derived6methodEiRNS_4BaseE "
        '{ printf("%%d %%d %%d %%d\\n", args.this->inherited, args.this->own, args.x, args.other->inherited) } '
        'uprobe:%s:_ZN2ns4takeENS_7CleanedEi { printf("%%d %%d\\n", args.c->v, args.last) }'
    )
    assert traced(script % (program, program), program) == "11 22 33 11\n44 55"
