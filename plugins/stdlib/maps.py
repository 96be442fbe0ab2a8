"""Actions on whole maps, carried out when their event is handled: `clear` and `zero`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import Action, CallSite, EmitSite, Signature
from ...core.output import Output
from ...core.types import VOID

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class Clear(Action):
    """`clear(@map)`: removes all keys."""

    names: ClassVar[tuple[str, ...]] = ("clear",)
    signature: ClassVar[Signature] = Signature(1, 1, maps=frozenset({0}), maps_only=True)

    def check(self, call: CallSite) -> None:
        if call.map_name(0) is None:
            call.error(f"{call.name}() expects a map argument", 0)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        emitter.event([], [], {"map": call.map_name(0)})
        return emitter.constant(0, VOID)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        name = event.settings["map"]
        return lambda fields: output.clear_map(name)


class Zero(Clear):
    """`zero(@map)`: sets every value to zero."""

    names: ClassVar[tuple[str, ...]] = ("zero",)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        name = event.settings["map"]
        return lambda fields: output.zero_map(name)


FUNCTIONS = (Clear(), Zero())
