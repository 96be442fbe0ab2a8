"""What becomes of probes without points, as the config key `missing_probes` says, and the limit of programs."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import pytest
from pybpftrace.core import ast
from pybpftrace.core.config import Config
from pybpftrace.core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, ProbeType
from pybpftrace.core.registry import Registry
from pybpftrace.passes.expand.points import ExpandPoints
from pybpftrace.passes.parse.attach_points import SplitAttachPoints
from pybpftrace.passes.typecheck.match import MatchPoints
from pybpftrace.passes.typecheck.matched import MatchedProgram
from staged import Staged


class Place(ProbeType):
    """`place:NAME` is there, but for some names."""

    names: ClassVar[tuple[str, ...]] = ("place",)

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if parts == ("bad",):
            raise AttachPointError("a bad place")
        return PointSpec("place", {"name": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        name = str(spec.settings["name"])
        if name == "gone":
            raise NoMatch("No matches for place gone.")
        return [] if name == "*" else [ConcretePoint("place", f"place:{name}", {})]


def matched(script: str, missing_probes: str) -> tuple[Staged, MatchedProgram]:
    staged = Staged(script, SplitAttachPoints(), config=Config(missing_probes=missing_probes))
    types: Registry[ProbeType] = Registry()
    types.add(Place(), "test")
    staged.compilation.probe_types = types
    result: Any = staged.program
    if not staged.diagnostics.failed:
        result = MatchPoints().run(staged.program, staged.compilation)
    return staged, cast(MatchedProgram, result)


def points(program: MatchedProgram) -> list[str]:
    return [point.name for probe in program.probes for layout in probe.layouts for point in layout.points]


def test_a_missing_point_is_an_error() -> None:
    staged, _ = matched("place:gone,place:a { }", "error")
    assert staged.message == "ERROR: No matches for place gone."
    assert staged.marked() == ["place:gone"]


def test_with_warn_it_is_dropped_with_a_warning() -> None:
    staged, program = matched("place:gone,place:a { }", "warn")
    assert staged.message == "WARNING: No matches for place gone. Skipping."
    assert points(program) == ["place:a"]


def test_with_ignore_it_is_dropped() -> None:
    staged, program = matched("place:gone,place:a { }", "ignore")
    assert staged.messages == []
    assert points(program) == ["place:a"]


def test_a_probe_without_points_is_an_error() -> None:
    staged, _ = matched("place:* { }", "error")
    assert staged.message == (
        "ERROR: Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to "
        "'warn'."
    )


@pytest.mark.parametrize("point", ["gone", "*"])
@pytest.mark.parametrize("missing_probes", ["warn", "ignore"])
def test_a_probe_without_points_is_removed(point: str, missing_probes: str) -> None:
    staged, program = matched(f"place:{point} {{ }} place:a {{ }}", missing_probes)
    assert points(program) == ["place:a"]
    assert [probe.node for probe in program.probes] == list(program.program.probes)
    said = [message for message in staged.messages if "no valid attach points" in message]
    expected = ["WARNING: Probe has no valid attach points. It is being removed from the program."]
    assert said == (expected if missing_probes == "warn" else [])


@pytest.mark.parametrize("missing_probes", ["error", "warn", "ignore"])
def test_an_attach_point_that_means_nothing_is_always_an_error(missing_probes: str) -> None:
    staged, _ = matched("place:bad { }", missing_probes)
    assert staged.message == "ERROR: a bad place"


def test_more_programs_than_the_limit_are_refused() -> None:
    staged, program = matched("place:a,place:b,place:c { }", "error")
    staged.compilation.config = Config(max_bpf_progs=2)
    ExpandPoints().run(cast(Any, _Typed(program)), staged.compilation)
    assert staged.message == (
        "ERROR: Your program is trying to generate more than 2 BPF programs, which exceeds the current limit of 2"
    )
    assert "BPFTRACE_MAX_BPF_PROGS" in staged.hints[0]


def test_too_many_programs_are_not_refused_as_too_many_probes_too() -> None:
    staged, program = matched("place:a,place:b,place:c { }", "error")
    staged.compilation.config = Config(max_bpf_progs=2, max_probes=2)
    ExpandPoints().run(cast(Any, _Typed(program)), staged.compilation)
    assert len(staged.messages) == 1


class _Typed:
    """As much of a typed program as expanding asks for."""

    def __init__(self, program: MatchedProgram) -> None:
        self.probes = [_TypedProbe(probe.node, list(probe.layouts)) for probe in program.probes]


class _TypedProbe:
    def __init__(self, node: ast.Probe, variants: list[Any]) -> None:
        self.node = node
        self.variants = variants
