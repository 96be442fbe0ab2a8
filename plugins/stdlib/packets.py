"""What is there for packets: the length of the one that `ctx` points to, and files of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import UINT32, UINT64, Type, base_name
from ..probes.packets import PacketProbe
from .kernel_objects import check_tracing, is_pointer_to

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


class PacketOutput(Function):
    """`skboutput("FILE", skb, length, offset)`: writes the first `length` bytes of a packet, without `offset` of them,
    into a file that tcpdump reads; 0, or a negative errno."""

    names: ClassVar[tuple[str, ...]] = ("skboutput",)
    signature: ClassVar[Signature] = Signature(4, 4, kinds={2: ("int",)}, literals={0: "string", 3: "int"})
    warns_when_discarded: ClassVar[bool] = False
    has_effect: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        check_tracing(call)
        if not is_pointer_to(call.types[1], "sk_buff"):
            given = base_name(call.types[1])
            call.error(f"skboutput() only supports 'struct sk_buff *' as the second argument ({given} provided)", 1)
        offset = call.literal(3)
        if isinstance(offset, int) and offset < 0:
            call.error(f"skboutput() cannot use negative offset ({offset})", 3)
        return UINT32

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name, offset = call.literal(0), call.literal(3)
        assert isinstance(name, bytes) and isinstance(offset, int), "the signature asks for literals"
        length = emitter.cast(call.value(2), UINT64)
        failed = emitter.packet(call.object(1), length, {"file": name.decode("latin-1"), "offset": offset})
        return emitter.cast(failed, UINT32)


FUNCTIONS = (PacketLength(), PacketOutput())
