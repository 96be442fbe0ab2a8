"""delete(): removes one key of a map, or the value of a scalar map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import BOOL, OwnedType, Type, round_up, size_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class Delete(Function):
    """`delete(@m, key)`, the older `delete(@m[key])`, and `delete(@scalar)`; true when something was removed."""

    names = ("delete",)
    warns_when_discarded = False
    signature = Signature(minimum=1, maximum=2, maps=frozenset({0}), maps_only=True)

    def type_of(self, call: CallSite) -> Type:
        if len(call.types) == 2:
            call.use_key(0, 1)
        elif call.map_name(0) is not None and call.is_keyed(0):
            call.error("call to delete() with a single argument expects a map without explicit keys (scalar map)", 0)
        elif isinstance(call.types[0], OwnedType) and call.types[0].aggregation and call.map_name(0) is not None:
            # A program reaches its own CPU's part of a scalar aggregation only.
            call.error(f"delete() can not remove the parts that other CPUs have of {call.map_name(0)}; use clear()", 0)
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name = call.map_of(0)
        key = call.map_key(0, 1 if len(call.types) == 2 else None)
        if key is not None:
            code = emitter.helper("map_delete_elem", emitter.map(name), key)
            return emitter.compare("==", code, emitter.constant(0))
        slot = emitter.map_value(name)
        size = round_up(size_of(call.types[0]), 8)
        assigned = emitter.load(slot, BOOL, size)
        emitter.zero(slot, size + 8)
        return assigned


FUNCTIONS = (Delete(),)
