"""Questions about a map's keys: `has_key`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import BOOL, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class HasKey(Function):
    """`has_key(@m, key)`: whether the map has the key, whatever is stored there."""

    names: ClassVar[tuple[str, ...]] = ("has_key",)
    signature: ClassVar[Signature] = Signature(2, 2, maps=frozenset({0}), maps_only=True)

    def type_of(self, call: CallSite) -> Type:
        if call.map_name(0) is None or not call.is_keyed(0):
            call.error("call to has_key() expects a map with explicit keys (non-scalar map)", 0)
        else:
            call.use_key(0, 1)
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        key = call.map_key(0, 1)
        assert key is not None, "type_of takes keyed maps only"
        slot = emitter.helper("map_lookup_elem", emitter.map(call.map_of(0)), key)
        return emitter.compare("!=", slot, emitter.constant(0))


FUNCTIONS = (HasKey(),)
