"""`iter`: the kernel's lists, walked from the first object to the last: tasks, their open files, BPF maps, sockets.

A program runs once for each object, when somebody reads the file that its link opens, and writes into that file what
the reader is to get. The kernel's BTF tells which iterators there are: `struct bpf_iter__NAME` is the context of one,
and the function `bpf_iter_NAME`, which has the same members as parameters, what a program attaches to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...core.glob import has_wildcard
from ...core.probe import (
    AttachPointError,
    AttachRequest,
    ConcretePoint,
    LoadSettings,
    MatchRequest,
    NoMatch,
    PointSpec,
    ProbeType,
    SequenceLink,
)
from ...core.target import VMLINUX
from ...core.types import Pointer, Type
from .parts import check_count, listed_names

if TYPE_CHECKING:
    from ...core.artifacts import ProgramSpec
    from ...core.target import Target
    from ...core.target.btf import Btf

_CONTEXT, _FUNCTION = "bpf_iter__", "bpf_iter_"
#: The end of the name of a struct that only tells the verifier which members are trusted (kernel/bpf/verifier.c).
_MARK = "__safe_trusted"


class IterProbe(ProbeType):
    """`iter:NAME[:PIN]`. Settings: `name`; `pin`, empty for an iterator that is read at once."""

    names = ("iter", "it")
    program_type = "tracing"
    space = "kernel"
    pid_filter = "attach"
    # A program runs as the task that reads. Of a pinned one there may be several readers, which preempt each other.
    preemptible = True
    searched = "always"
    attached_backwards = True
    writes_sequence = True

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        check_count("iter", parts, 1, 2)
        name, pin = parts[0], parts[1] if len(parts) == 2 else ""
        if has_wildcard(name):
            raise AttachPointError("iter probe type does not support wildcards")
        if len(parts) == 2 and not pin:
            raise AttachPointError("iter probe type requires the path of a file behind the second colon")
        return PointSpec("iter", {"name": name, "pin": pin})

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        from ...core.diagnostics import did_you_mean

        name = spec.text("name")
        if not _is_iterator(request.target, name):
            hints = did_you_mean(name, iterators(request.target))
            raise NoMatch(f"iter {name} not available for your kernel version.", hints)
        return [ConcretePoint("iter", f"iter:{name}", spec.settings)]

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        return listed_names("iter", iterators(request.target), parts)

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        """The objects, without what every iterator has first, the state of the walk."""
        from dataclasses import replace

        from .kernel.btf_arguments import described, find_prototype

        prototype = find_prototype(request.target, VMLINUX, _FUNCTION + name.partition(":")[2])
        if prototype is None:
            return ()
        return described(replace(prototype, parameters=prototype.parameters[1:]))

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        type_ = target.c_types.named("struct", _CONTEXT + point.text("name"))
        return None if type_ is None else Pointer(type_, "context")

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        from ...core.linux.bpf_constants import AttachType
        from ...core.target.btf_types import Func
        from .links.tracing import settings_in_kernel

        name = program.point.text("name")
        return settings_in_kernel(AttachType.TRACE_ITER, VMLINUX, Func, _FUNCTION + name, name)

    def attach(self, program: ProgramSpec, request: AttachRequest) -> SequenceLink:
        from .links.iterator import attach_iterator

        return attach_iterator(program.point.text("name"), program.point.text("pin"), request)


def iterators(target: Target) -> list[str]:
    """The names of the iterators that a target has, sorted. Raises: AttachPointError: its BTF cannot be read."""
    from ...core.target.btf_types import Struct

    btf = _kernel_btf(target)
    names = [] if btf is None else btf.names(_CONTEXT, (Struct,))
    return [name for name in (n.removeprefix(_CONTEXT) for n in names) if _is_iterator(target, name)]


def _is_iterator(target: Target, name: str) -> bool:
    """Raises: AttachPointError."""
    from ...core.target.btf_types import Func, Struct

    btf = _kernel_btf(target)
    if btf is None or name.endswith(_MARK):
        return False
    return all(btf.find(prefix + name, (kind,)) is not None for prefix, kind in ((_CONTEXT, Struct), (_FUNCTION, Func)))


def _kernel_btf(target: Target) -> Btf | None:
    from ...core.target.btf_types import BtfError

    try:
        return target.btf
    except (BtfError, OSError) as error:
        raise AttachPointError(f"Could not read the BTF of the kernel: {error}") from error


PROBE_TYPES = (IterProbe(),)
