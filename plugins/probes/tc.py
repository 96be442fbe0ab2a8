"""`tc`: packets as the network stack takes them in from, or hands them to, a network interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import glob, has_wildcard
from ...core.probe import AttachPointError, AttachRequest, ConcretePoint, Link, MatchRequest, PointSpec
from ...core.types import UINT32, UINT64
from .packets import PacketProbe
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value

DIRECTIONS = ("ingress", "egress")


class Tc(PacketProbe):
    """`tc:INTERFACE:ingress` and `tc:INTERFACE:egress`."""

    names = ("tc",)
    program_type = "sched_cls"
    default_return = -1  # TC_ACT_UNSPEC: what comes next decides
    metadata: ClassVar[tuple[tuple[str, int], ...]] = (
        ("len", 0),
        ("pkt_type", 4),
        ("mark", 8),
        ("queue_mapping", 12),
        ("protocol", 16),
        ("vlan_present", 20),
        ("vlan_tci", 24),
        ("vlan_proto", 28),
        ("priority", 32),
        ("ingress_ifindex", 36),
        ("ifindex", 40),
        ("tc_index", 44),
        ("hash", 68),
        ("tc_classid", 72),
        ("napi_id", 84),
        ("gso_segs", 164),
        ("gso_size", 176),
    )
    context_struct: ClassVar[tuple[str, int]] = ("__sk_buff", 192)
    reader = "skb_load_bytes"
    feature = "ringbuf"  # whatever runs a program of ours has what this needs
    needs = "Linux 5.8 or newer"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count("tc", parts, 2)
        interface, direction = parts
        if not interface:
            raise AttachPointError("tc probe must have an interface")
        if direction not in DIRECTIONS and not has_wildcard(direction):
            hint = f"there are: {', '.join(DIRECTIONS)}"
            raise AttachPointError(f"{direction} is not a direction of tc probes", (hint,))
        return PointSpec("tc", {"interface": interface, "direction": direction})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        accepts = glob(spec.text("direction")).fullmatch
        return [
            ConcretePoint("tc", f"tc:{name}:{direction}", {"interface": name, "direction": direction})
            for name in self._interfaces(spec, request)
            for direction in DIRECTIONS
            if accepts(direction)
        ]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        places = (f"{name}:{direction}" for name in request.target.interfaces() for direction in sorted(DIRECTIONS))
        return listed_names("tc", places, parts)

    def emit_length(self, emitter: Emitter) -> Value:
        return emitter.cast(emitter.load(emitter.context(), UINT32), UINT64)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.packet import attach_tc

        return attach_tc(program.point.text("interface"), program.point.text("direction"), request.program_fd)


PROBE_TYPES = (Tc(),)
