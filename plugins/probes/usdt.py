"""`usdt`: static markers that programs and libraries carry (USDT, <sys/sdt.h>).

A marker is one probe however many places of the file it is at. Where its arguments are differs by place, and so does
the cookie that the kernel hands the program there. user/usdt_points.py finds markers, user/usdt_arguments.py
reads arguments, links/usdt.py attaches, so that a compiled program needs only the latter.
"""

from __future__ import annotations

from collections.abc import Iterable
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
from ...core.types import INT64, Type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value
    from ...core.target import Target


class UsdtProbe(ProbeType):
    """Settings of a spec: `file`, `provider` and `marker`; the first two are empty where they were left out.

    Settings of a point: `path`; of each place `offsets`, `semaphores` (0 without one; both count bytes of the file) and
    `cookies`, which are positions in `arguments`, the different descriptions of where arguments are; `machine`;
    `multi`, 1 when one uprobe_multi link serves all places.
    """

    names = ("usdt", "U")
    program_type: ClassVar[str] = "kprobe"
    space: ClassVar[str] = "user"
    pid_filter: ClassVar[str] = "attach"
    preemptible: ClassVar[bool] = True
    searched: ClassVar[str] = "process"
    has_registers: ClassVar[bool] = True
    attached_backwards: ClassVar[bool] = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        from .parts import check_count

        if len(parts) != 1:  # a marker alone is one of the process of -p
            check_count("usdt", parts, 2, 3)
        file, provider, marker = parts[0] if len(parts) > 1 else "", parts[1] if len(parts) > 2 else "", parts[-1]
        if not marker:
            raise AttachPointError("usdt probe must have the name of a marker or a wildcard")
        return PointSpec("usdt", {"file": file, "provider": provider, "marker": marker})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        from .user.usdt_points import find_points

        return find_points(spec, request)

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        from .user.usdt_points import list_markers

        return list_markers(parts, request)

    def binary(self, point: ConcretePoint) -> str:
        return point.text("path")

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        from .user.usdt_arguments import operands

        operands(point, index, architecture)
        return INT64

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        from .user.usdt_arguments import emit_argument

        return emit_argument(emitter, index)

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        from .registers import context_type

        return context_type(target.architecture)

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from .links.usdt import load_settings

        return load_settings(program.point)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.usdt import attach

        return attach(program.point, request)


PROBE_TYPES = (UsdtProbe(),)
