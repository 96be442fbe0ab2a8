"""What the library's `signal` and `signal_thread` are made of: the number of a signal, and its sending.

Their texts for a script's user are in macros/signal.bt; here is what takes knowledge of names and of probe types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, Constant, EmitSite, Function, Signature, integer_of
from ...core.types import INT64, Type
from .probe_context import probe_type_word

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: Probe types whose programs run in the task that they trace, as it runs.
_ALLOWED = frozenset({
    "kprobe", "kretprobe", "uprobe", "uretprobe", "usdt", "tracepoint", "profile", "fentry", "fexit", "rawtracepoint",
})  # fmt: skip
_LARGEST = 64
#: Signals that a script can name; the numbers are the running architecture's.
_NAMES = frozenset({
    "ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "POLL", "QUIT", "SEGV", "STOP",
    "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
})  # fmt: skip


class SignalNumber(Function):
    """`__signal_number(signal, name)`: a signal by name or number as a number; `name` is the function for messages."""

    names: ClassVar[tuple[str, ...]] = ("__signal_number",)
    signature: ClassVar[Signature] = Signature(2, 2, literals={1: "string"})

    def type_of(self, call: CallSite) -> Type:
        literal, name = call.literal(0), _caller(call)
        match literal:
            case bytes():
                if _number(literal) is None:
                    call.error(f"Invalid string for signal: {literal.decode('utf-8', 'replace')}", 0)
            case bool():
                call.error(f"{name}() accepts a string literal or a positive integer", 0)
            case int():
                if not 1 <= literal <= _LARGEST:
                    between = f"an integer between 1 and {_LARGEST} (inclusive)"
                    call.error(f"{name}() accepts a string literal or {between}", 0)
            case None if integer_of(call.types[0]) is None:
                call.error(f"{name}() accepts a string literal or an integer", 0)
        return INT64

    def constant(self, call: CallSite) -> Constant | None:
        literal = call.literal(0)
        return _number(literal) if isinstance(literal, bytes) else literal

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.cast(call.value(0), INT64)


def _caller(call: CallSite) -> str:
    name = call.literal(1)
    assert isinstance(name, bytes), "the library's macros give their own names"
    return name.decode()


def _number(name: bytes) -> int | None:
    """The number of a signal by its name in any letter case, with or without SIG."""
    import signal

    word = name.decode("latin-1").upper()
    bare = word.removeprefix("SIG")
    return int(signal.Signals[f"SIG{bare}"]) if bare in _NAMES else None


class SendSignal(Function):
    """`__signal(number)`: sends a signal to the process that runs; 0 or a negative errno."""

    names: ClassVar[tuple[str, ...]] = ("__signal",)
    signature: ClassVar[Signature] = Signature(1, 1, kinds={0: ("int",)})
    _name: ClassVar[str] = "signal"
    _helper: ClassVar[str] = "send_signal"

    def type_of(self, call: CallSite) -> Type:
        provider = call.probe_type.names[0]
        if not call.allows_unsafe:
            call.error(f"{self._name}() is unsafe. To use you need the --unsafe flag")
        elif provider not in _ALLOWED:
            call.error(f"{self._name}() can not be used for this probetype {probe_type_word(provider)}")
        return INT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.helper(self._helper, call.value(0))


class SendThreadSignal(SendSignal):
    """`__signal_thread(number)`: the same to the thread that runs."""

    names: ClassVar[tuple[str, ...]] = ("__signal_thread",)
    _name: ClassVar[str] = "signal_thread"
    _helper: ClassVar[str] = "send_signal_thread"


FUNCTIONS = (SignalNumber(), SendSignal(), SendThreadSignal())
