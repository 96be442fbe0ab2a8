"""The bytecode dump of a program that has functions behind its own."""

from __future__ import annotations

from pybpftrace.core.artifacts import CompiledProgram, FunctionInfo, LineInfo, ProgramSpec
from pybpftrace.core.config import Config
from pybpftrace.core.dump_assembly import assembly_to_data, dump_assembly
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.source import Source

LOAD = bytes.fromhex("18 42 00 00 02 00 00 00 00 00 00 00 00 00 00 00")
EXIT = bytes.fromhex("95 00 00 00 00 00 00 00")
PROGRAM = ProgramSpec(
    "begin_1",
    ConcretePoint("begin", "begin", {}),
    "raw_tracepoint",
    LOAD + EXIT + EXIT,
    lines=(LineInfo(0, 1, 1), LineInfo(3, 1, 9)),
    functions=(FunctionInfo(0, 4, "begin_1"), FunctionInfo(3, 6, "begin_1_loop_1")),
)
COMPILED = CompiledProgram(Source("x.bt", "begin { }"), "x86_64", Config(), (PROGRAM,), (), (), (), {})


def test_each_function_begins_with_its_name() -> None:
    assert dump_assembly(COMPILED).splitlines() == [
        "begin_1 (raw_tracepoint, begin):",
        "     0  18 42 00 00 02 00 00 00 00 00 00 00 00 00 00 00  r2 = func[begin_1_loop_1] ll  ; 1:1  begin { }",
        "     2  95 00 00 00 00 00 00 00                          exit",
        "begin_1_loop_1:",
        "     3  95 00 00 00 00 00 00 00  exit  ; 1:9  begin { }",
    ]


def test_the_data_lists_the_functions() -> None:
    (program,) = assembly_to_data(COMPILED)
    assert program["functions"] == [{"index": 0, "name": "begin_1"}, {"index": 3, "name": "begin_1_loop_1"}]
    texts = [row["text"] for row in program["instructions"]]  # type: ignore[attr-defined]  # JSON data
    assert texts == ["r2 = func[begin_1_loop_1] ll", "exit", "exit"]
