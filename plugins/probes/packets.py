"""`xdp` and `tc`: packets as they arrive at, or pass through, a network interface.

`ctx` is the packet: a pointer into a memory of its own, whose addresses count from the packet's first byte. Reads go
through helpers that check the packet's end, so a script may read anywhere and gets zeros behind it. `args` has what the
kernel says about the packet (struct xdp_md, struct __sk_buff of include/uapi/linux/bpf.h).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import glob, has_wildcard
from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    Link,
    MatchRequest,
    NoMatch,
    PointSpec,
    ProbeType,
)
from ...core.types import UINT8, UINT32, UINT64, Field, Pointer, Struct, Type
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value
    from ...core.target import Target

#: The memory that `ctx` points into.
PACKET = "packet"
DIRECTIONS = ("ingress", "egress")


class PacketProbe(ProbeType):
    """What both have in common. Setting of their points: `interface`."""

    space: ClassVar[str] = PACKET
    returns_verdict: ClassVar[bool] = True
    #: Name and offset in bytes of what may be read of the context, each four bytes.
    metadata: ClassVar[tuple[tuple[str, int], ...]]
    #: The kernel's name of the context, and its size in bytes.
    context_struct: ClassVar[tuple[str, int]]
    #: The helper that copies bytes out of the packet.
    reader: ClassVar[str]
    #: The name of the feature (core/target/features.py) without which there is no such reading, and the first kernel.
    feature: ClassVar[str]
    needs: ClassVar[str]

    def _interfaces(self, spec: PointSpec, request: MatchRequest) -> list[str]:
        """Raises: AttachPointError."""
        if self.feature not in request.target.features:
            raise AttachPointError(f"{self.names[0]} probes need {self.needs}")
        wanted, present = spec.text("interface"), request.target.interfaces()
        if has_wildcard(wanted):
            accepts = glob(wanted).fullmatch
            return [name for name in present if accepts(name)]
        if wanted not in present:
            from ...core.diagnostics import did_you_mean

            raise NoMatch(f"No matches for {self.names[0]} {wanted}.", did_you_mean(wanted, present))
        return [wanted]

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        name, size = self.context_struct
        return Struct(name, size, tuple(Field(field, UINT32, offset) for field, offset in self.metadata))

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return Pointer(UINT8, PACKET)

    def emit_context(self, emitter: Emitter, type_: Type) -> Value:
        return emitter.constant(0, type_)

    def emit_read(self, emitter: Emitter, destination: Value, size: Value, address: Value) -> Value:
        return emitter.helper(self.reader, emitter.context(), address, destination, size)

    def emit_available(self, emitter: Emitter, address: Value) -> Value:
        length = self.emit_length(emitter)
        return emitter.choose(
            emitter.compare("<", address, length),
            lambda: emitter.binary("-", length, address),
            lambda: emitter.constant(0, UINT64),
        )

    def emit_length(self, emitter: Emitter) -> Value:
        """Emits the packet's length in bytes."""
        raise NotImplementedError


class XdpProbe(PacketProbe):
    """`xdp:INTERFACE`: each packet that arrives, before the kernel's network stack sees it."""

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

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        return [f"__u32 {field}" for field, _ in self.metadata]

    def emit_length(self, emitter: Emitter) -> Value:
        return emitter.helper("xdp_get_buff_len", emitter.context())

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .packet_links import attach_xdp

        return attach_xdp(program.point.text("interface"), request.program_fd)


class TcProbe(PacketProbe):
    """`tc:INTERFACE:ingress` and `tc:INTERFACE:egress`: each packet that the network stack takes in or hands out."""

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

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        return [f"__u32 {field}" for field, _ in self.metadata]

    def emit_length(self, emitter: Emitter) -> Value:
        return emitter.cast(emitter.load(emitter.context(), UINT32), UINT64)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .packet_links import attach_tc

        return attach_tc(program.point.text("interface"), program.point.text("direction"), request.program_fd)


PROBE_TYPES = (XdpProbe(), TcProbe())
