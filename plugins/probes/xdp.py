"""`xdp`: packets as they arrive at a network interface, before the kernel's network stack sees them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from ...core.probe import AttachPointError, AttachRequest, ConcretePoint, Link, MatchRequest, PointSpec
from .packets import PacketProbe
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value


class Xdp(PacketProbe):
    """`xdp:INTERFACE`."""

    names = ("xdp",)
    program_type = "xdp"
    default_return = 2  # XDP_PASS
    metadata: ClassVar[tuple[tuple[str, int], ...]] = (("ingress_ifindex", 12), ("rx_queue_index", 16))
    context_struct: ClassVar[tuple[str, int]] = ("xdp_md", 24)
    reader = "xdp_load_bytes"
    feature = "xdp_load_bytes"
    needs = "Linux 5.18 or newer (bpf_xdp_load_bytes)"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count("xdp", parts, 1)
        if not parts[0]:
            raise AttachPointError("xdp probe must have an interface")
        return PointSpec("xdp", {"interface": parts[0]})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        names = self._interfaces(spec, request)
        return [ConcretePoint("xdp", f"xdp:{name}", {"interface": name}) for name in names]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return listed_names("xdp", request.target.interfaces(), parts)

    def emit_length(self, emitter: Emitter) -> Value:
        return emitter.helper("xdp_get_buff_len", emitter.context())

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.packet import attach_xdp

        return attach_xdp(program.point.text("interface"), request.program_fd)


PROBE_TYPES = (Xdp(),)
