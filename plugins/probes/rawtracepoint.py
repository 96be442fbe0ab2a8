"""Raw tracepoints: the kernel's tracepoints with the arguments that its code gives them, before any record is made.

There is one for nearly every tracepoint. Its program reads the arguments as the kernel's own types, and costs less than
one that is given the record. The kernel's BTF tells which there are: `__probestub_X` (since Linux 6.4) or
`__traceiter_X` is a function with the tracepoint's parameters behind one of its own, and the typedef `btf_trace_X` is
what a program attaches to.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

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
from ...core.target import VMLINUX
from ...core.types import UINT64, VOID, Pointer, Struct, Type
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.emitter import Emitter, Value
    from ...core.target import Target
    from ...core.target.btf import Btf
    from .kernel.btf_arguments import Prototype

#: Functions that have the parameters of a tracepoint, the better one first.
_WITH_PARAMETERS = ("__probestub_", "__traceiter_")
_TARGET = "btf_trace_"
_ANY = "*"


class RawTracepointProbe(ProbeType):
    """`rawtracepoint:[MODULE:]EVENT`. Settings of a point: `module`, `event`."""

    names = ("rawtracepoint", "rt")
    program_type = "tracing"
    space = "kernel"
    pid_filter = "program"
    searched = "always"

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count("rawtracepoint", parts, 1, 2)
        if not all(parts):
            raise AttachPointError("rawtracepoint probe must have a target")
        module, event = (_ANY, *parts)[-2:]
        return PointSpec("rawtracepoint", {"module": module, "event": event})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        target = request.target
        if target.btf is None:
            raise NoMatch("rawtracepoints require kernel BTF. Try using a 'tracepoint' instead.")
        module, event = spec.text("module"), spec.text("event")
        if has_wildcard(event):
            accepts = glob(event).fullmatch
            return [_point(m, e) for m, events in _all_events(target, module) for e in events if accepts(e)]
        points = [_point(m, event) for m in _modules(target, module) if _is_event(target, m, event)]
        if not points:
            written = event if module == _ANY else f"{module}:{event}"
            raise NoMatch(f"No matches for rawtracepoint {written}.", _similar(target, event))
        return points if has_wildcard(module) and module != _ANY else points[:1]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        names = (f"{module}:{event}" for module, events in _all_events(request.target, _ANY) for event in events)
        return listed_names("rawtracepoint", names, (_ANY, *parts) if len(parts) == 1 else parts)

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        from .kernel.btf_arguments import described

        _, module, event = name.split(":", 2)
        prototype = _prototype(request.target, module, event)
        return () if prototype is None else described(prototype)

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        from .kernel.btf_arguments import arguments

        return arguments(point.text("event"), target, _known(point, target))

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        return UINT64

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        """The whole slot. It is read as a pointer, because the verifier may take it for one."""
        from ...core.emitter import Value

        return Value(emitter.load(emitter.context(), Pointer(VOID, "kernel"), 8 * index).handle, UINT64)

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from ...core.linux.bpf_constants import AttachType
        from ...core.target.btf_types import Typedef
        from .links.tracing import settings_in_kernel

        module, event = program.point.text("module"), program.point.text("event")
        return settings_in_kernel(AttachType.TRACE_RAW_TP, module, Typedef, _TARGET + event, event)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        from .links.tracing import attach_tracing

        event = program.point.text("event")
        texts = {
            errno.ENOENT: f"Probe does not exist: {event}",
            errno.EINVAL: f"{event} has fewer arguments than the program uses",
        }
        return attach_tracing(request.program_fd, program.point.name, texts)


def _point(module: str, event: str) -> ConcretePoint:
    return ConcretePoint("rawtracepoint", f"rawtracepoint:{module}:{event}", {"module": module, "event": event})


def _modules(target: Target, pattern: str) -> Iterator[str]:
    """'vmlinux' and the modules that a pattern names; those are looked at only when somebody goes on to ask."""
    accepts = glob(pattern).fullmatch
    if accepts(VMLINUX):
        yield VMLINUX
    if pattern != VMLINUX:
        yield from (module for module in target.btf_readers if module != VMLINUX and accepts(module))


def _all_events(target: Target, pattern: str) -> Iterator[tuple[str, list[str]]]:
    """(module, its tracepoints, sorted) of each module with some."""
    from ...core.target.btf_types import Func

    accepts = glob(pattern).fullmatch
    for module, btf in target.btf_readers.items():
        if accepts(module):
            found = {name.removeprefix(prefix) for prefix in _WITH_PARAMETERS for name in btf.names(prefix, (Func,))}
            yield module, sorted(event for event in found if _is_target(btf, event))


def _is_event(target: Target, module: str, event: str) -> bool:
    found = _prototype(target, module, event)
    return found is not None and _is_target(found.btf, event)


def _is_target(btf: Btf, event: str) -> bool:
    from ...core.target.btf_types import Typedef

    return btf.find(_TARGET + event, (Typedef,)) is not None


def _known(point: ConcretePoint, target: Target) -> Prototype:
    module, event = point.text("module"), point.text("event")
    prototype = _prototype(target, module, event)
    if prototype is None:
        raise NoMatch(f"No BTF found for {module}:{event}.")
    return prototype


def _prototype(target: Target, module: str, event: str) -> Prototype | None:
    """Without the first parameter, which is the kernel's own."""
    from dataclasses import replace

    from .kernel.btf_arguments import find_prototype

    for prefix in _WITH_PARAMETERS:
        found = find_prototype(target, module, prefix + event)
        if found is not None:
            return replace(found, parameters=found.parameters[1:])
    return None


def _similar(target: Target, event: str) -> tuple[str, ...]:
    from ...core.diagnostics import did_you_mean

    return did_you_mean(event, (name for _, events in _all_events(target, _ANY) for name in events))


PROBE_TYPES = (RawTracepointProbe(),)
