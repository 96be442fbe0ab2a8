"""How attach points become points: wildcards in place of the provider, one link for several places, names of users, and
probe types that expand into others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import pytest
from pybpftrace.core import ast
from pybpftrace.core.config import Config
from pybpftrace.core.glob import glob
from pybpftrace.core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, ProbeType
from pybpftrace.core.registry import Registry
from pybpftrace.core.target import Target
from pybpftrace.core.types import UINT32, UINT64, Field, Struct
from pybpftrace.passes.parse.attach_points import SplitAttachPoints
from pybpftrace.passes.typecheck.match import MatchPoints
from pybpftrace.passes.typecheck.matched import MatchedProgram
from staged import Staged

PLACES = ("open", "openat", "read")


class Place(ProbeType):
    """`place:NAME`, for which one link can serve all that a wildcard matches."""

    names: ClassVar[tuple[str, ...]] = ("place", "P")
    searched: ClassVar[str] = "always"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if len(parts) != 1:
            raise AttachPointError("one part")
        return PointSpec("place", {"name": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        accepts = glob(spec.text("name")).fullmatch
        found = [ConcretePoint("place", f"place:{name}", {"name": name}) for name in PLACES if accepts(name)]
        if not found and "*" not in spec.text("name"):
            raise NoMatch(f"No matches for place {spec.text('name')}.")
        return found

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        if "*" not in spec.text("name"):
            return list(points)
        names = tuple(point.text("name") for point in points)
        return [ConcretePoint("place", f"place:{spec.text('name')}", {"names": names}, len(names))]

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        size = UINT32 if point.text("name") == "read" else UINT64
        return Struct("args", 8, (Field("size", size, 0),))


class Spot(Place):
    """`spot:A:B` has another form; it is searched only where a file is meant."""

    names: ClassVar[tuple[str, ...]] = ("spot",)
    searched: ClassVar[str] = "process"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if len(parts) != 2:
            raise AttachPointError("two parts")
        return PointSpec("spot", {"name": parts[1], "file": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return [ConcretePoint("spot", f"spot:{spec.text('file')}:{spec.text('name')}", {"name": spec.text("name")})]


class Group(ProbeType):
    """`group:all` is other places."""

    names: ClassVar[tuple[str, ...]] = ("group",)

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        return PointSpec("group", {})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return request.points_of("place:read") + request.points_of("place:open*")


def matched(script: str, *, missing_probes: str = "error") -> tuple[Staged, MatchedProgram]:
    staged = Staged(script, SplitAttachPoints(), config=Config(missing_probes=missing_probes))
    types: Registry[ProbeType] = Registry()
    for probe_type in (Place(), Spot(), Group()):
        types.add(probe_type, "test")
    staged.compilation.probe_types = types
    result: Any = staged.program
    assert isinstance(staged.program, ast.Program)
    if not staged.diagnostics.failed:
        result = MatchPoints().run(staged.program, staged.compilation)
    return staged, cast(MatchedProgram, result)


def layouts(script: str) -> list[list[tuple[str, int]]]:
    """(name, number of places) of the points of each layout."""
    staged, program = matched(script)
    assert not staged.diagnostics.failed, staged.message
    return [
        [(point.name, point.count) for point in layout.points] for probe in program.probes for layout in probe.layouts
    ]


def test_one_link_serves_all_that_a_wildcard_matches() -> None:
    assert layouts("place:open* { }") == [[("place:open*", 2)]]


def test_a_body_that_uses_its_probes_name_has_a_program_for_each() -> None:
    assert layouts("place:open* { print(probe); }") == [[("place:open", 1), ("place:openat", 1)]]


def test_places_whose_args_differ_have_bodies_of_their_own() -> None:
    assert layouts("place:* { print(args.size); }") == [[("place:*", 2)], [("place:*", 1)]]


def test_args_are_not_looked_at_when_the_body_does_not_use_them() -> None:
    assert layouts("place:* { print(1); }") == [[("place:*", 3)]]


def test_a_user_names_a_probe_that_is_one_place() -> None:
    assert layouts("mine=place:open { }") == [[("mine", 1)]]
    assert layouts("mine=place:open* { }") == [[("place:open*", 2)]]
    assert layouts("mine=place:rea* { print(probe); }") == [[("place:read", 1)]]


@pytest.mark.parametrize(
    ("attach_point", "points"),
    [
        ("pl*:read", ["place:read"]),
        ("PL*:read", ["place:read"]),
        ("*:read", ["place:read"]),
        ("*:/file:f", ["spot:/file:f"]),
        ("P:read", ["place:read"]),
        ("PLACE:read", ["place:read"]),
    ],
)
def test_a_wildcard_in_place_of_the_provider_means_all_that_are_searched(attach_point: str, points: list[str]) -> None:
    assert [name for layout in layouts(f"{attach_point} {{ }}") for name, _ in layout] == points


@pytest.mark.parametrize(
    ("attach_point", "message"),
    [
        ("x*:read", "ERROR: No probe type matched for x*:read"),
        ("*:/a:b:c", "ERROR: No probe type matched for *:/a:b:c"),
        ("pl*:a:b", "ERROR: one part"),
        ("p:read", "ERROR: Invalid probe type: p"),
        ("place:gone", "ERROR: No matches for place gone."),
        (
            "place:x*",
            "ERROR: Probe has no valid attach points. If this is expected, set the 'missing_probes' config variable to "
            "'warn'.",
        ),
    ],
)
def test_what_names_nothing_is_an_error(attach_point: str, message: str) -> None:
    assert matched(f"{attach_point} {{ }}")[0].message == message


@pytest.mark.parametrize(
    ("attach_point", "hint"),
    [
        ("open", "did you mean 'place:open'?"),
        ("plase:open", "did you mean 'place'?"),
        ("nothing:here", "the first part of a probe is its type, such as 'tracepoint'; -l lists all probes"),
    ],
)
def test_who_leaves_out_the_probe_type_is_told_so(attach_point: str, hint: str) -> None:
    [error] = matched(f"{attach_point} {{ }}")[0].diagnostics.recorded
    assert error.message == f"Invalid probe type: {attach_point.split(':')[0]}" and error.hints == (hint,)


def test_probe_types_are_given_names_as_the_system_has_them() -> None:
    """A script is held as bytes."""
    assert matched("place:é { }")[0].message == "ERROR: No matches for place é."
    assert matched('place:"é" { }')[0].message == "ERROR: No matches for place é."


def test_a_probe_type_can_be_other_probes() -> None:
    assert layouts("group:all { }") == [[("place:read", 1), ("place:open", 1), ("place:openat", 1)]]
    assert layouts("group:all { print(args.size); }") == [
        [("place:read", 1)],
        [("place:open", 1), ("place:openat", 1)],
    ]


class Partial(Place):
    """Of `partial:*` only `open` has what a body sees."""

    names: ClassVar[tuple[str, ...]] = ("partial",)

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        return [replace(point, probe_type="partial") for point in super().match(spec, request)]

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        return list(points)

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        if point.text("name") != "open":
            raise AttachPointError(f"no types of {point.text('name')}.")
        return super().args(point, target)


def with_partial(script: str) -> tuple[Staged, MatchedProgram]:
    staged = Staged(script, SplitAttachPoints())
    types: Registry[ProbeType] = Registry()
    types.add(Partial(), "test")
    staged.compilation.probe_types = types
    program: Any = staged.program
    return staged, MatchPoints().run(program, staged.compilation)


def test_of_many_places_those_are_left_out_that_lack_what_the_body_sees() -> None:
    staged, program = with_partial("partial:* { print(args.size); }")
    assert staged.messages == ["WARNING: no types of openat. Skipping.", "WARNING: no types of read. Skipping."]
    assert [point.text("name") for layout in program.probes[0].layouts for point in layout.points] == ["open"]


def test_when_none_has_it_that_is_an_error() -> None:
    staged, _ = with_partial("partial:read { print(args.size); }")
    assert staged.messages == ["ERROR: no types of read."]
