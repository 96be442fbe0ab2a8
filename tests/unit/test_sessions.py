"""Two probes become one program where their types say that the kernel can run one at entry and return."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pybpftrace.api.compiler import CompileSettings, target_for
from pybpftrace.core.artifacts import CompiledProgram, ExpandedProgram
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.disassembler import disassemble
from pybpftrace.core.dump_assembly import dump_assembly
from pybpftrace.core.dump_probes import dump_probes, probes_to_data
from pybpftrace.core.emitter import Emitter, Value
from pybpftrace.core.glob import glob
from pybpftrace.core.hookspecs import hookimpl
from pybpftrace.core.invariants import check
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.probe import ConcretePoint, MatchRequest, PointSpec, ProbeType
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.core.target.btf import Btf
from pybpftrace.core.target.directory import DirectoryTarget
from pybpftrace.core.types import UINT64, Type
from pybpftrace.passes import builtin_plugins
from pybpftrace.passes.codegen.link import stack_of
from test_target_btf import Blob

GOLDEN = Path(__file__).parent.parent / "golden" / "target"
PLACES = ("door", "gate", "gateway")


class Passage(ProbeType):
    program_type: ClassVar[str] = "kprobe"
    space: ClassVar[str] = "kernel"
    pid_filter: ClassVar[str] = "program"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        return PointSpec(self.names[0], {"name": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        found = filter(glob(spec.text("name")).fullmatch, PLACES)
        return [ConcretePoint(self.names[0], f"{self.names[0]}:{name}", {"places": (name,)}) for name in found]

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        places = tuple(place for point in points for place in point.texts("places"))
        return [ConcretePoint(self.names[0], f"{self.names[0]}:{spec.text('name')}", {"places": places}, len(places))]


class Enter(Passage):
    """`enter:PLACE`; `arg0` is the first word of the context."""

    names: ClassVar[tuple[str, ...]] = ("enter",)

    def session(self, entry: ConcretePoint, exit_: ConcretePoint, target: Target) -> ConcretePoint | None:
        if "kprobe_session" not in target.features or exit_.probe_type != "leave" or entry.settings != exit_.settings:
            return None
        return ConcretePoint("enter", entry.name, {**entry.settings, "session": 1}, entry.count)

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type:
        return UINT64

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        assert emitter.point.probe_type == "enter"
        return emitter.load(emitter.context(), UINT64, 8 * index)


class Leave(Passage):
    """`leave:PLACE`; `retval` is the eleventh word of the context."""

    names: ClassVar[tuple[str, ...]] = ("leave",)
    is_return: ClassVar[bool] = True

    def return_value(self, point: ConcretePoint, target: Target) -> Type:
        return UINT64

    def emit_return_value(self, emitter: Emitter, type_: Type) -> Value:
        assert emitter.point.probe_type == "leave"
        return emitter.load(emitter.context(), UINT64, 80)


class Passages:
    """A plugin with both types, that keeps what the expand stage made."""

    expanded: ExpandedProgram

    @hookimpl
    def register_probe_types(self) -> Sequence[ProbeType]:
        return [Enter(), Leave()]

    @hookimpl
    def after_stage(self, stage: str, artifact: Any) -> None:
        if stage == "expand":
            self.expanded = artifact


class Machine(DirectoryTarget):
    """The golden target with a function that tells entry from return."""

    def __init__(self, *, takes_context: bool = False, without: frozenset[str] = frozenset()) -> None:
        super().__init__(str(GOLDEN))
        self.without = without
        blob = Blob()
        truth = blob.add("int", "_Bool", 1, 0, 0, 4 << 24 | 8)
        parameters = (blob.text("ctx"), blob.add("ptr")) if takes_context else ()
        function = blob.add("func_proto", "", truth, len(parameters) // 2, 0, *parameters)
        blob.add("func", "bpf_session_is_return", function, 1)
        self.blob = Btf.parse(blob.build())

    @property
    def kernel_features(self) -> frozenset[str]:
        return super().kernel_features | {"kprobe_session", "uprobe_multi"}

    @property
    def btf(self) -> Btf:  # type: ignore[override]  # a property like any other here
        return self.blob


def compile_(script: str, target: Target | None = None, **options: Any) -> tuple[CompiledProgram, ExpandedProgram]:
    passages = Passages()
    pipeline = Pipeline(plugin_manager([*builtin_plugins(), ("passages", passages)]))
    source = Source("test.bt", script)
    compiled = pipeline.compile(source, target or Machine(), options=CompileOptions(**options))
    assert check(passages.expanded) == check(compiled) == []
    return compiled, passages.expanded


def programs(script: str, target: Target | None = None) -> list[tuple[str, str | None]]:
    """(point, point of the body on return) of each program."""
    return [
        (probe.point.name, probe.on_return and probe.on_return.point.name)
        for probe in compile_(script, target)[1].probes
    ]


def code(script: str, **options: Any) -> list[str]:
    [program] = compile_(script, **options)[0].programs
    names = {relocation.index: relocation.name for relocation in program.relocations}
    return [item.text for item in disassemble(program.instructions, relocations=names)]


TOGETHER = [("enter:gate", "leave:gate")]


@pytest.mark.parametrize("script", ["enter:gate { @ = 1; } leave:gate { @ = 2; }", "leave:gate { } enter:gate { }"])
def test_an_entry_and_its_return_are_one_program_in_any_order(script: str) -> None:
    assert programs(script) == TOGETHER


def test_a_wildcard_pairs_with_the_same_wildcard() -> None:
    assert programs("enter:gate* { } leave:gate* { }") == [("enter:gate*", "leave:gate*")]
    assert programs("enter:gate* { } leave:gate { }") == [("enter:gate*", None), ("leave:gate", None)]


def test_each_place_has_its_own_pair_and_others_stay_between_them() -> None:
    script = "enter:gate { } begin { } enter:door { } leave:door { } leave:gate { }"
    assert programs(script) == [("enter:gate", "leave:gate"), ("begin", None), ("enter:door", "leave:door")]


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("enter:gate { } enter:gate { } leave:gate { }", 3),
        ("enter:gate { } leave:gate { } leave:gate { }", 3),
        ("enter:gate { } leave:gate { } enter:gate { } leave:gate { }", 4),
        ("enter:gate, enter:door { } leave:gate { }", 3),
        ("enter:gate { } leave:gate, leave:door { }", 3),
        ("enter:gate { } leave:door { }", 2),
        ("enter:gate { print(probe); } leave:gate { }", 2),
        ('enter:gate { } leave:gate /probe == "x"/ { }', 2),
        ("enter:gate { }", 1),
    ],
)
def test_there_is_no_session_where_it_is_not_clear_what_belongs_together(script: str, count: int) -> None:
    assert [on_return for _, on_return in programs(script)] == [None] * count


def test_the_command_line_says_which_features_are_not_to_be_used() -> None:
    target = target_for(CompileSettings(target=str(GOLDEN), no_features=("uprobe_multi",)))
    assert target.kernel_features - target.features == {"uprobe_multi"}


def test_a_feature_that_is_not_to_be_used_makes_two_programs() -> None:
    without = Machine(without=frozenset({"kprobe_session"}))
    assert programs("enter:gate { } leave:gate { }", without) == [("enter:gate", None), ("leave:gate", None)]


def test_the_program_asks_the_kernel_which_of_the_two_it_is() -> None:
    compiled, _ = compile_("enter:gate { @in = arg1; } leave:gate { @out = retval; }")
    [program] = compiled.programs
    assert (program.point.probe_type, program.point.settings) == ("enter", {"places": ("gate",), "session": 1})
    calls = [relocation for relocation in program.relocations if relocation.kind == "kfunc"]
    assert [call.name for call in calls] == ["bpf_session_is_return"]
    text = dump_assembly(compiled)
    # The two bodies read their own words of the context.
    assert len(re.findall(r"= \*\(u64 \*\)\(r\d \+ 8\)", text)) == 1
    assert len(re.findall(r"= \*\(u64 \*\)\(r\d \+ 80\)", text)) == 1
    slot = calls[0].index
    assert re.search(rf"^ +{slot}  85 20 00 00 00 00 00 00 +call kernel bpf_session_is_return", text, re.MULTILINE)


@pytest.mark.parametrize(("takes_context", "arguments"), [(False, ""), (True, 'ptr %"ctx"')])
def test_the_kernel_function_gets_the_context_where_it_wants_it(takes_context: bool, arguments: str) -> None:
    compiled, _ = compile_("enter:gate { } leave:gate { }", Machine(takes_context=takes_context))
    [call] = re.findall(r"call .*@.?kfunc\.bpf_session_is_return.?\((.*?)\)", compiled.dumps["ir"])
    assert call == arguments


def test_the_result_at_entry_never_keeps_the_kernel_from_running_the_return() -> None:
    texts = code("enter:gate { if (arg0 > 5) { return 1; } @ = 1; return 7; } leave:gate { return 1; }")
    results = [before for before, text in pairwise(texts) if text == "exit"]
    assert set(results) <= {"w0 = 0", "r0 = 0"} and results


def test_variables_of_one_name_have_the_type_of_their_own_body() -> None:
    texts = code('enter:gate { $x = arg0; @a = $x; } leave:gate { $x = "text"; @b = $x; }')
    assert "call kernel bpf_session_is_return" in texts


def test_loops_of_both_bodies_are_functions_of_the_one_program() -> None:
    script = "enter:gate { for ($i : 0..3) { @a = $i; } } leave:gate { for ($i : 0..4) { @b = $i; return; } }"
    [program] = compile_(script)[0].programs
    assert len(program.functions) == 3
    assert stack_of(program.instructions) <= 512


def test_the_process_of_p_is_tested_in_both_bodies() -> None:
    compiled, expanded = compile_("enter:gate { @a = 1; } leave:gate { @b = 1; }", pid=4711)
    [probe] = expanded.probes
    assert probe.on_return is not None
    assert (probe.pid_filter, probe.on_return.pid_filter) == (4711, 4711)
    assert len(re.findall(r"icmp ne i64 .*, 4711 ", compiled.dumps["ir"])) == 2


def test_the_dump_shows_what_runs_on_return_below_the_program() -> None:
    _, expanded = compile_("enter:gate { } leave:gate { }")
    lines = [line.split() for line in dump_probes(expanded).splitlines()]
    assert lines[1:] == [
        ["enter_gate_1", "enter:gate", "0", "-", "places=('gate',)", "session=1"],
        ["on", "return", "leave:gate", "0", "-"],
    ]
    [row] = probes_to_data(expanded)
    assert row["probe"] == "enter:gate"
    assert row["on_return"]["probe"] == "leave:gate"  # type: ignore[index]  # JSON data
