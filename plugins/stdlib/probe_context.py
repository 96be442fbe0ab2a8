"""What the probe itself offers: its name, its arguments, its return value, the function that it traces.

How arguments and return values are fetched is the probe type's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function
from ...core.json_text import json_string
from ...core.probe import AttachPointError
from ...core.types import UINT32, UINT64, VOID, OwnedType, Pointer, String, Type
from .process import process_id

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering
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

    def type_of(self, call: CallSite) -> Type:
        return String(max(len(_encoded(point.name)) for point in call.points) + 1)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.string_constant(_encoded(emitter.point.name))


class ProbeTypeName(Function):
    """`probetype`: what kind of probe it is, in one word."""

    names: ClassVar[tuple[str, ...]] = ("probetype",)
    bare: ClassVar[bool] = True
    needs_probe: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return String(max(len(_word(point.probe_type)) for point in call.points) + 1)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.string_constant(_word(emitter.point.probe_type).encode())


def _word(provider: str) -> str:
    return _PROBE_TYPE_WORDS.get(provider, provider)


class Arguments(Function):
    """`args`: all arguments of the probe as a struct inside the program's context."""

    names: ClassVar[tuple[str, ...]] = ("args",)
    bare: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True
    needs_probe: ClassVar[bool] = True
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
    needs_probe: ClassVar[bool] = True
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
    needs_probe: ClassVar[bool] = True

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
    needs_probe: ClassVar[bool] = True
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


class TracedFunction(Function):
    """`func`: the function that the probe is on, shown by its name.

    Its bytes are the address (u64), and for one of user code the process's id (u32) and four zero bytes: there an
    address means something only in its process.
    """

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
        return _USER_FUNCTION if traced == "user" else _KERNEL_FUNCTION

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value
        from ..probes.registers import instruction_pointer

        if _has_address(emitter.probe_type):
            address = emitter.load(emitter.context(), UINT64, instruction_pointer(emitter.architecture))
        else:
            address = emitter.helper("get_func_ip", emitter.context())
        assert isinstance(call.type, OwnedType), "type_of gives no other"
        place = emitter.scratch(call.type.size)
        emitter.store(place, emitter.cast(address, UINT64))
        if call.type == _USER_FUNCTION:
            emitter.store(place, process_id(emitter), 8)
            emitter.store(place, emitter.constant(0, UINT32), 12)
        return Value(place.handle, call.type)

    def decode(self, type_: OwnedType, data: bytes) -> tuple[int, int]:
        """(address, process id, 0 for the kernel)."""
        return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:12], "little")

    def text(self, type_: OwnedType, value: tuple[int, int], rendering: Rendering) -> bytes:
        address, pid = value
        if not address:
            return b"0"
        if type_ == _USER_FUNCTION:
            symbol = rendering.symbols.user(pid, address)[0]
        else:
            found = rendering.symbols.kernel(address)
            symbol = None if found is None else found[0]
        return b"0x%x" % address if symbol is None else symbol.encode("utf-8", "surrogateescape")

    def json(self, type_: OwnedType, value: tuple[int, int], rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))


_KERNEL_FUNCTION = OwnedType("func", "ksym_t", 8)
_USER_FUNCTION = OwnedType("func", "usym_t", 16)
#: The feature of a kernel whose helper finds the function. It has known those of user code as long as there have been
#: links for many of them.
_FINDS = {"kernel": "get_func_ip", "user": "uprobe_multi"}


def _has_address(probe_type: ProbeType) -> bool:
    """True when the register of the next instruction points into the traced function."""
    return probe_type.has_registers and not probe_type.is_return


FUNCTIONS = (ProbeName(), ProbeTypeName(), Arguments(), NumberedArgument(), ReturnValue(), Context(), TracedFunction())
