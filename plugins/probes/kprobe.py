"""`kprobe` and `kretprobe`: entry to, a place in, and return from a function of the kernel or of a module.

Arguments and return value are the registers that C passes them in. Where the kernel has multi links, one program is on
all functions that a wildcard matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.glob import has_wildcard
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
from ...core.types import Type
from .parts import check_count, read_number, refuse_everything
from .register_values import RegisterArguments, RegisterReturn
from .registers import context_type

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target

_NO_KPROBES = "this kernel was built without kprobes (CONFIG_KPROBES)"
_OTHERS = "fentry, rawtracepoint and tracepoint probes do without them"


class FunctionProbe(ProbeType):
    """What entry and return have in common.

    Settings of a spec: `module` (empty for none given), then `function` and `offset`, or `address`. Settings of a
    point: `symbol` as the kernel takes it (`F` or `MODULE:F`) and `offset`, or `address`, or for a multi link
    `functions`; `session` is 1 for a program that runs at entry and return.
    """

    program_type: ClassVar[str] = "kprobe"
    space: ClassVar[str] = "kernel"
    pid_filter: ClassVar[str] = "program"
    traces: ClassVar[str] = "kernel"
    has_registers: ClassVar[bool] = True
    is_return: ClassVar[bool] = False

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        provider = self.names[0]
        check_count(provider, parts, 1, 2)
        module, written = ("", *parts)[-2:]
        if not written:
            raise AttachPointError(f"{provider} should be attached to a function")
        if written[0].isdecimal():
            if module:
                raise AttachPointError("Cannot use a module with an absolute address")
            address = read_number(written, "Invalid address", maximum=2**64 - 1)
            return PointSpec(provider, {"module": "", "address": address})
        function, *offsets = written.split("+")
        if offsets and self.is_return:
            raise AttachPointError("Offset not allowed")
        if len(offsets) > 1:
            raise AttachPointError("Cannot take more than one offset")
        offset = read_number(offsets[0], "Invalid offset") if offsets else 0
        if offset and has_wildcard(function):
            raise AttachPointError("Cannot use wildcards with an offset")
        return PointSpec(provider, {"module": module, "function": function, "offset": offset})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        provider = self.names[0]
        if "kprobe" not in request.target.features:
            raise NoMatch(_NO_KPROBES, (_OTHERS,))
        if "address" in spec.settings:
            if not request.allows_unsafe:
                raise AttachPointError("Probing by address requires --unsafe")
            address = spec.number("address")
            return [ConcretePoint(provider, f"{provider}:{address}", {"address": address})]
        module, function = spec.text("module"), spec.text("function")
        if module and not has_wildcard(module) and module not in request.target.kernel_modules():
            text = f"specified module {module} in probe {provider}:{module}:{function} is not loaded."
            raise NoMatch(text)
        if has_wildcard(module + function):
            return self._matching(module, function, request)
        self._check_traceable(module, function, request)
        offset = spec.number("offset")
        self._check_offset(function, offset, request.target)
        return [self._point(module, function, offset)]

    def _matching(self, module: str, function: str, request: MatchRequest) -> list[ConcretePoint]:
        functions = request.target.kernel_functions()
        if not functions.readable:
            request.warn(_unreadable(functions.unreadable))
        found = functions.match(function, module or "*")
        refuse_everything(self.names[0], module, function, len(found), request)
        if module:
            return [self._point(home, name, 0) for home, name in found]
        return [self._point("", name, 0) for name in dict.fromkeys(name for _, name in found)]

    def _check_traceable(self, module: str, function: str, request: MatchRequest) -> None:
        """Raises: NoMatch."""
        functions = request.target.kernel_functions()
        homes = functions.modules_of(function)
        if (module in homes) if module else homes:
            return
        if not functions.readable:
            request.warn(_unreadable(functions.unreadable))
        if request.missing_probes != "ignore":
            request.warn(
                f'{function} is not traceable (either non-existing, inlined, or marked as "notrace"); attaching to it '
                "will likely fail"
            )
        if not request.allows_unsafe:
            written = f"{module}:{function}" if module else function
            hints = _similar(function, request.target) or ("with --unsafe the kernel decides",)
            raise NoMatch(f"No matches for {self.names[0]} {written}.", hints)

    def _check_offset(self, function: str, offset: int, target: Target) -> None:
        """Where instructions begin is for the kernel to say; how long a function is only its symbol table tells."""
        if not offset:
            return
        size = target.kernel_function_size(function)
        if size is not None and offset >= size:
            raise AttachPointError(f"Offset outside the function bounds ('{function}' size is {size})")

    def _point(self, module: str, function: str, offset: int) -> ConcretePoint:
        written = f"{module}:{function}" if module else function
        name = f"{self.names[0]}:{written}" + (f"+{offset}" if offset else "")
        symbol = function if module in ("", "vmlinux") else written
        return ConcretePoint(self.names[0], name, {"symbol": symbol, "offset": offset})

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        function = spec.settings.get("function", "")
        can = "kprobe_multi" in request.target.features and not spec.text("module")
        if not (can and points and has_wildcard(str(function))):
            return list(points)
        names = tuple(point.text("symbol") for point in points)
        return [ConcretePoint(self.names[0], f"{self.names[0]}:{function}", {"functions": names}, len(names))]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        provider, functions = self.names[0], request.target.kernel_functions()
        if not functions.readable:
            request.warn(_unreadable(functions.unreadable))
        if len(parts) == 1:
            names: Iterable[str] = dict.fromkeys(name for _, name in functions.match(parts[0]))
        elif len(parts) == 2:
            names = sorted(f"{module}:{name}" for module, name in functions.match(parts[1], parts[0]))
        else:
            names = ()
        return (f"{provider}:{name}" for name in names)

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        from .kernel.btf_arguments import find_prototype

        _, *rest = name.split(":")
        function = rest[-1]
        homes = rest[:-1] or request.target.kernel_functions().modules_of(function)
        for module in homes:
            prototype = find_prototype(request.target, module, function)
            if prototype is not None:
                from .kernel.text import described_argument_registers, described_return_register

                return (described_return_register if self.is_return else described_argument_registers)(prototype)
        return ()

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        return context_type(target.architecture)

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from .links.kernel import load_settings

        return load_settings(program.point)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.kernel import attach

        return attach(program.point, request, is_return=self.is_return, instructions=program.instructions)


class KprobeProbe(RegisterArguments, FunctionProbe):
    names = ("kprobe", "k")
    searched: ClassVar[str] = "always"
    attached_backwards: ClassVar[bool] = True

    def session(self, entry: ConcretePoint, exit_: ConcretePoint, target: Target) -> ConcretePoint | None:
        """One program for both where they are on the same functions of no module in particular, at their beginnings."""
        if not {"kprobe_multi", "kprobe_session"} <= target.features:
            return None
        functions = _functions(entry)
        if exit_.probe_type != "kretprobe" or not functions or functions != _functions(exit_):
            return None
        if not target.kernel_functions().modules_of(functions[0]):
            return None  # --unsafe: a perf event may be where ftrace, and with it a session, cannot
        return ConcretePoint(entry.probe_type, entry.name, {"functions": functions, "session": 1}, entry.count)


class KretprobeProbe(RegisterReturn, FunctionProbe):
    names = ("kretprobe", "kr")
    is_return = True


def _functions(point: ConcretePoint) -> tuple[str, ...]:
    """Those of a point that a multi link could have; none for one in a module, at an offset or at an address."""
    if "functions" in point.settings:
        return point.texts("functions")
    if "symbol" in point.settings and not point.number("offset") and ":" not in point.text("symbol"):
        return (point.text("symbol"),)
    return ()


def _unreadable(path: str) -> str:
    return f"Could not read functions from {path}. If this is expected, use --traceable-functions"


def _similar(function: str, target: Target) -> tuple[str, ...]:
    """Only what begins alike is compared: the kernel has a hundred thousand functions."""
    from ...core.diagnostics import did_you_mean

    return did_you_mean(function, (name for _, name in target.kernel_functions().match(f"{function[:2]}*")))


PROBE_TYPES = (KprobeProbe(), KretprobeProbe())
