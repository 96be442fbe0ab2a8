"""Whatever bytes come in, the parser gives a tree or diagnostics."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsing import compilation, errors, parse, parse_with_diagnostics, shape
from pybpftrace.core import ast
from pybpftrace.core.diagnostics import format_all
from pybpftrace.core.dump_ast import dump_program, program_to_data
from pybpftrace.passes.parse.syntax import MAXIMUM_CHAIN, MAXIMUM_DEPTH, MAXIMUM_ERRORS
from pybpftrace.passes.typecheck.fold import FoldConstants

SCRIPT = rb"""#!/usr/bin/pybpftrace
// starts, by process
#ifndef A // {
#include <linux/fs.h>
#endif
struct s { int a; /* } */ struct { char b[4]; } c; } __attribute__((packed))
config = { max_strlen = 64; stack_mode="perf" }
import "a.bt";
let @m = hash(10);
macro twice($x, @m, e) { let $y : struct s *[2] = e; $x + if $y { 1 } else { 2 } }
fn f($a : int8) : void { return; }
kprobe:vfs_read, kretprobe:"vfs write" /pid == 1e3 && comm != "a\n\x41"/ { /* keep */
  $s = nsecs; @s[tid, args->f.g[2]] = $s << 0xffu; @n++; --$s;
  if ($s > 5ms || !@s[tid]) { printf("%d\t%s", pid, str(args.p)); } else if $s { return 1; } else { delete(@s[tid]); };
  $s == 1 ? print(1) : print((2 + -3) * 4);
  @h = hist($s ?: ~7); @h -= true; { $t = "x" + "y" }
}
END{clear(@h); for ($i : 0..(-$1)) { break } for $kv : @m { print(($kv.0.1, $kv.1,)); } _ = (a=1, b=());
while (1) { unroll (3) { continue; } } $x = (struct s *)arg0->c.b[1] + sizeof(int8*) - offsetof(struct s, c.b);
f(typeof($x), &$x, *$x, comptime (1), { 1; 2 }, $#, typeinfo(@m)); }
"""
SCRIPTS = [SCRIPT, *(path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("golden/scripts/*.bt")))]
TOKENS = (
    b"$x @m @ if else return true ( ) [ ] { } / // /* */ , ; : ? ?: + ++ -- -> . = == += <<= >>= ! ~ 1 08 0x 1e3 5s "
    b".. & && * $1 $# for while unroll let import config macro fn struct enum sizeof( offsetof( typeof( comptime break "
    b"_ a __attribute__ #x (a) (a=1 int8 "
    b'"a" " \\ # '
    b"#! BEGIN kprobe:f uprobe:/a/b \0 \xff \xc3\xa9 \r \t"
).split(b" ")


def check(data: bytes) -> None:
    """Everything that is done with any script up to folding must be possible."""
    program, diagnostics = parse_with_diagnostics(data)
    assert format_all(diagnostics.recorded, program.source).count("ERROR") >= len(diagnostics.recorded)
    for diagnostic in diagnostics.recorded:
        assert diagnostic.span is not None
        assert 0 <= diagnostic.span.start < diagnostic.span.end <= len(data) + 2
    if not diagnostics.failed:
        for node in ast.walk(program):
            assert 0 <= node.span.start <= node.span.end <= len(data)
        folded = FoldConstants().run(program, compilation())
        dump_program(folded)
        program_to_data(folded)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_scripts_that_are_mutated_are_valid_ones(script: bytes) -> None:
    assert parse(script).probes


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_tree_or_diagnostics(data: bytes) -> None:
    check(data)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=40), st.sampled_from([b"", b" ", b"\n"]))
def test_arbitrary_tokens_give_a_tree_or_diagnostics(tokens: list[bytes], between: bytes) -> None:
    check(between.join(tokens))
    check(b"BEGIN { " + between.join(tokens) + b" }")


@settings(deadline=None)
@given(st.data())
def test_mutations_of_a_valid_script_give_a_tree_or_diagnostics(data: st.DataObject) -> None:
    script = data.draw(st.sampled_from(SCRIPTS))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(script)))
        end = data.draw(st.integers(begin, min(len(script), begin + 12)))
        script = script[:begin] + data.draw(st.sampled_from([b"", *TOKENS]) | st.binary(max_size=3)) + script[end:]
    check(script)


@pytest.mark.parametrize("cut", range(0, len(SCRIPT), 7))
def test_a_script_may_end_anywhere(cut: int) -> None:
    check(SCRIPT[:cut])


@pytest.mark.parametrize(
    "body",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "(" * 10_000,
        ")" * 10_000,
        "{" * 10_000 + "}" * 10_000,
        "@x[" * 10_000,
        "f(" * 10_000,
        "- " * 10_000 + "1",
        "!" * 10_000,
        "1" + " + 1" * 10_000,
        "1" + " ? 1" * 10_000,
        "1 ? " * 10_000 + "1",
        "a" + ".a" * 10_000,
        "a" + "[1]" * 10_000,
        "if 1 {} else " * 10_000 + "{}",
        "if 1 { " * 10_000,
        "/" * 10_000,
        "/*" * 10_000,
        '"\\' * 10_000,
        "\\" * 10_000,
        "9" * 100_000,
        "1e" + "9" * 100_000,
        "(" * 190 + "1" + " ?: 1)" * 190,
        "if 1 { 2 } else " * 2000 + "{ 3 }",
        "$x = " + "if 1 { 2 } else " * 2000 + "{ 3 }",
        "(a)" * 10_000 + "1",
        "(struct a" * 10_000,
        "(typeof" * 10_000,
        "sizeof(" * 10_000,
        "sizeof(a" + "*" * 10_000,
        "sizeof(a" + "[1]" * 10_000 + " + ",
        "(a" + " * " * 10_000 + ")",
        "(a /*" * 10_000,
        "(a // b\n" * 10_000,
        "1" + " || 1" * 2000,
        "* " * 10_000 + "$x",
        "comptime " * 10_000 + "1",
        "for $x : " * 10_000,
        "let $x : a" + "*" * 10_000,
        "$x = (a=" * 10_000,
        "_ = " * 10_000,
        "1" + "." * 10_000,
        "$" * 10_000,
    ],
)
def test_no_script_is_too_deep_or_too_long_for_the_parser(body: str) -> None:
    found = errors(f"BEGIN {{ {body}; }}")
    assert len(found) == 1
    check(f"BEGIN {{ {body} }}".encode())


@pytest.mark.parametrize(
    "script",
    [
        "a" * 200_000,
        '"' * 200_001,
        '"\\' * 100_000,
        "kprobe:f, " * 20_000,
        "/ " * 100_000,
        "(" * 1_000_000,
        "struct " * 20_000,
        "struct a" * 20_000,
        "struct a(" * 20_000,
        "struct (a)(b)" + "(c)" * 20_000,
        "struct //a\n" * 20_000,
        "struct /*a" * 20_000,
        "struct a {" + "{}" * 20_000,
        "struct a {" + "'\"" * 20_000,
        "struct a {} " + "__attribute__" * 20_000,
        "config = {" + "a=1;" * 20_000,
        "macro a(" + "b," * 20_000,
        "let @a = " * 20_000,
        "\0" * 100_000,
    ],
)
def test_a_long_script_without_a_probe_is_one_error(script: str) -> None:
    assert len(errors(script)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "1" + " + 1" * 10_000,
        "- " * 10_000 + "$x",
        "{" * 250 + "}" * 250,
        "(" * 8 + "1" + " ?: 1)" * 8,
    ],
)
def test_deep_nesting_is_named(body: str) -> None:
    (report,) = errors(f"BEGIN {{ {body}; }}")
    assert report.endswith(" nesting too deep")


def test_the_bracket_that_is_too_deep_is_marked() -> None:
    assert errors("BEGIN { " + "(" * 300 + "1" + ")" * 300 + " }") == ["1:208-209 nesting too deep"]


@pytest.mark.parametrize("open_, close", ["()", "{}"])
def test_what_is_nested_less_deep_is_fine(open_: str, close: str) -> None:
    depth = MAXIMUM_DEPTH - 5
    assert parse(f"BEGIN {{ {open_ * depth}1{close * depth} }}").probes


@pytest.mark.parametrize("operator", ["||", "&&", "+", "==", "<<"])
def test_a_thousand_operators_in_a_row_are_no_nesting(operator: str) -> None:
    program = parse(f"BEGIN {{ if (1{f' {operator} 1' * (MAXIMUM_CHAIN - 1)}) {{ }} }}")
    assert sum(isinstance(node, ast.Binary) for node in ast.walk(program)) == MAXIMUM_CHAIN - 1


def test_hundreds_of_branches_are_no_nesting() -> None:
    program = parse(f"BEGIN {{ if $x {{ 1 }} {'else if $y { 2 } ' * 400} else {{ 3 }} }}")
    assert sum(isinstance(node, ast.If) for node in ast.walk(program)) == 401


def test_brackets_in_strings_comments_and_paths_do_not_nest() -> None:
    many = "(" * 500
    script = f'kprobe:"{many}", uprobe:/{many}:f // {many}\n{{ f("{many}"); /* {many} */ }}'
    assert len(parse(script).probes[0].attach_points) == 2


def test_a_script_that_is_wrong_everywhere_reports_its_first_probes() -> None:
    found = errors("BEGIN { $x 1 }\n" * 2000)
    assert found == [f"{line}:11-12 expected ';'" for line in range(1, MAXIMUM_ERRORS + 1)]


def test_a_short_ternary_inside_of_another_is_fine_while_it_is_not_copied_often() -> None:
    program = parse("BEGIN { ((pid ?: 1) ?: 2) ?: (3 ?: 4); }")
    statement = program.probes[0].body.statements[0]
    assert isinstance(statement, ast.ExpressionStatement)
    assert shape(statement.expression).count("pid") == 8
