"""Time: the kernel's clocks inside a probe, and the wall clock when an event is handled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import Action, CallSite, EmitSite, Function, Signature
from ...core.output import Output
from ...core.types import UINT64, VOID, Type, base_name

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: The helper that reads each clock. `sw_tai` is what the boot clock and an offset come to that load measures.
_CLOCKS = {
    "boot": "ktime_get_boot_ns",
    "monotonic": "ktime_get_ns",
    "tai": "ktime_get_tai_ns",
    "sw_tai": "ktime_get_boot_ns",
}
_DEFAULT_FORMAT = b"%H:%M:%S\n"
#: Longest text of `time`, as the language defines it.
_TIME_LIMIT = 63


def read_clock(emitter: Emitter, clock: str) -> Value:
    """The nanoseconds of 'boot', 'monotonic', 'tai' or 'sw_tai'."""
    pretended = emitter.pretended_time()
    if pretended is not None:
        return pretended
    now = emitter.cast(emitter.helper(_CLOCKS[clock]), UINT64)
    return emitter.binary("+", now, emitter.global_value("tai_offset")) if clock == "sw_tai" else now


class Nanoseconds(Function):
    """`nsecs`: nanoseconds of the boot clock, or of the clock named."""

    names: ClassVar[tuple[str, ...]] = ("nsecs",)
    bare: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(maximum=1, words=frozenset({0}))

    def type_of(self, call: CallSite) -> Type:
        clock = call.word(0)
        if call.types and clock is None:
            call.error(f"nsecs() only supports timestamp_mode arguments ({base_name(call.types[0])} provided)", 0)
        elif clock is not None and clock not in _CLOCKS:
            call.error(f"Invalid timestamp mode: {clock}", 0)
        elif clock == "tai" and "tai" not in call.target.features:
            call.error("Kernel does not support tai timestamp, please try sw_tai", 0)
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return read_clock(emitter, call.word(0) or "boot")


class Elapsed(Function):
    """`elapsed`: nanoseconds of the boot clock since just before the begin probes ran."""

    names: ClassVar[tuple[str, ...]] = ("elapsed",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.binary("-", read_clock(emitter, "boot"), emitter.global_value("start_time"))


class Time(Action):
    """`time([format])`: the local time when the event is handled, as strftime(3) formats it."""

    names: ClassVar[tuple[str, ...]] = ("time",)
    signature: ClassVar[Signature] = Signature(0, 1, literals={0: "string"})

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        given = call.literal(0)
        spec = given if isinstance(given, bytes) else _DEFAULT_FORMAT
        emitter.event([], [], {"format": spec.decode("latin-1")})
        return emitter.constant(0, VOID)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        spec = event.settings["format"].encode("latin-1").decode("utf-8", "surrogateescape")

        def show(fields: tuple[Any, ...]) -> None:
            text = time.strftime(spec).encode("utf-8", "surrogateescape")
            if 0 < len(text) <= _TIME_LIMIT:
                output.write(output.format.printed("time", text))
            else:
                output.error(f"strftime returned zero ({'empty' if not text else 'too long'} result)")

        return show


FUNCTIONS = (Nanoseconds(), Elapsed(), Time())
