"""What the probe itself offers: its name, its arguments, its return value. How they are fetched is the probe type's."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function
from ...core.probe import AttachPointError
from ...core.types import UINT64, VOID, Pointer, String, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: `arg0` and so on: the largest number that any probe type can have (bpf_usdt_arg takes a byte).
_ARGUMENTS = 256


class ProbeName(Function):
    """`probe`: the full name of the probe that runs."""

    names: ClassVar[tuple[str, ...]] = ("probe",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return String(max(len(point.name.encode()) for point in call.points) + 1)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.string_constant(emitter.point.name.encode())


class Arguments(Function):
    """`args`: all arguments of the probe as a struct inside the program's context."""

    names: ClassVar[tuple[str, ...]] = ("args",)
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True
    callable: ClassVar[bool] = False

    def type_of(self, call: CallSite) -> Type:
        try:
            struct = call.probe_type.args(call.point, call.target)
        except AttachPointError as error:
            call.error(str(error), hints=error.hints)
            return VOID
        if struct is None:
            call.error(
                "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes "
                f"({call.probe_type.names[0]} used here)"
            )
            return VOID
        return Pointer(struct, "context")

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        return Value(emitter.context().handle, call.type)


class NumberedArgument(Function):
    """`arg0`, `arg1`, ...: one argument as a plain number."""

    names: ClassVar[tuple[str, ...]] = tuple(f"arg{index}" for index in range(_ARGUMENTS))
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True
    callable: ClassVar[bool] = False

    def type_of(self, call: CallSite) -> Type:
        try:
            for point in call.points:
                type_ = call.probe_type.argument(point, _index(call.name), call.target.architecture)
        except AttachPointError as error:
            call.error(str(error), hints=error.hints)
            return UINT64
        if type_ is None:
            call.error("The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes")
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_argument(emitter, _index(call.name))


def _index(name: str) -> int:
    return int(name.removeprefix("arg"))


class ReturnValue(Function):
    """`retval`: what the probed function returns."""

    names: ClassVar[tuple[str, ...]] = ("retval",)
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        try:
            type_ = call.probe_type.return_value(call.point, call.target)
        except AttachPointError as error:
            call.error(str(error), hints=error.hints)
            return UINT64
        if type_ is None:
            advice = " (try to use args.ret instead)" if call.probe_type.names[0] == "tracepoint" else ""
            call.error(
                "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes" + advice
            )
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_return_value(emitter, call.type)


class Context(Function):
    """`ctx`: what the kernel hands the program, as a pointer."""

    names: ClassVar[tuple[str, ...]] = ("ctx",)
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True
    callable: ClassVar[bool] = False

    def type_of(self, call: CallSite) -> Type:
        name = call.probe_type.names[0]
        try:
            type_ = call.probe_type.context(call.point, call.target)
        except AttachPointError as error:
            call.error(str(error), hints=error.hints)
            return UINT64
        if type_ is None and name == "tracepoint":
            call.error("Use args instead of ctx in tracepoint")
        elif type_ is None:
            call.error(f"The ctx builtin can not be used with '{name}' probes")
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_context(emitter, call.type)


FUNCTIONS = (ProbeName(), Arguments(), NumberedArgument(), ReturnValue(), Context())
