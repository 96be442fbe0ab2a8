"""What a script says about itself: `errorf` and `warnf` to its user, `debugf` to the kernel's trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ...core.artifacts import EventSpec
from ...core.function import CallSite, EmitSite
from ...core.output import Output
from ...core.types import VOID
from .printing import FormatAction, format_literal

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class Errorf(FormatAction):
    """`errorf(format, values...)`: an ERROR line with the place of the call. A test that reports one has failed."""

    names: ClassVar[tuple[str, ...]] = ("errorf",)
    _level: ClassVar[str] = "error"

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        self.send(emitter, call, {"place": call.place()})
        return emitter.constant(0, VOID)

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        text_of = self.formatter(event, output, guards=output.guards_notices)
        level, place = self._level, event.settings["place"]
        return lambda fields: output.report(level, place, text_of(fields))


class Warnf(Errorf):
    """`warnf(format, values...)`: a WARNING line, which `--no-warnings` hides."""

    names: ClassVar[tuple[str, ...]] = ("warnf",)
    _level: ClassVar[str] = "warning"


class Debugf(FormatAction):
    """`debugf(format, values...)`: text that the kernel formats for its trace_pipe (`kernel_text/trace.py`)."""

    names: ClassVar[tuple[str, ...]] = ("debugf",)

    def check(self, call: CallSite) -> None:
        call.warning(
            "The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in "
            "bpf-helpers(7)."
        )
        super().check(call)

    def format_error(self, call: CallSite) -> tuple[str, int | None] | None:
        from .kernel_text.trace import trace_error

        return super().format_error(call) or trace_error(format_literal(call), call.types[1:])

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from .kernel_text.trace import emit_trace

        emit_trace(emitter, format_literal(call), call)
        return emitter.constant(0, VOID)


FUNCTIONS = (Errorf(), Warnf(), Debugf())
