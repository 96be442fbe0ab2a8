"""What ends a run, or a part of it: `exit`, `unwatch`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import Action, EmitSite, Signature
from ...core.output import Output
from ...core.probe import ConcretePoint
from ...core.types import UINT64, VOID

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class Exit(Action):
    """`exit([code])`: ends the run when the event is handled; the status is the code's low 8 bits.

    In a probe a `return` follows it, which the pass `control-flow` has put there; in a macro the probe goes on.
    """

    names: ClassVar[tuple[str, ...]] = ("exit",)
    signature: ClassVar[Signature] = Signature(0, 1, kinds={0: ("int",)})
    wakes_reader: ClassVar[bool] = True

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        emitter.event([partial(call.value, index) for index in range(len(call.types))], call.types, {})
        return emitter.constant(0, VOID)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        return lambda fields: output.exit(fields[0] if fields else 0)


class Unwatch(Action):
    """`unwatch(address)`: takes the watchpoints at an address away when the event is handled."""

    names: ClassVar[tuple[str, ...]] = ("unwatch",)
    signature: ClassVar[Signature] = Signature(1, 1, kinds={0: ("int", "pointer")})
    wakes_reader: ClassVar[bool] = True

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        emitter.event([partial(call.value, 0)], [UINT64], {})
        return emitter.constant(0, VOID)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        def take_away(fields: tuple[Any, ...]) -> None:
            address = fields[0]
            if not output.detach(partial(_watches, address)):
                output.error(f"no watchpoint at address {address:#x}")

        return take_away


def _watches(address: int, point: ConcretePoint) -> bool:
    return point.probe_type == "watchpoint" and point.settings["address"] == address


FUNCTIONS = (Exit(), Unwatch())
