"""`fileopen`: the system calls that open a file, under one name.

It has no programs of its own: it expands into tracepoints, which do the rest (`args`, attaching, the filter of `-p`).
"""

from collections.abc import Iterable

from pybpftrace.core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, ProbeType

#: Which of them there are depends on the kernel: newer architectures lack `open` and `creat`, older kernels `openat2`.
CALLS = ("creat", "open", "open_by_handle_at", "openat", "openat2")
MOMENTS = ("enter", "exit")


class FileOpenProbe(ProbeType):
    """`fileopen:enter` and `fileopen:exit`."""

    names = ("fileopen",)
    searched = "always"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        if len(parts) != 1:
            raise AttachPointError(f"fileopen probe type requires 1 arguments, found {len(parts)}")
        if parts[0] not in MOMENTS:
            raise AttachPointError(f"fileopen has no '{parts[0]}'", (f"there are: {', '.join(MOMENTS)}",))
        return PointSpec("fileopen", {"moment": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        points: list[ConcretePoint] = []
        for call in CALLS:
            try:
                points += request.points_of(f"tracepoint:syscalls:sys_{spec.text('moment')}_{call}")
            except NoMatch:
                continue  # this kernel does not have it
        if not points:
            raise NoMatch(f"No matches for fileopen {spec.text('moment')}.")
        return points

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        wanted = ":".join(parts)
        return [f"fileopen:{moment}" for moment in MOMENTS if wanted in ("*", moment)]
