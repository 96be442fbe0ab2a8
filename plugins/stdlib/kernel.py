"""What the kernel lets a program do beyond looking: the path of a file, its per-CPU variables, and other results."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import UINT32, VOID, Int, Pointer, String, Struct, Type, base_name
from .checked import checked

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

_PATH_PROBES = frozenset(("fentry", "fexit", "iter"))


class Path(Function):
    """`path(struct path * [, size])`: the name of a file, from the root that the task sees (bpf_d_path)."""

    names: ClassVar[tuple[str, ...]] = ("path",)
    needs_probe: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(1, 2)

    def type_of(self, call: CallSite) -> Type:
        limit = call.config.max_strlen
        given, size = call.types[0], call.literal(1)
        if call.probe_type.names[0] not in _PATH_PROBES:
            call.error("The path function can only be used with 'fentry', 'fexit', 'iter' probes")
        elif "d_path" not in call.target.features:
            call.error("BPF_FUNC_d_path not available for your kernel version")
        elif not isinstance(given, Pointer | Struct):
            call.error(f"path() only supports pointer or C type argument ({base_name(given)} provided)", 0)
        elif len(call.types) > 1 and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            call.error("path: invalid size value, need non-negative literal", 1)
        return String(max(1, size) if isinstance(size, int) else limit)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        type_ = call.type
        assert isinstance(type_, String), "type_of gives a string"
        # The helper writes the name at the end and moves it to the front: behind its NUL there is some of it again.
        name, found = emitter.scratch(type_.size, string=True), emitter.scratch(type_.size)
        emitter.zero(found, type_.size)
        checked(emitter, "d_path", call.object(0), found, emitter.constant(type_.size))
        text = emitter.read_string("kernel", name, type_.size, found, type_.size)
        return Value(text.handle, type_, text.length)


class PerCpuAddress(Function):
    """`percpu_kaddr("variable" [, cpu])`: the address of a CPU's copy of a variable of the kernel."""

    names: ClassVar[tuple[str, ...]] = ("percpu_kaddr",)
    signature: ClassVar[Signature] = Signature(1, 2, literals={0: "string"}, kinds={1: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        if not call.target.has_variable(_name(call)):
            call.error(f'Could not resolve variable "{_name(call)}" from BTF', 0)
        return Int(8, False, space="kernel")

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        variable = emitter.kernel_variable(_name(call))
        if len(call.types) == 1:
            return emitter.detached(emitter.helper("this_cpu_ptr", variable))
        return emitter.detached(emitter.helper("per_cpu_ptr", variable, emitter.cast(call.value(1), UINT32)))


def _name(call: CallSite | EmitSite) -> str:
    literal = call.literal(0)
    assert isinstance(literal, bytes), "the signature asks for a string literal"
    return literal.decode("latin-1")


class Override(Function):
    """`override(result)`: the probed function is not run, and gives this (CONFIG_BPF_KPROBE_OVERRIDE)."""

    names: ClassVar[tuple[str, ...]] = ("override",)
    needs_probe: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        if not call.allows_unsafe:
            call.error("override() is unsafe. To use you need the --unsafe flag")
        elif call.probe_type.names[0] != "kprobe":
            call.error("override() can only be used inside kprobes")
        elif not isinstance(call.types[0], Int):
            call.error(f"override() only supports int arguments ({base_name(call.types[0])} provided)", 0)
        return VOID

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        emitter.helper("override_return", emitter.context(), call.value(0))
        return emitter.constant(0, VOID)


FUNCTIONS = (Path(), PerCpuAddress(), Override())
