"""`watchpoint`: the processor itself looks out for accesses to an address, and stops the program that makes one.

It has registers for a few addresses only, usually four. Of writes and reads a probe learns when they are done, of an
instruction before it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...core.probe import AttachPointError, AttachRequest, ConcretePoint, Link, MatchRequest, PointSpec, ProbeType
from ...core.types import Type
from .parts import check_count, read_number
from .registers import perf_context_type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target

#: The accesses that each architecture can look out for (hw_breakpoint_arch_parse in arch/*/kernel/hw_breakpoint.c).
MODES: Mapping[str, tuple[str, ...]] = {
    "x86_64": ("rw", "w", "x"),
    "aarch64": ("r", "w", "x", "rw"),
    "armv7l": ("r", "w", "x", "rw"),
    "ppc64": ("r", "w", "rw"),
    "ppc64le": ("r", "w", "rw"),
}
_LENGTHS = (1, 2, 4, 8)
#: The length that the kernel wants for instructions: sizeof(long).
_INSTRUCTION = 8
#: enum of include/uapi/linux/hw_breakpoint.h.
_ACCESS = {"r": 1, "w": 2, "x": 4}


class WatchpointProbe(ProbeType):
    """`watchpoint:ADDRESS:LENGTH:MODE`. Settings: `address`; `length` in bytes; `mode`, its letters sorted."""

    names = ("watchpoint", "w")
    program_type = "perf_event"
    pid_filter = "attach"
    has_registers = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count("watchpoint", parts, 3)
        address = read_number(parts[0], "Invalid function/address argument", maximum=2**64 - 1)
        if not address:
            raise AttachPointError("watchpoint must be attached to a non-zero address")
        length = read_number(parts[1], "Invalid length argument")
        if length not in _LENGTHS:
            raise AttachPointError(f"watchpoint length must be one of ({','.join(map(str, _LENGTHS))})")
        return PointSpec("watchpoint", {"address": address, "length": length, "mode": _mode(parts[2])})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        mode, supported = spec.text("mode"), MODES.get(request.target.architecture, ())
        if not supported:
            raise AttachPointError("watchpoints not supported")
        if mode not in supported:
            raise AttachPointError(f"invalid watchpoint mode: {mode}", (f"supported modes: {','.join(supported)}",))
        program = [] if request.pid is None else request.target.resolve_binary("", request.pid)[:1]
        where = ":".join((*program, str(spec.number("address")), str(spec.number("length")), mode))
        return [ConcretePoint("watchpoint", f"watchpoint:{where}", spec.settings)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return ()

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return perf_context_type(target.architecture)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.perf import attach_breakpoint

        point, access = program.point, 0
        for letter in point.text("mode"):
            access |= _ACCESS[letter]
        length = _INSTRUCTION if access & _ACCESS["x"] else point.number("length")
        return attach_breakpoint(point.number("address"), length, access, request)


def _mode(written: str) -> str:
    """Raises: AttachPointError."""
    if not written or set(written) - _ACCESS.keys():
        raise AttachPointError(f"watchpoint mode must be combination of ({','.join(_ACCESS)})")
    if len(set(written)) < len(written):
        raise AttachPointError("watchpoint modes may not be duplicated")
    return "".join(sorted(written))


PROBE_TYPES = (WatchpointProbe(),)
