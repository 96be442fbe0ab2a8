"""What a script asks about itself, its settings and its kernel while it is compiled. Nothing of it is left at run time.

`fail` belongs here: it is what a script does with an answer that it does not like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, Constant, EmitSite, Function, Signature
from ...core.types import BOOL, VOID, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: The members of `config`, in this order.
CONFIG_KEYS = (
    "cpp_demangle", "lazy_symbolication", "print_maps_on_exit", "use_blazesym", "show_debug_info",
    "log_size", "max_bpf_progs", "max_cat_bytes", "max_map_keys", "max_probes", "max_strlen", "on_stack_limit",
    "perf_rb_pages",
    "str_trunc_trailer", "unstable_import_statement", "unstable_tseries", "unstable_typeinfo", "unstable_dw_ustack",
    "missing_probes", "stack_mode", "license",
)  # fmt: skip


class CompileTime(Function):
    """A function whose value is always known as a script is compiled, so that nothing is ever emitted for a call."""

    def type_of(self, call: CallSite) -> Type:
        """Checks the call. The type is that of the value."""
        return BOOL

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        raise AssertionError(f"{call.name}() is a literal")


class ConfigRecord(CompileTime):
    """`config`: a record of the settings in force; `config.max_strlen`."""

    names: ClassVar[tuple[str, ...]] = ("config",)
    bare: ClassVar[bool] = True

    def constant(self, call: CallSite) -> Constant:
        values = {key: getattr(call.config, key) for key in CONFIG_KEYS}
        return {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}


class DefaultStringLength(CompileTime):
    """`default_str_length`: how many bytes a string has whose length nobody says, which is `max_strlen`."""

    names: ClassVar[tuple[str, ...]] = ("default_str_length",)
    bare: ClassVar[bool] = True

    def constant(self, call: CallSite) -> Constant:
        return call.config.max_strlen


class IsLiteral(CompileTime):
    """`is_literal(e)`: whether it is an integer, a string, a truth value, or a tuple or record of such."""

    names: ClassVar[tuple[str, ...]] = ("is_literal",)
    signature: ClassVar[Signature] = Signature(1, 1)

    def constant(self, call: CallSite) -> Constant:
        return call.is_literal(0)


class IsScalar(CompileTime):
    """`is_scalar(@m)`: whether a map is used without keys."""

    names: ClassVar[tuple[str, ...]] = ("is_scalar",)
    signature: ClassVar[Signature] = Signature(1, 1, maps=frozenset({0}), undefined_map="Unknown map")

    def type_of(self, call: CallSite) -> Type:
        if call.map_name(0) is None:
            call.error("is_scalar() expects a map for the first argument", 0)
        return BOOL

    def constant(self, call: CallSite) -> Constant:
        return not call.is_keyed(0)


class KernelFunctionQuestion(CompileTime):
    """A question about a function of the kernel, whose name has to be a literal."""

    signature: ClassVar[Signature] = Signature(1, 1)

    def type_of(self, call: CallSite) -> Type:
        if not isinstance(call.literal(0), bytes):
            call.error(f"{call.name}() accepts a string literal only", 0)
        return BOOL

    def constant(self, call: CallSite) -> Constant | None:
        name = call.literal(0)
        assert isinstance(name, bytes)
        return self.answer(call, name.decode("utf-8", "surrogateescape"))

    def answer(self, call: CallSite, name: str) -> bool | None:
        raise NotImplementedError


class KernelFunctionExists(KernelFunctionQuestion):
    """`kfunc_exist("f")`: whether the kernel's types have a function of that name."""

    names: ClassVar[tuple[str, ...]] = ("kfunc_exist",)

    def answer(self, call: CallSite, name: str) -> bool:
        return call.target.has_function(name)


class KernelFunctionAllowed(KernelFunctionQuestion):
    """`kfunc_allowed("f")`: whether the kernel lets the program of this probe call it, which a trial program tells."""

    names: ClassVar[tuple[str, ...]] = ("kfunc_allowed",)
    needs_probe: ClassVar[bool] = True

    def answer(self, call: CallSite, name: str) -> bool | None:
        from ...core.kernel_calls import may_call
        from ...core.linux.errors import KernelError
        from ...core.probe import NoMatch
        from ...core.target.kfuncs import NotCaptured

        try:
            return may_call(call.target, name, call.probe_type, call.point)
        except (NotCaptured, KernelError, NoMatch) as error:
            call.error(f"kfunc_allowed() cannot tell whether {name} may be called: {error}")
            return None


class Fail(CompileTime):
    """`fail(format, literals...)`: an error with that text, unless an `if comptime` drops the call."""

    names: ClassVar[tuple[str, ...]] = ("fail",)
    signature: ClassVar[Signature] = Signature(1, 128, literals={0: "string"}, formats=frozenset({0}))

    def type_of(self, call: CallSite) -> Type:
        from ...core.printf_format import format_error
        from ...core.printf_text import format_literals

        found = [call.literal(index) for index in range(len(call.types))]
        values = [value for value in found if value is not None]
        if len(values) < len(found):
            call.error("fail() arguments need to be literals", found.index(None))
            return VOID
        spec, *rest = values
        assert isinstance(spec, bytes), "the signature asks for a string literal"
        wrong = format_error(spec, call.types[1:])
        if wrong is None:
            call.error(format_literals(spec, rest).decode("utf-8", "replace"))
        else:
            message, index = wrong
            call.error(message, None if index is None else index + 1)
        return VOID


FUNCTIONS = (
    ConfigRecord(),
    DefaultStringLength(),
    Fail(),
    IsLiteral(),
    IsScalar(),
    KernelFunctionAllowed(),
    KernelFunctionExists(),
)
