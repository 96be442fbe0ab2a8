"""What only probes on packets offer beside `ctx` and `args`: the packet's length."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function
from ...core.types import UINT64, Type
from ..probes.packets import PacketProbe

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class PacketLength(Function):
    """`pktlen`: bytes of the packet that `ctx` points to."""

    names: ClassVar[tuple[str, ...]] = ("pktlen",)
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        if not isinstance(call.probe_type, PacketProbe):
            call.error(f'pktlen can not be used with "{call.probe_type.names[0]}" probes')
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        assert isinstance(emitter.probe_type, PacketProbe), "the type checker saw to it"
        return emitter.probe_type.emit_length(emitter)


FUNCTIONS = (PacketLength(),)
