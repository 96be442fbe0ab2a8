"""What the probe types on packets have in common: `xdp`, `tc`.

`ctx` is the packet: a pointer into a memory of its own, whose addresses count from the packet's first byte. Reads go
through helpers that check the packet's end, so a script may read anywhere and gets zeros behind it. `args` has what the
kernel says about the packet (struct xdp_md, struct __sk_buff of include/uapi/linux/bpf.h).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import glob, has_wildcard
from ...core.probe import AttachPointError, ConcretePoint, MatchRequest, NoMatch, PointSpec, ProbeType
from ...core.types import UINT8, UINT32, UINT64, Field, Pointer, Struct, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.target import Target

#: The memory that `ctx` points into.
PACKET = "packet"


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

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        return [f"__u32 {field}" for field, _ in self.metadata]

    def emit_length(self, emitter: Emitter) -> Value:
        """Emits the packet's length in bytes."""
        raise NotImplementedError
