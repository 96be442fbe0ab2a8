"""The rules that `--verify-each` holds each stage's artifact to: sound ones keep them, broken ones are told apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.core import ast
from pybpftrace.core.artifacts import MapTypes, TypedProgram, Variant
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.invariants import check
from pybpftrace.core.pipeline import Pipeline, StageStopped, plugin_manager
from pybpftrace.core.source import Source, Span
from pybpftrace.core.target import Target
from pybpftrace.core.types import (
    INT8,
    INT32,
    INT64,
    NOTHING,
    VOID,
    Array,
    Field,
    Int,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)
from pybpftrace.passes import builtin_plugins
from test_cli_run import compiled

TARGET = Path(__file__).parent.parent / "golden" / "target"
COMPILED = replace(compiled(Source("x.bt", "begin {}\n")), origins={"printf": "m", "probe:begin": "m"})


class Keep:
    artifacts: dict[str, Any]

    @hookimpl
    def after_stage(self, stage: str, artifact: object) -> None:
        self.artifacts[stage] = artifact


def artifacts(script: str) -> dict[str, Any]:
    """The artifacts up to expand."""
    keep = Keep()
    keep.artifacts = {}
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("keep", keep)]), stop_after="expand")
    with pytest.raises(StageStopped):
        pipeline.compile(Source("test.bt", script), Target.from_directory(TARGET))
    return keep.artifacts


@pytest.mark.parametrize(
    "script",
    [
        "begin { }",
        "begin /1 == 1/ { print(1); }",
        "begin { $x = { let $y = 1; $y + 1 }; print($x); }",
        'begin { $x = if (pid > 1) { "a" } else { "bc" }; print($x); }',
        "begin { if (pid > 1) { print(1); } else if (pid > 2) { print(2) } else { } }",
        "begin { { $x = 1; { print($x) } } }",
        "begin { print({ if (pid > 1) { 1 } else { 2 } }); }",
        'begin { if comptime (sizeof(int32) == 4) { print(1); } else { print("x"); } }',
        'begin { if comptime (sizeof(int32) == 5) { print(1); } else { print("x"); } }',
        "begin { if comptime (sizeof(int32) == 5) { print(1); } }",
        "begin { $x = if comptime (sizeof(int32) == 4) { 1 } else { 2 }; print($x); }",
        'begin { print(sizeof(int64)); $x = 1; print(sizeof($x)); print(sizeof("abc")); }',
        "config = { unstable_typeinfo = enable } begin { print(typeinfo(int32).full_type); print(comptime (1 + 2)); }",
        "begin { $r = (a=1, b=(2, 3)); print($r.b.0); print($r); }",
        "begin { $t = (1, 2); print($t[0]); print((int64)$t.1); }",
        "begin { let $never; let $later : int32; $later = 5; print($later); }",
        "begin { @m[1] = 2; for ($kv : @m) { print($kv.0); } for ($i : 0..3) { print($i); } }",
        "begin { $i = 0; while ($i < 3) { $i++; if ($i == 2) { continue; } } }",
        "begin { unroll(2) { @ = count(); } @h[pid] = hist(pid); print(@h); clear(@h); }",
        "begin { @x++; $p = &@x; $q = 1; $s = &$q; _ = 5; print(*$p + *$s); }",
        "begin { @[1] = 5; delete(@, 1); print(nsecs(boot)); print(kstack(perf, 2)); }",
        "macro add($a, b) { $a + b } begin { $x = 1; print(add($x, 2)); }",
        "begin { $x = 1 + 1" + " + pid" * 900 + "; }",
    ],
)
def test_what_the_stages_make_keeps_the_rules(script: str) -> None:
    found = artifacts(script)
    assert set(found) == {"parse", "typecheck", "expand"}
    assert {stage: check(artifact) for stage, artifact in found.items()} == {"parse": [], "typecheck": [], "expand": []}


SCRIPT = "begin { @m[1] = pid; $x = if (pid > 1) { 1 } else { 2 }; print($x); let $y : int64; }"


def changed(**changes: Any) -> TypedProgram:
    """SCRIPT's typed program with another variant: a function for each member of it that changes."""
    typed: TypedProgram = artifacts(SCRIPT)["typecheck"]
    [probe] = typed.probes
    [variant] = probe.variants
    other = replace(variant, **{name: change(dict(getattr(variant, name))) for name, change in changes.items()})
    return replace(typed, probes=(replace(probe, variants=(other,)),))


def without(kind: type[ast.Node]) -> Any:
    return lambda table: {node: value for node, value in table.items() if not isinstance(node, kind)}


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        (ast.Map, ["the Map at 1:9-14 has no type"]),
        (ast.If, ["the If at 1:27-56 has no type"]),
        (ast.Block, ["the Block at 1:40-45 has no type", "the Block at 1:51-56 has no type"]),
        (ast.Binary, ["the Binary at 1:31-38 has no type"]),
        (ast.Call, ["the Call at 1:58-67 has no type"]),
        (ast.Identifier, []),
    ],
)
def test_every_expression_needs_a_type_that_is_no_bare_word(kind: type[ast.Node], rules: list[str]) -> None:
    assert check(changed(types=without(kind))) == rules


def test_a_variable_needs_a_slot_with_a_settled_type() -> None:
    assert check(changed(bindings=lambda bindings: {})) == [
        "the variable $x at 1:22-24 has no slot",
        "the variable $x at 1:64-66 has no slot",
    ]
    flexible = Int(1, True, True)
    found = check(changed(variables=lambda variables: dict.fromkeys(variables, flexible)))
    assert found == [f"the sign of the integers in {name} is still open: int8" for name in ("$x", "$y")]


def test_a_map_needs_settled_types() -> None:
    typed: TypedProgram = artifacts(SCRIPT)["typecheck"]
    assert check(replace(typed, maps={})) == ["the map @m at 1:9-14 has no types"]
    open_type = Tuple((Int(1, True, True),))
    assert check(replace(typed, maps={"@m": MapTypes("@m", open_type, INT8)})) == [
        "the sign of the integers in map @m is still open: (int8)"
    ]


def body(*statements: ast.Statement) -> TypedProgram:
    """A typed program of hand-made statements, of which nothing is known."""
    source, span = Source("x.bt", "begin { }"), Span(0, 9)
    probe = ast.Probe(span, (ast.AttachPoint(span, "begin", ("begin",)),), None, ast.Block(span, statements))
    program = ast.Program(span, source, *[()] * 6, (probe,))
    typed: TypedProgram = artifacts("begin { }")["typecheck"]
    variant = Variant(typed.probes[0].variants[0].points, {}, {}, {})
    return replace(typed, program=program, probes=(replace(typed.probes[0], node=probe, variants=(variant,)),))


AT = Span(8, 9)
ONE = ast.IntegerLiteral(AT, 1, "1")


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        (ast.ExpressionStatement(AT, ast.Cast(AT, ast.NamedType(AT, "", "int8"), ONE)), ["Cast", "IntegerLiteral"]),
        (ast.ExpressionStatement(AT, ast.SizeOf(AT, ast.Variable(AT, "$never"))), ["SizeOf"]),
        (ast.ExpressionStatement(AT, ast.Call(AT, "nsecs", (ast.Identifier(AT, "boot"),))), ["Call"]),
        (ast.ExpressionStatement(AT, ast.Record(AT, (ast.RecordField(AT, "a", ONE),))), ["Record", "IntegerLiteral"]),
        (ast.ExpressionStatement(AT, ast.Block(AT, (), ONE)), ["IntegerLiteral"]),
        (ast.Discard(AT, ast.Block(AT, (), ONE)), ["Block", "IntegerLiteral"]),
        (ast.Block(AT, (), ast.Block(AT, (), ONE)), ["IntegerLiteral"]),
        (ast.If(AT, ONE, ast.Block(AT, (), ONE), None), ["IntegerLiteral", "IntegerLiteral"]),
        (ast.If(AT, ast.Comptime(AT, ONE), ast.Block(AT, (), ONE), None), []),
        (ast.While(AT, ONE, ast.Block(AT, (ast.Break(AT),))), ["IntegerLiteral"]),
        (ast.Return(AT, None), []),
    ],
)
def test_types_are_wanted_where_values_stand(statement: ast.Statement, kinds: list[str]) -> None:
    assert check(body(statement)) == [f"the {kind} at 1:9-10 has no type" for kind in kinds]


@pytest.mark.parametrize(
    "node",
    [ast.Import(AT, b"x.bt"), ast.Unroll(AT, ONE, ast.Block(AT, ())), ast.Discard(AT, ast.PositionalParameter(AT, 1))],
)
def test_what_type_check_replaces_must_be_gone(node: ast.Statement) -> None:
    assert any("is still there" in rule for rule in check(body(node)))


def test_the_call_that_a_macro_was_expanded_from_lies_in_the_script() -> None:
    span = Span(0, 9, Span(5, 10))
    program = ast.Program(span, Source("x.bt", "begin { }"), *[()] * 7)
    assert check(program) == ["a Program has the span 5-10 in a script of 9 bytes"]


@pytest.mark.parametrize(
    ("type_", "rule"),
    [
        (NOTHING, "no value is of type none"),
        (VOID, "no value is of type void"),
        (Struct("struct file", 232, (), True), "the members of struct file are not known"),
        (Tuple((INT8, Array(Struct("struct file", 8, (), True), 2))), "the members of struct file are not known"),
        (
            Record((("r", Struct("struct s", 8, (Field("in", Struct("union u", 8, (), True), 0),))),)),
            "the members of union u are not known",
        ),
        (Struct("struct s", 4, (Field("n", INT32, 1),)), "the member n of struct s lies outside of it"),
        (Struct("struct s", 4, (Field("text", String(6), 0),)), "the member text of struct s lies outside of it"),
        (
            Struct("struct s", 2, (Field("b", INT32, 1, bit_shift=1, bit_width=8),)),
            "the member b of struct s lies outside of it",
        ),
    ],
)
def test_the_output_stage_can_take_every_value_apart(type_: Type, rule: str) -> None:
    [event, [spec, *other]] = COMPILED.events[0], COMPILED.maps
    assert check(replace(COMPILED, events=(replace(event, fields=(type_,)),))) == [f"event 0: {rule}"]
    wide = replace(spec, value_size=1024, value_type=type_)
    assert check(replace(COMPILED, maps=(wide, *other))) == [f"the map @x: {rule}"]


@pytest.mark.parametrize(
    "type_",
    [
        Pointer(Struct("struct file", 232, (), True)),
        Struct("struct s", 16, (Field("ld", VOID, 0), Field("text", String(17), 0))),
        Struct("struct s", 8, (Field("none", Array(INT64, 0), 8),)),
        Struct("struct s", 2, (Field("b", INT32, 1, bit_shift=1, bit_width=7),)),
        Struct("struct empty", 0),
    ],
)
def test_what_lies_behind_a_pointer_and_what_has_no_meaning_need_no_members(type_: Type) -> None:
    assert check(replace(COMPILED, events=(replace(COMPILED.events[0], fields=(type_,)),))) == []
