"""`cgroup_path`: the id of a control group, shown as its path in each hierarchy that has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.json_text import json_string
from ...core.types import UINT64, OwnedType, Type, base_name
from .shown_later import formats_by_number, number_of_format

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering


#: The number of the group, and that of the pattern.
_PATH, _PATTERN_AT = Struct("<QQ"), 8


def _path_type(*patterns: str) -> OwnedType:
    return OwnedType("cgroup_path", "cgroup_path_t", _PATH.size, formats=patterns)


class CgroupPath(Function):
    """`cgroup_path(id [, filter])`; the filter is a pattern for the names of hierarchies."""

    names: ClassVar[tuple[str, ...]] = ("cgroup_path",)
    signature: ClassVar[Signature] = Signature(1, 2)
    named_types: ClassVar[Mapping[str, OwnedType]] = {"cgroup_path_t": _path_type()}

    def type_of(self, call: CallSite) -> Type:
        for index, (type_, kind) in enumerate(zip(call.types, ("int", "string"), strict=False)):
            if base_name(type_) != kind:
                call.error(f"cgroup_path() only supports int|string arguments ({base_name(type_)} provided)", index)
        wanted = call.literal(1)
        if len(call.types) > 1 and not isinstance(wanted, bytes):
            call.error(f"cgroup_path() expects a string literal ({base_name(call.types[1])} provided)", 1)
        pattern = wanted.decode("latin-1") if isinstance(wanted, bytes) else "*"
        return _path_type(pattern)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        assert isinstance(call.type, OwnedType), "type_of gives a path"
        (pattern,) = call.type.formats
        number = emitter.cast(call.value(0), UINT64)
        place = emitter.scratch(_PATH.size)
        emitter.store(place, number)
        emitter.store(place, emitter.constant(number_of_format(pattern), UINT64), _PATTERN_AT)
        return replace(place, type=call.type)

    def decode(self, type_: OwnedType, data: bytes) -> tuple[int, str]:
        """(number of the group, pattern); the latter is empty for a value that was never assigned."""
        group, number = _PATH.unpack(data[: _PATH.size])
        return group, formats_by_number(type_.formats).get(number, "")

    def text(self, type_: OwnedType, value: tuple[int, str], rendering: Rendering) -> bytes:
        from ...core.glob import glob
        from ...core.linux.cgroup_paths import paths_of

        group, pattern = value
        if not pattern:
            return b""
        accepts = glob(pattern).fullmatch
        found = [f"{name}:{path}" for name, path in paths_of(group) if accepts(name)]
        return rendering.shown(",".join(found).encode("utf-8", "surrogateescape"))

    def json(self, type_: OwnedType, value: tuple[int, str], rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


FUNCTIONS = (CgroupPath(),)
