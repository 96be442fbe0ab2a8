"""What the probe itself offers: its name, its arguments, its return value, the function that it traces.

How arguments and return values are fetched is the probe type's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, Constant, EmitSite, Function
from ...core.probe import AttachPointError
from ...core.types import UINT64, VOID, OwnedType, Pointer, String, Type
from .symbols import KERNEL_SYMBOL, USER_SYMBOL, store_symbol

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.probe import ProbeType

#: What `probetype` calls probes that are run by the tracer itself; all others are called by their provider.
_PROBE_TYPE_WORDS = {**dict.fromkeys(("begin", "end", "self"), "special"), "bench": "benchmark"}
#: `arg0` and so on: the largest number that any probe type can have (bpf_usdt_arg takes a byte).
_ARGUMENTS = 256


def _encoded(name: str) -> bytes:
    """The names of files in it may have bytes that are no UTF-8."""
    return name.encode("utf-8", "surrogateescape")


class ProbeName(Function):
    """`probe`: the full name of the probe that runs."""

    names: ClassVar[tuple[str, ...]] = ("probe",)
    bare: ClassVar[bool] = True
    needs_probe: ClassVar[bool] = True
    names_points: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return String(max(len(_encoded(point.name)) for point in call.points) + 1)

    def constant(self, call: CallSite) -> Constant | None:
        return _encoded(call.point.name) if len(call.points) == 1 else None

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.string_constant(_encoded(emitter.point.name))


class ProbeTypeName(Function):
    """`probetype`: what kind of probe it is, in one word."""

    names: ClassVar[tuple[str, ...]] = ("probetype",)
    bare: ClassVar[bool] = True
    needs_probe: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return String(len(probe_type_word(call.point.probe_type)) + 1)

    def constant(self, call: CallSite) -> Constant | None:
        return probe_type_word(call.point.probe_type).encode()


def probe_type_word(provider: str) -> str:
    """What `probetype` is in the probes of a provider."""
    return _PROBE_TYPE_WORDS.get(provider, provider)


class ProbeData(Function):
    """Data of the probe itself, of which the probe type knows what it is."""

    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True
    needs_probe: ClassVar[bool] = True
    #: The type of data that the probe type has refused, for the rest of the script.
    refused: ClassVar[Type] = UINT64

    def type_of(self, call: CallSite) -> Type:
        try:
            return self.find_type(call)
        except AttachPointError as error:
            call.error(str(error), hints=error.hints)
            return self.refused

    def find_type(self, call: CallSite) -> Type:
        """The type in these probes. Raises: AttachPointError."""
        raise NotImplementedError


class Arguments(ProbeData):
    """`args`: all arguments of the probe as a struct inside the program's context."""

    names: ClassVar[tuple[str, ...]] = ("args",)
    callable: ClassVar[bool] = False
    refused: ClassVar[Type] = VOID

    def find_type(self, call: CallSite) -> Type:
        struct = call.probe_type.args(call.point, call.target)
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


class NumberedArgument(ProbeData):
    """`arg0`, `arg1`, ...: one argument as a plain number."""

    names: ClassVar[tuple[str, ...]] = tuple(f"arg{index}" for index in range(_ARGUMENTS))
    callable: ClassVar[bool] = False

    def find_type(self, call: CallSite) -> Type:
        for point in call.points:
            type_ = call.probe_type.argument(point, _index(call.name), call.target.architecture)
        if type_ is None:
            call.error("The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes")
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_argument(emitter, _index(call.name))


def _index(name: str) -> int:
    return int(name.removeprefix("arg"))


class ReturnValue(ProbeData):
    """`retval`: what the probed function returns."""

    names: ClassVar[tuple[str, ...]] = ("retval",)

    def find_type(self, call: CallSite) -> Type:
        type_ = call.probe_type.return_value(call.point, call.target)
        if type_ is None:
            advice = " (try to use args.ret instead)" if call.probe_type.names[0] == "tracepoint" else ""
            call.error(
                "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes" + advice
            )
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_return_value(emitter, call.type)


class Context(ProbeData):
    """`ctx`: what the kernel hands the program, as a pointer."""

    names: ClassVar[tuple[str, ...]] = ("ctx",)
    callable: ClassVar[bool] = False

    def find_type(self, call: CallSite) -> Type:
        name = call.probe_type.names[0]
        type_ = call.probe_type.context(call.point, call.target)
        if type_ is None and name == "tracepoint":
            call.error("Use args instead of ctx in tracepoint")
        elif type_ is None:
            call.error(f"The ctx builtin can not be used with '{name}' probes")
        return type_ or UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.probe_type.emit_context(emitter, call.type)


class TracedFunction(Function):
    """`func`: the function that the probe is on, as `ksym` or `usym` shows it."""

    names: ClassVar[tuple[str, ...]] = ("func",)
    bare: ClassVar[bool] = True
    callable: ClassVar[bool] = False
    needs_probe: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        traced = call.probe_type.traces
        if not traced:
            call.error(f"The func builtin can not be used with '{call.probe_type.names[0]}' probes")
        elif not _has_address(call.probe_type) and _FINDS[traced] not in call.target.features:
            call.error(
                "BPF_FUNC_get_func_ip not available for your kernel version. Consider using the 'probe' builtin "
                "instead."
            )
        return USER_SYMBOL if traced == "user" else KERNEL_SYMBOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ..probes.registers import instruction_pointer

        if _has_address(emitter.probe_type):
            address = emitter.load(emitter.context(), UINT64, instruction_pointer(emitter.architecture))
        else:
            address = emitter.helper("get_func_ip", emitter.context())
        assert isinstance(call.type, OwnedType), "type_of gives no other"
        return store_symbol(emitter, call.type, address)


#: The feature of a kernel whose helper finds the function. It has known those of user code as long as there have been
#: links for many of them.
_FINDS = {"kernel": "get_func_ip", "user": "uprobe_multi"}


def _has_address(probe_type: ProbeType) -> bool:
    """True when the register of the next instruction points into the traced function."""
    return probe_type.has_registers and not probe_type.is_return


FUNCTIONS = (ProbeName(), ProbeTypeName(), Arguments(), NumberedArgument(), ReturnValue(), Context(), TracedFunction())
