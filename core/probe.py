"""The contract for probe types: one object per probe type, in one file.

A probe type knows its names, how an attach point is read, what it matches on a target, what the probe's body can see
(`args`, `argN`, `retval`), which kind of BPF program it makes, and how that program is attached. Nothing else in the
house knows any of this. The attach side must not need the compiler: a run from the cache loads only the probe types it
uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol

from .frozen import dataclass
from .types import Struct, Type

if TYPE_CHECKING:
    from .artifacts import ProgramSpec
    from .emitter import Emitter, Value
    from .target import Target


class AttachPointError(ValueError):
    """An attach point that cannot be used; the text is the diagnostic's, `hints` go below it."""

    def __init__(self, message: str, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hints = hints


class NoMatch(AttachPointError):
    """The target has no such point. What then happens is the config key `missing_probes`' to say."""


@dataclass(frozen=True, slots=True)
class PointSpec:
    """An attach point that a probe type has read but not yet matched: its settings as plain data."""

    probe_type: str
    settings: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class ConcretePoint:
    """One place that a program is attached to.

    `name` is the probe's full name (what `probe` prints). `settings` is all that `attach` needs, as plain data.
    """

    probe_type: str
    name: str
    settings: Mapping[str, str | int]


class Link(Protocol):
    """Something attached: closing it detaches. Every link is a file descriptor and so dies with the process."""

    def close(self) -> None: ...


class DescriptorLink:
    """A link made of file descriptors."""

    def __init__(self, descriptors: Iterable[int] = ()) -> None:
        self.descriptors = list(descriptors)

    def close(self) -> None:
        import os

        while self.descriptors:
            os.close(self.descriptors.pop())


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """What load knows when it attaches: `pid` is that of `-p` or of the `-c` child, `cpus` the online CPUs."""

    program_fd: int
    pid: int | None
    cpus: tuple[int, ...]


#: What makes a program run: an event of the kernel, or the tracer itself, through BPF_PROG_RUN: when a run begins, when
#: it ends, when SIGUSR1 arrives, or when the run is one of tests (`--test`) or of benchmarks (`--bench`). Those two are
#: the modes of `RunOptions.mode`; a program of a mode is loaded in its mode only, and others but 'begin' are not then.
LIFECYCLES = ("attached", "begin", "end", "signal", "test", "bench")


class ProbeType:
    """A probe type. Objects are stateless; one serves all probes of the type.

    `names`: the canonical name first, which matches in any letter case, then aliases, which match as they are spelled.
    `program_type`: the kernel's name of the BPF program type in lower case (`tracepoint`, `perf_event`, `kprobe`,
    `raw_tracepoint`). `space`: the memory that addresses of this probe's data point into. `lifecycle`: what makes the
    programs run, one of `LIFECYCLES`; only 'attached' ones need `attach`. `unique_points`: a point's name is the user's
    own, so that a script may use it only once; the point's setting `name` holds it.

    `pid_filter`: how `-p` restricts the probe: 'program' (a test in front of the body), 'attach' (the kernel does it),
    or 'none'. `preemptible`: another task may run the same program on the same CPU before this run ends, so that
    per-CPU scratch has to be claimed. `attached_backwards`: of several programs on one event the kernel runs the last
    one first, so load attaches these after all others, in reverse order.
    """

    names: ClassVar[tuple[str, ...]]
    program_type: ClassVar[str]
    space: ClassVar[str] = "none"
    lifecycle: ClassVar[str] = "attached"
    unique_points: ClassVar[bool] = False
    pid_filter: ClassVar[str] = "none"
    default_return: ClassVar[int] = 0
    preemptible: ClassVar[bool] = False
    attached_backwards: ClassVar[bool] = False

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        """Reads the parts of an attach point after the provider.

        Raises: AttachPointError.
        """
        raise NotImplementedError

    def match(self, spec: PointSpec, target: Target) -> list[ConcretePoint]:
        """All points of the target that the attach point names, in a fixed order.

        Raises: AttachPointError: when an exact point does not exist, or the target cannot have it.
        """
        raise NotImplementedError

    def list(self, target: Target) -> Iterable[str]:
        """The names of all points that the target offers."""
        raise NotImplementedError

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        """The layout of `args` inside the context, or None where the probe type has no `args`.

        Raises: AttachPointError.
        """
        return None

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        """The type of `argN`, or None where the probe type has none. Raises: AttachPointError: no such register."""
        return None

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        raise NotImplementedError

    def return_value(self, point: ConcretePoint) -> Type | None:
        """The type of `retval`, or None where the probe type has none."""
        return None

    def emit_return_value(self, emitter: Emitter) -> Value:
        raise NotImplementedError

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        """Attaches a loaded program. Raises: KernelError; AttachPointError: this machine cannot have it, in words."""
        raise NotImplementedError
