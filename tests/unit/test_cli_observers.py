"""Dumps, changes, times and checks: what watches a compilation, and that no stage has to know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.api.house import InvariantError
from pybpftrace.cli.observers import ChangePrinter, Dumper, DumpWriter, Timer, Verifier
from pybpftrace.core.artifacts import CompiledProgram
from pybpftrace.core.ast import AttachPoint, Block, Probe, Program
from pybpftrace.core.invariants import check
from pybpftrace.core.source import Source, Span
from test_cli_run import compiled

SOURCE = Source("x.bt", "begin {}\nend {}\n")
PROGRAM = compiled(SOURCE)
BODY = Block(Span(6, 8), ())


def tree(*points: str) -> Program:
    """A script of one empty probe at these attach points."""
    attach = tuple(AttachPoint(Span(0, 5), point, (point,)) for point in points)
    return Program(Span(0, 8), SOURCE, *[()] * 6, (Probe(Span(0, 8), attach, None, BODY),))


def test_a_dump_shows_its_title_and_text_when_its_stage_is_done() -> None:
    shown: list[str] = []
    dumper = Dumper(("ir", "maps"), (), DumpWriter(shown.append, None, False))
    dumper.after_stage("expand", PROGRAM)
    assert shown == []
    dumper.after_stage("codegen", PROGRAM)
    assert shown[0] == "LLVM IR\n-------\ndefine void @f()\n\n"
    assert shown[1].startswith("Maps and events\n---------------\nmap ")


def test_a_stage_that_fails_shows_what_its_last_pass_left() -> None:
    shown: list[str] = []
    dumper = Dumper(("ast",), (), DumpWriter(shown.append, None, False))
    dumper.after_pass("parse", "one", tree("begin"))
    dumper.after_pass("parse", "two", tree("end"))
    assert shown == []
    dumper.after_stage("parse", None)
    assert len(shown) == 1
    assert "end" in shown[0]


def test_the_tree_after_a_named_pass_is_shown_at_once() -> None:
    shown: list[str] = []
    dumper = Dumper((), ("fold",), DumpWriter(shown.append, None, False))
    dumper.after_pass("parse", "other", tree("begin"))
    dumper.after_pass("typecheck", "fold", tree("begin"))
    assert len(shown) == 1
    assert shown[0].startswith("AST after fold\n--------------\n")


def test_json_dumps_are_one_object_a_line() -> None:
    shown: list[str] = []
    dumper = Dumper(("asm", "maps"), (), DumpWriter(shown.append, None, True))
    dumper.after_stage("codegen", PROGRAM)
    objects = [json.loads(line) for line in shown]
    assert [o["dump"] for o in objects] == ["asm", "maps"]
    assert objects[0]["data"][0]["instructions"][0]["text"] == "r1 = map[@x] ll"
    assert objects[1]["data"]["events"][0]["fields"][2] == {
        "offset": 80,
        "type": ["String", 512],
        "long_string": True,
    }


@pytest.mark.parametrize(("as_json", "suffix"), [(False, "txt"), (True, "json")])
def test_dumps_go_to_numbered_files_of_a_directory(tmp_path: Path, as_json: bool, suffix: str) -> None:
    directory = tmp_path / "dumps"
    dumper = Dumper(("ast", "ir", "asm"), ("fold",), DumpWriter(pytest.fail, str(directory), as_json))
    dumper.after_pass("typecheck", "fold", tree("begin"))
    dumper.after_stage("parse", tree("begin"))
    dumper.after_stage("codegen", PROGRAM)
    names = sorted(path.name for path in directory.iterdir())
    assert names == [f"01-ast-fold.{suffix}", f"01-ast.{suffix}", f"04-ir.{suffix}", f"06-asm.{suffix}"]


def test_the_script_stands_beside_the_instructions_that_came_from_it() -> None:
    from pybpftrace.core.artifacts import LineInfo
    from pybpftrace.core.dump_assembly import dump_assembly

    [spec] = PROGRAM.programs
    lines = (LineInfo(0, 1, 1), LineInfo(2, 2, 5), LineInfo(3, 2, 6))
    text = dump_assembly(replace(PROGRAM, programs=(replace(spec, lines=lines),)))
    assert text.splitlines() == [
        "begin_1 (raw_tracepoint, begin):",
        "     0  18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00  r1 = map[@x] ll  ; 1:1  begin {}",
        "     2  b7 00 00 00 00 00 00 00                          r0 = 0           ; 2:5  end {}",
        "     3  95 00 00 00 00 00 00 00                          exit             ; 2:6",
    ]


def test_only_what_a_pass_changed_is_shown() -> None:
    shown: list[str] = []
    printer = ChangePrinter(shown.append)
    printer.after_pass("parse", "read", tree("begin"))
    printer.after_pass("parse", "check", tree("begin"))
    printer.after_pass("parse", "cut", tree("begin", "end"))
    assert shown[0].startswith("parse: read\n-----------\nAST\n")
    assert shown[1] == "parse: check: no change\n"
    added = [line for line in shown[2].splitlines() if line.startswith("+")]
    assert added
    assert all("end" in line for line in added)


def test_times_of_passes_and_stages_are_a_table() -> None:
    timer = Timer()
    timer.after_pass("parse", "read", 0.001)
    timer.after_stage("parse", 0.002)
    timer.after_stage("load", 0.006)
    rows = [line.split() for line in timer.report().splitlines()]
    assert rows == [
        ["stage", "pass", "ms", "share"],
        ["parse", "read", "1.0", "12%"],
        ["parse", "(all)", "2.0", "25%"],
        ["load", "(all)", "6.0", "75%"],
    ]


def broken(**changes: Any) -> CompiledProgram:
    return replace(PROGRAM, origins={"printf": "m", "probe:begin": "m"}, **changes)


@pytest.mark.parametrize(
    ("artifact", "rule"),
    [
        (broken(programs=PROGRAM.programs * 2), "2 programs are called begin_1"),
        (broken(maps=PROGRAM.maps * 2), "2 maps are called @x"),
        (broken(events=PROGRAM.events * 2), "2 events are called 0"),
        (replace(broken(), origins={"printf": "m"}), "the probe type begin has no origin"),
        (replace(broken(), origins={"probe:begin": "m"}), "the function printf has no origin"),
        (
            broken(programs=(replace(PROGRAM.programs[0], instructions=b"\xff" * 24),)),
            "instruction 0 of begin_1 does not decode: <unknown opcode 0xff>",
        ),
        (broken(maps=()), "it cannot be saved and loaded again: the program: corrupt (a relocation points nowhere)"),
        (broken(events=(replace(PROGRAM.events[0], settings={"x": object()}),)), "must be plain data, not object"),
        (Program(Span(0, 99), SOURCE, *[()] * 7), "a Program has the span 0-99 in a script of 16 bytes"),
        (
            Program(Span(0, 8), SOURCE, *[()] * 6, (Probe(Span(0, 8), (AttachPoint(Span(0, 5), "x"),), None, BODY),)),
            "the attach point at 1:1-6 was not cut into its parts",
        ),
    ],
)
def test_a_broken_rule_of_an_artifact_ends_the_run(artifact: Any, rule: str) -> None:
    with pytest.raises(InvariantError) as raised:
        Verifier().after_stage("codegen", artifact)
    assert rule in str(raised.value)


def test_sound_artifacts_and_failed_stages_pass_the_checks() -> None:
    assert check(broken()) == []
    assert check(tree("begin")) == []
    Verifier().after_stage("parse", None)
