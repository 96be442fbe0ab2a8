"""`uprobe` and `uretprobe`: entry of, a place in, and return from a function of a program or library.

The kernel knows such a place as a file and an offset in it; user/points.py finds it, links/uprobe.py attaches to it, so
that a compiled program needs only the latter. Another task may preempt the program (the kernel only keeps it on its
CPU).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    Link,
    LoadSettings,
    MatchRequest,
    PointSpec,
    ProbeType,
)
from ...core.types import Struct, Type
from .register_values import RegisterArguments, RegisterReturn
from .registers import context_type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target


class UserProbe(ProbeType):
    """What entry and return have in common.

    Settings of a spec: `file`, empty for that of the traced process; `language`, 'cpp' or empty; `function` and
    `offset`, or for an address in place of them `address`, or for a source location `source`, `line` and `column`.
    Settings of a point: `path`, and there `offset` (bytes in the file), or for several places `offsets`; `multi` where
    one place has a uprobe_multi link too; `symbol`, that of the first place; `file` where the binary is a member of the
    archive `path`.
    """

    program_type: ClassVar[str] = "kprobe"
    space: ClassVar[str] = "user"
    pid_filter: ClassVar[str] = "attach"
    preemptible: ClassVar[bool] = True
    searched: ClassVar[str] = "process"
    traces: ClassVar[str] = "user"
    has_registers: ClassVar[bool] = True
    attached_backwards: ClassVar[bool] = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        from ...core.glob import has_wildcard
        from .parts import check_count

        if "@" in parts:
            if self.is_return:
                raise AttachPointError("Source code location not allowed")
            from .user.uprobe_source import parse_source

            return parse_source(self.names[0], parts)
        if len(parts) != 1:  # a function alone is one of the process of -p
            check_count(self.names[0], parts, 2, 3)
        if len(parts) == 3 and parts[1] != "cpp":
            raise AttachPointError(f"unsupported language type: {parts[1]}")
        file, language, written = parts[0] if len(parts) > 1 else "", parts[1] if len(parts) == 3 else "", parts[-1]
        if not written or (len(parts) > 1 and not file):
            raise AttachPointError(f"{self.names[0]} should be attached to a function and/or address")
        settings: dict[str, str | int] = {"file": file, "language": language, "function": "", "offset": 0}
        # No function's name begins with a digit.
        if written[0].isdecimal() and not language:
            if has_wildcard(file):
                raise AttachPointError("Cannot use wildcards with absolute address")
            return PointSpec(self.names[0], {**settings, "address": _number(written, "Invalid address")})
        function, offset = self._function(written, is_cpp="cpp" in parts[:-1])
        return PointSpec(self.names[0], {**settings, "function": function, "offset": offset})

    def _function(self, written: str, *, is_cpp: bool) -> tuple[str, int]:
        function, *offsets = written.split("+")
        if is_cpp:
            # `operator+` and `operator++` have no offset: one begins with a digit.
            function, _, offset = written.rpartition("+")
            function, offsets = (function, [offset]) if offset[:1].isdecimal() and function else (written, [])
        if not offsets:
            return function, 0
        if self.is_return:
            raise AttachPointError("Offset not allowed")
        if len(offsets) > 1:
            raise AttachPointError("Cannot take more than one offset")
        return function, _number(offsets[0], "Invalid offset")

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        from .user.points import find_points

        if "source" in spec.settings:
            from .user.uprobe_source import with_address

            spec = with_address(spec, request)
        return find_points(spec, request)

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        from .user.points import combine_points

        return combine_points(spec, points, request)

    def binary(self, point: ConcretePoint) -> str:
        return point.text("file" if "file" in point.settings else "path")

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        from .user.listing import list_functions

        return list_functions(self.names[0], parts, request)

    def listed_name(self, point: ConcretePoint) -> str:
        from .user.listing import listed_name

        return listed_name(point)

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return context_type(target.architecture)

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from .links.uprobe import load_settings

        return load_settings(program.point)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.uprobe import attach

        return attach(program.point, request, is_return=self.is_return)


class UprobeProbe(RegisterArguments, UserProbe):
    names = ("uprobe", "u")

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        from .user.listing import describe_function

        return describe_function(name, request)

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        from .user.uprobe_args import uprobe_args

        return uprobe_args(point.name, self.binary(point), point.text("symbol"), target)


class UretprobeProbe(RegisterReturn, UserProbe):
    names = ("uretprobe", "ur")
    searched = "never"
    is_return = True


def _number(text: str, complaint: str) -> int:
    from .parts import read_number

    return read_number(text, complaint)


PROBE_TYPES = (UprobeProbe(), UretprobeProbe())
