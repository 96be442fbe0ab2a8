"""Imported C files: how they are compiled, what is refused in them, and how their functions are called."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from checking import Checked
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.target.dependency import Dependency, file_fact
from pybpftrace.passes.parse.imports import ResolveImports
from pybpftrace.passes.typecheck.c_modules import BuildCModules
from staged import Staged

needs_clang = pytest.mark.skipif(shutil.which("clang") is None, reason="needs clang")
FUNCTIONS = """
struct point { int x; };
enum colour { RED, GREEN };
int add(int a, short b) { return a + b; }
unsigned char low(unsigned long number) { return number; }
_Bool is_null(void *address) { return !address; }
int x_of(const struct point *p) { return 0; }
struct point *origin(void) { return 0; }
enum colour paint(enum colour c, _Bool really) { return c; }
void nothing(void) { }
static int hidden(int a) { return a; }
int uses_hidden(int a) { return hidden(a); }
"""
STRUCT = "struct point { int x; };\n"


def checked(directory: Path, body: str, text: str = FUNCTIONS, **options: Any) -> Checked:
    """A script that imports x.bpf.c and has one probe."""
    (directory / "x.bpf.c").write_text(text)
    script = f'{STRUCT}import "x.bpf.c";\nbegin {{ {body} }}'
    return Checked(script, options=CompileOptions(directory=str(directory), **options))


def without_clang(monkeypatch: pytest.MonkeyPatch, directory: Path, replacement: str | None = None) -> None:
    """Makes PATH one directory, with a shell script in the place of clang or none."""
    programs = directory / "programs"
    programs.mkdir()
    if replacement is not None:
        (programs / "clang").write_text(f"#!/bin/sh\n{replacement}\n")
        (programs / "clang").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))


# Building


def test_without_clang_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_clang(monkeypatch, tmp_path)
    script = checked(tmp_path, "print(1);")
    assert script.messages == ["ERROR: cannot import 'x.bpf.c': clang was not found on PATH"]
    assert 'import "x.bpf.c";\n~~~~~~~~~~~~~~~~~\nHINT: install clang' in script.printed


def test_a_script_without_c_files_needs_no_clang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_clang(monkeypatch, tmp_path)
    assert Checked("begin { print(1); }").messages == []


def test_a_clang_that_cannot_be_started_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_clang(monkeypatch, tmp_path, "")
    (tmp_path / "programs" / "clang").write_text("#!/nowhere/interpreter\n")
    (message,) = checked(tmp_path, "print(1);").messages
    assert message.endswith("/programs/clang: No such file or directory")


def test_a_build_failure_shows_the_compilers_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_clang(monkeypatch, tmp_path, "printf 'x.c:1:\\tone\\033[31m\\ntwo\\n' >&2; exit 1")
    script = checked(tmp_path, "print(1);")
    assert script.messages == ["ERROR: failed to build"]
    assert "t:2:1-18: ERROR: failed to build\n" in script.printed
    assert "HINT: x.c:1:  one\\x1b[31m\ntwo\n" in script.printed


def test_of_a_compiler_that_breaks_down_its_own_report_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_clang(monkeypatch, tmp_path, "echo 'PLEASE submit a bug report to ...' >&2; exit 139")
    script = checked(tmp_path, "print(1);")
    assert script.messages == ["ERROR: failed to build"]
    assert "HINT: " + str(tmp_path / "programs/clang failed by an error of its own (status 139)") in script.printed


@needs_clang
def test_an_error_in_c_is_a_build_failure(tmp_path: Path) -> None:
    script = checked(tmp_path, "print(f());", "int f(void) { return missing; }")
    assert script.messages == ["ERROR: failed to build"]
    assert f"HINT: {tmp_path}/x.bpf.c:1:22: error: use of undeclared identifier 'missing'" in script.printed


@needs_clang
def test_what_llvm_cannot_make_bpf_of_is_a_build_failure(tmp_path: Path) -> None:
    script = checked(tmp_path, "print(1);", "int f(int n) { volatile char b[600]; b[n] = n; return b[n + 1]; }")
    assert script.messages == ["ERROR: failed to build"]
    assert "stack limit" in script.printed


@needs_clang
def test_the_compilers_warnings_are_a_warning(tmp_path: Path) -> None:
    script = checked(tmp_path, "print(f());", 'int f(void) {\n#warning "look here"\n return 1; }')
    assert script.messages == ["WARNING: found external warnings"]
    assert f"HINT: {tmp_path}/x.bpf.c:2:2: warning: " in script.printed
    assert script.typed is not None


@needs_clang
def test_headers_are_found_beside_the_file_and_in_the_include_directories(tmp_path: Path) -> None:
    (tmp_path / "inc").mkdir()
    (tmp_path / "own.h").write_text("#define ONE 1\n")
    (tmp_path / "inc" / "other.h").write_text("#define TWO 2\n")
    text = '#include "own.h"\n#include <other.h>\nint f(void) { return ONE + TWO; }'
    assert checked(tmp_path, "print(f());", text).messages == ["ERROR: failed to build"]
    assert checked(tmp_path, "print(f());", text, include_directories=(str(tmp_path / "inc"),)).messages == []


@needs_clang
def test_the_file_and_its_headers_are_dependencies(tmp_path: Path) -> None:
    (tmp_path / "a b.h").write_text("#define ONE 1\n")
    (tmp_path / "x.bpf.c").write_text('#include "a b.h"\nint f(void) { return ONE; }')
    script = Staged('import "x.bpf.c"; begin { }', ResolveImports(), directory=str(tmp_path))
    target: Any = script.target
    target.architecture, target.kernel_release = "x86_64", "6.0"
    BuildCModules().run(script.program, script.compilation)
    assert target.dependencies[0].key == str(tmp_path / "x.bpf.c")
    header = str(tmp_path / "a b.h")
    assert Dependency("file", header, file_fact(header)) in target.dependencies
    assert ("environment", "C_INCLUDE_PATH") in {(d.kind, d.key) for d in target.dependencies}
    assert [function.name for function in script.compilation.c_modules[0].functions] == ["f"]


# What is refused


@needs_clang
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'struct { int (*type)[2]; } counts __attribute__((section(".maps"), used));',
            "BPF maps of its own cannot be made: `counts`",
        ),
        (
            "extern int bpf_some_kfunc(void); int f(void) { return bpf_some_kfunc(); }",
            "`bpf_some_kfunc` is declared and nowhere defined; kernel functions (kfuncs), kernel variables and other "
            "objects cannot be linked into a script's programs",
        ),
        (
            'extern int HZ __attribute__((section(".kconfig"))); int f(void) { return HZ; }',
            "`HZ` is declared and nowhere defined",
        ),
        (
            "struct task { int pid; } __attribute__((preserve_access_index)); int f(struct task *t) { return t->pid; }",
            "reads with bpf_core_read() or preserve_access_index (CO-RE), which are settled when a program is loaded, "
            "are not supported: `task`",
        ),
        (
            'static const char *names[] = {"a", "b"}; const char *f(int a) { return names[a & 1]; }',
            "addresses in variables that are set before the program runs are not supported: `names`",
        ),
    ],
    ids=["map", "kfunc", "kconfig", "co-re", "address"],
)
def test_what_cannot_be_linked_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    (message,) = checked(tmp_path, "print(1);", text).messages
    assert message.startswith(f"ERROR: cannot import 'x.bpf.c': {reason}")


@needs_clang
def test_a_license_and_a_program_of_its_own_do_no_harm(tmp_path: Path) -> None:
    text = (
        'char _license[] __attribute__((section("license"), used)) = "GPL";\n'
        '__attribute__((section("kprobe/f"), used)) int prog(void *ctx) { return 0; }\nint f(void) { return 1; }'
    )
    assert checked(tmp_path, "print(f());", text).messages == []


@needs_clang
def test_files_may_use_each_others_functions_and_variables_but_not_define_them_twice(tmp_path: Path) -> None:
    (tmp_path / "a.bpf.c").write_text("extern int b(void); int shared; int a(void) { return b(); }")
    (tmp_path / "b.bpf.c").write_text("extern int shared; int b(void) { return shared; }")
    (tmp_path / "c.bpf.c").write_text("int b(void) { return 2; }")
    options = CompileOptions(directory=str(tmp_path))
    both = 'import "a.bpf.c"; import "b.bpf.c";'
    assert Checked(f"{both} begin {{ print(a()); }}", options=options).messages == []
    assert Checked(f'{both} import "c.bpf.c"; begin {{ print(a()); }}', options=options).messages == [
        "ERROR: cannot import 'c.bpf.c': `b` is defined in 'b.bpf.c' too"
    ]


@needs_clang
def test_a_function_that_takes_what_a_script_cannot_give_is_refused_when_it_is_called(tmp_path: Path) -> None:
    text = "struct s { int a, b; }; int f(struct s a) { return a.a; } float g(int a) { return a ? 1.0f : 2.0f; }"
    assert checked(tmp_path, "print(1);", text).messages == []
    assert checked(tmp_path, "print(f(1)); print(g(1));", text).messages == [
        "ERROR: Function `f` cannot be called: its argument `a` is neither an integer nor a pointer",
        "ERROR: Function `g` cannot be called: its result is neither an integer nor a pointer",
    ]


# Calls


@needs_clang
@pytest.mark.parametrize(
    ("call", "type_"),
    [
        ("add(1, 2)", "int32"),
        ("low(300)", "uint8"),
        ("is_null((void *)0)", "bool"),
        ("is_null((int32 *)0)", "bool"),
        ("x_of((struct point *)0)", "int32"),
        ("x_of((void *)0)", "int32"),
        ("origin()", "struct point *"),
        ("origin()->x", "int32"),
        ("paint(1, 1)", "enum colour"),
        ("paint(1, true)", "enum colour"),
        ("add(@c, 1)", "int32"),
        ("uses_hidden(1)", "int32"),
    ],
)
def test_a_call_has_the_type_of_the_functions_result(tmp_path: Path, call: str, type_: str) -> None:
    script = checked(tmp_path, f"@c = (int16)1; $x = {call};")
    assert script.messages == []
    (found,) = script.variables().values()
    assert str(found) == type_


@needs_clang
@pytest.mark.parametrize(
    ("call", "messages"),
    [
        ("add(1)", ["Function `add` requires 2 arguments, got only 1"]),
        ("nothing(1)", ["Function `nothing` requires 0 arguments, got only 1"]),
        (
            'add("x", comm)',
            [
                "Expected int32 for argument `a` got string[2]",
                "Expected int16 for argument `b` got string[16]",
                "Function `add` requires arguments (int32, int16)",
            ],
        ),
        (
            "add(1, 70000)",
            ["Expected int16 for argument `b` got int32", "Function `add` requires arguments (int32, int16)"],
        ),
        (
            "x_of((int64 *)0)",
            ["Expected struct point * for argument `p` got int64 *",
             "Function `x_of` requires arguments (struct point *)"],
        ),
        (
            "x_of(0)",
            ["Expected struct point * for argument `p` got int8",
             "Function `x_of` requires arguments (struct point *)"],
        ),
        (
            "is_null(1)",
            ["Expected void * for argument `address` got int8", "Function `is_null` requires arguments (void *)"],
        ),
        ("missing(1)", ["Unknown function: 'missing'"]),
        ("add(nonsense, 1)", ["Unknown identifier: 'nonsense'"]),
    ],
)  # fmt: skip
def test_arguments_that_do_not_fit_are_errors(tmp_path: Path, call: str, messages: list[str]) -> None:
    assert checked(tmp_path, f"_ = {call};").messages == [f"ERROR: {message}" for message in messages]


@needs_clang
def test_an_argument_that_may_lose_its_value_is_a_warning(tmp_path: Path) -> None:
    script = checked(tmp_path, "print(add(nsecs, (int8)1));")
    assert script.messages == [
        "WARNING: Expression of type: uint64 being cast to type: int32. This may cause unexpected results. "
        "Use an explicit cast to suppress this warning."
    ]
    assert "print(add(nsecs," in script.printed


@needs_clang
def test_a_static_function_is_unknown_and_the_hint_says_why(tmp_path: Path) -> None:
    script = checked(tmp_path, "print(hidden(1));")
    assert script.messages == ["ERROR: Unknown function: 'hidden'"]
    assert f"HINT: `hidden` is static in {tmp_path}/x.bpf.c; only functions without `static`" in script.printed


@needs_clang
def test_a_name_that_is_nearly_that_of_a_c_function_gets_a_hint(tmp_path: Path) -> None:
    assert "HINT: did you mean 'uses_hidden'?" in checked(tmp_path, "print(use_hidden(1));").printed


@needs_clang
def test_a_function_without_result_is_a_statement_and_no_value(tmp_path: Path) -> None:
    assert checked(tmp_path, "nothing();").messages == []
    assert checked(tmp_path, "$x = nothing();").messages == [
        "ERROR: Value 'void' cannot be assigned to a scratch variable."
    ]


@needs_clang
def test_a_function_of_ours_stays_what_it_is(tmp_path: Path) -> None:
    script = checked(tmp_path, '$x = str("a");', "int str(void) { return 1; }")
    assert script.messages == []
