"""`fentry` and `fexit`: entry to and return from a function of the kernel, one of its modules, or a BPF program.

The kernel calls the program from a trampoline in the function itself: as cheap as a probe can be, and with the
arguments, at the return too, in the types of the function's prototype. It takes a kernel with BTF, and one program for
each function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import glob, has_wildcard
from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    Link,
    LoadSettings,
    MatchRequest,
    NoMatch,
    PointSpec,
    ProbeType,
)
from ...core.types import Struct, Type
from .parts import check_count, listed_names, refuse_everything

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value
    from ...core.target import Target
    from .kernel.btf_arguments import Prototype

BPF = "bpf"
_ANY = "*"
_BPF_ALONE = "the 'bpf' variant of this probe requires a bpf program name and optional bpf program id"


class FunctionProbe(ProbeType):
    """What entry and return have in common.

    Settings of a spec: `module` (empty when it is to be found), `function`, `id` (a BPF program's, or '*'). Settings of
    a point: `module`, `function`, `slots` (how many its arguments take in the context), or for a function of a BPF
    program a module of 'bpf', the function, and `id`.
    """

    program_type: ClassVar[str] = "tracing"
    space: ClassVar[str] = "kernel"
    pid_filter: ClassVar[str] = "program"
    attached_backwards: ClassVar[bool] = True
    traces: ClassVar[str] = "kernel"
    is_return: ClassVar[bool] = False

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        provider = self.names[0]
        check_count(provider, parts, 1, 2, 3)
        if parts[0] == BPF:
            return self._parse_bpf(parts)
        if len(parts) == 3:
            raise AttachPointError("Only the 'bpf' variant of this probe supports 4 arguments")
        module, function = ("", *parts)[-2:]
        if not function:
            raise AttachPointError(f"{provider} should be attached to a function")
        if not module and has_wildcard(function):
            module = _ANY
        return PointSpec(provider, {"module": module, "function": function})

    def _parse_bpf(self, parts: tuple[str, ...]) -> PointSpec:
        if len(parts) == 1 or not parts[-1]:
            raise AttachPointError(_BPF_ALONE)
        program = parts[1] if len(parts) == 3 else _ANY
        if program != _ANY and not (program.isascii() and program.isdecimal()):
            raise AttachPointError("bpf program id must be a number or '*'")
        return PointSpec(self.names[0], {"module": BPF, "function": parts[-1], "id": program})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        module, function, target = spec.text("module"), spec.text("function"), request.target
        if module == BPF:
            return self._programs(function, spec.text("id"), target)
        if target.btf is None:
            hint = f"{self.names[0]} probes need a kernel with BTF (CONFIG_DEBUG_INFO_BTF); kprobes do not"
            raise NoMatch(f"No matches for {self.names[0]} {_written(module, function)}.", (hint,))
        if has_wildcard(function):
            return self._functions(module, function, request)
        found = _prototypes(module or _ANY, function, target)
        if not found:
            hints = _similar(module or _ANY, function, target)
            raise NoMatch(f"No matches for {self.names[0]} {_written(module, function)}.", hints)
        if not module and len(found) > 1:
            hint = f"it is in {', '.join(name for name, _ in found)}"
            text = f"ambiguous attach point, please specify module containing the function '{function}'"
            raise AttachPointError(text, (hint,))
        return [self._point(name, function, prototype) for name, prototype in found]

    def _functions(self, module: str, pattern: str, request: MatchRequest) -> list[ConcretePoint]:
        found = list(_usable(request.target, module, pattern))
        refuse_everything(self.names[0], module, pattern, len(found), request)
        return [self._point(home, name, prototype) for home, name, prototype in found]

    def _point(self, module: str, function: str, prototype: Prototype) -> ConcretePoint:
        settings: dict[str, str | int] = {"module": module, "function": function}
        if prototype.has_known_slots:
            settings["slots"] = prototype.slots
        return ConcretePoint(self.names[0], f"{self.names[0]}:{module}:{function}", settings)

    def _programs(self, pattern: str, program: str, target: Target) -> list[ConcretePoint]:
        accepts = glob(pattern).fullmatch
        found = [(i, f) for i, f in _bpf_functions(target) if accepts(f) and program in (_ANY, str(i))]
        if not found and program != _ANY:
            raise NoMatch(f"No valid BPF program found with name: {pattern} and id: {program}.")
        if not found and not has_wildcard(pattern):
            raise NoMatch(f"No matches for {self.names[0]} {BPF}:{pattern}.")
        provider = self.names[0]
        return [
            ConcretePoint(provider, f"{provider}:{BPF}:{i}:{f}", {"module": BPF, "function": f, "id": i})
            for i, f in found
        ]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        provider = self.names[0]
        if parts[0] == BPF:
            found = (f"{BPF}:{i}:{f}" for i, f in _bpf_functions(request.target))
            return listed_names(provider, found, (BPF, *(_ANY, *parts[1:])[-2:]))
        if len(parts) > 2:
            return ()
        module, function = (_ANY, *parts)[-2:]
        return (f"{provider}:{home}:{name}" for home, name in _listed(request.target, module, function))

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        from .kernel.btf_arguments import described, described_return, find_prototype

        _, module, function = name.split(":", 2)
        prototype = None if module == BPF else find_prototype(request.target, module, function)
        if prototype is None:
            return ()
        return [*described(prototype), *(described_return(prototype) if self.is_return else ())]

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        from .kernel.btf_arguments import arguments

        return arguments(point.text("function"), target, self._prototype(point, target, "args"))

    def _prototype(self, point: ConcretePoint, target: Target, builtin: str) -> Prototype:
        """Raises: AttachPointError: `builtin` cannot be had here."""
        from .kernel.btf_arguments import check_parameters, find_prototype

        module, function = point.text("module"), point.text("function")
        if module == BPF:
            raise AttachPointError(f"The {builtin} builtin cannot be used for 'fentry/fexit:bpf' probes")
        prototype = find_prototype(target, module, function)
        if prototype is None:
            raise NoMatch(f"No BTF found for {module}:{function}.")
        check_parameters(function, prototype, target.architecture)
        return prototype

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from ...core.linux.bpf_constants import AttachType
        from ...core.target.btf_types import Func
        from .links.tracing import settings_in_kernel, settings_in_program

        point = program.point
        type_ = AttachType.TRACE_FEXIT if self.is_return else AttachType.TRACE_FENTRY
        module, function = point.text("module"), point.text("function")
        if module == BPF:
            return settings_in_program(type_, point.number("id"), function)
        return settings_in_kernel(type_, module, Func, function, function)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.tracing import attach_tracing, trampoline_texts

        point = program.point
        return attach_tracing(request.program_fd, point.name, trampoline_texts(point.text("function")))


class FentryProbe(FunctionProbe):
    names = ("fentry", "f", "kfunc")
    searched = "always"


class FexitProbe(FunctionProbe):
    names = ("fexit", "fr", "kretfunc")
    is_return = True

    def return_value(self, point: ConcretePoint, target: Target) -> Type | None:
        from .kernel.btf_arguments import returned

        return returned(point.text("function"), target, self._prototype(point, target, "retval"))

    def emit_return_value(self, emitter: Emitter, type_: Type) -> Value:
        return emitter.load(emitter.context(), type_, 8 * emitter.point.number("slots"))


def _similar(pattern: str, function: str, target: Target) -> tuple[str, ...]:
    from ...core.diagnostics import did_you_mean

    accepts = glob(pattern).fullmatch
    return did_you_mean(
        function, (name for module, btf in target.btf_readers.items() if accepts(module) for name in btf.functions())
    )


def _written(module: str, function: str) -> str:
    return f"{module}:{function}" if module else function


def _prototypes(pattern: str, function: str, target: Target) -> list[tuple[str, Prototype]]:
    """(module, prototype) of each module of a name or pattern that has the function, the kernel itself first."""
    from .kernel.btf_arguments import find_prototype

    if not has_wildcard(pattern):
        names: Iterable[str] = (pattern,)
    else:
        names = filter(glob(pattern).fullmatch, target.btf_readers)
    found = ((name, find_prototype(target, name, function)) for name in names)
    return [(name, prototype) for name, prototype in found if prototype is not None]


def _usable(target: Target, module: str, function: str) -> Iterator[tuple[str, str, Prototype]]:
    """(module, function, prototype) of all that two patterns name and programs can be attached to, sorted."""
    from .kernel.btf_arguments import argument_registers, find_prototype

    most = argument_registers(target.architecture)
    known = ((home, set(btf.functions())) for home, btf in target.btf_readers.items())
    for home, name in _traceable(target, module, function, known):
        prototype = find_prototype(target, home, name)
        if prototype is not None and prototype.has_known_slots and prototype.slots <= most:
            yield home, name, prototype


def _listed(target: Target, module: str, function: str) -> Iterator[tuple[str, str]]:
    """(module, function) of the same, in a tenth of the time: nothing is said of their prototypes."""
    from .kernel.btf_arguments import argument_registers

    most, slots = argument_registers(target.architecture), target.function_slots
    unknown = most + 1
    for home, name in _traceable(target, module, function, slots.items()):
        if slots.get(home, {}).get(name, unknown) <= most:
            yield home, name


def _traceable(
    target: Target, module: str, function: str, known: Iterable[tuple[str, Iterable[str]]]
) -> Iterable[tuple[str, str]]:
    """(module, function), as the kernel lists them, or where that is hidden all that are `known`, by module.

    Raises: AttachPointError.
    """
    try:
        listed = target.kernel_functions()
    except OSError as error:
        raise AttachPointError(str(error)) from error
    if listed.readable and len(listed):
        return sorted(listed.match(function, module))
    accepts, accepts_module = glob(function).fullmatch, glob(module).fullmatch
    return (
        (home, name)
        for home, names in known
        if accepts_module(home)
        for name in sorted(names)
        if accepts(name) and ".part." not in name
    )


def _bpf_functions(target: Target) -> tuple[tuple[int, str], ...]:
    """Raises: AttachPointError."""
    from ...core.linux.errors import KernelError

    try:
        return target.bpf_functions()
    except KernelError as error:
        raise AttachPointError(str(error)) from error


PROBE_TYPES = (FentryProbe(), FexitProbe())
