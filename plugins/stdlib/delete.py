"""delete(): removes one key of a map, or the value of a scalar map."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import BOOL, UINT64, OwnedType, Type, round_up, size_of

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: What reaches the parts that other CPUs have of a value.
_OTHER_PARTS = "map_lookup_percpu_elem"


class Delete(Function):
    """`delete(@m, key)`, the older `delete(@m[key])`, and `delete(@scalar)`; true when something was removed."""

    names: ClassVar[tuple[str, ...]] = ("delete",)
    has_effect: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(1, 2, maps=frozenset({0}), maps_only=True)

    def type_of(self, call: CallSite) -> Type:
        is_map, is_keyed = call.map_name(0) is not None, call.is_keyed(0)
        if len(call.types) == 2 and not is_keyed and call.is_scalar(0):
            call.error("call to delete() with two arguments expects a map with explicit keys (non-scalar map)", 0)
        elif len(call.types) == 2:
            call.use_key(0, 1)
        elif is_map and is_keyed:
            call.error("call to delete() with a single argument expects a map without explicit keys (scalar map)", 0)
        elif is_map and _has_parts(call.types[0]) and _OTHER_PARTS not in call.target.features:
            call.error(f"Missing required kernel feature: {_OTHER_PARTS}", 0)
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        name = call.map_of(0)
        key = call.map_key(0, 1 if len(call.types) == 2 else None)
        if key is not None:
            code = emitter.helper("map_delete_elem", emitter.map(name), key)
            return emitter.compare("==", code, emitter.constant(0))
        size = round_up(size_of(call.types[0]), 8)
        if _has_parts(call.types[0]):
            return _delete_parts(emitter, name, size)
        slot = emitter.map_value(name)
        assigned = emitter.load(slot, BOOL, size)
        emitter.zero(slot, size + 8)
        return assigned


def _delete_parts(emitter: Emitter, name: str, size: int) -> Value:
    assigned = emitter.scratch(8)
    emitter.store(assigned, emitter.constant(0, UINT64))

    def delete(cpu: Value) -> None:
        part = emitter.map_part(name, cpu)
        with emitter.when(part):
            mark = emitter.load(part, UINT64, size)
            emitter.store(assigned, emitter.binary("|", emitter.load(assigned, UINT64), mark))
            emitter.zero(part, size + 8)

    emitter.for_each_cpu(delete)
    return emitter.load(assigned, BOOL)


def _has_parts(type_: Type) -> bool:
    return isinstance(type_, OwnedType) and type_.aggregation


FUNCTIONS = (Delete(),)
