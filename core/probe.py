"""The contract for probe types: one object per probe type, in one file.

A probe type knows its names, how an attach point is read, what it matches on a target, what the probe's body can see
(`args`, `argN`, `retval`), which kind of BPF program it makes, and how that program is attached. Nothing else in the
house knows any of this. The attach side must not need the compiler: a run from the cache loads only the probe types it
uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


#: Settings are plain data, so that they can be saved with a compiled program.
Setting = str | int | tuple[str, ...] | tuple[int, ...]


class _Settings:
    """What has settings, by the kind of value that a setting is known to have."""

    __slots__ = ()
    settings: Mapping[str, Setting]

    def text(self, key: str) -> str:
        value = self.settings[key]
        assert isinstance(value, str)
        return value

    def number(self, key: str) -> int:
        value = self.settings[key]
        assert isinstance(value, int)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Of a setting that is a sequence of texts; empty when it is not there."""
        return tuple(str(item) for item in _items(self.settings, key))

    def numbers(self, key: str) -> tuple[int, ...]:
        """Of a setting that is a sequence of numbers; empty when it is not there."""
        return tuple(int(item) for item in _items(self.settings, key))


def _items(settings: Mapping[str, Setting], key: str) -> tuple[str, ...] | tuple[int, ...]:
    value = settings.get(key, ())
    assert isinstance(value, tuple)
    return value


@dataclass(frozen=True, slots=True)
class PointSpec(_Settings):
    """An attach point that a probe type has read but not yet matched: its settings as plain data."""

    probe_type: str
    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class ConcretePoint(_Settings):
    """What one program is attached to, by one link: one place, or with a multi link several.

    `name` is the probe's full name (what `probe` prints); that of several places is the text with its wildcard.
    `settings` is all that `attach` needs, as plain data. `count` is the number of places.
    """

    probe_type: str
    name: str
    settings: Mapping[str, Setting]
    count: int = 1


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """What is known when attach points are matched, or the points of a target listed.

    `pid` is the process of `-p`; `allows_unsafe` is `--unsafe`; `probes_everything` is `--probe-everything`, without
    which a pattern that means every function of the kernel is refused. `missing_probes` is the config key: what a point
    that is not there is worth saying. `warn` records a warning at the attach point. `points_of` matches another attach
    point, written as in a script: a probe type may expand into others that way, and its points are then theirs. It
    raises as `match` does.
    """

    target: Target
    pid: int | None
    allows_unsafe: bool
    probes_everything: bool
    missing_probes: str
    warn: Callable[[str], None]
    points_of: Callable[[str], list[ConcretePoint]]


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What BPF_PROG_LOAD is told of a program beside its instructions.

    `attach_type` is the expected attach type, a number of `core.linux.bpf_constants.AttachType`. A program of type
    `tracing` also names the type that it attaches to in some BTF: `btf_id`, in the kernel's own when `target_fd` is 0,
    else in the module BTF or the BPF program of that descriptor, which load closes once the program is loaded.
    """

    attach_type: int = 0
    btf_id: int = 0
    target_fd: int = 0


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


class SequenceLink(Protocol):
    """A link to a program that is run by who reads a file."""

    def close(self) -> None: ...

    def read(self) -> Iterator[bytes]:
        """What is to be written to standard output: the file's content, piece by piece. Raises: core.run.LoadError."""


def _no_warning(text: str) -> None:
    """For who attaches without a user to be told."""


def _close(descriptor: int) -> None:
    """For who has no end of a run to wait for."""
    import os

    os.close(descriptor)


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """What load knows when it attaches: `pid` is that of `-p` or of the `-c` child, `cpus` the online CPUs.

    `warn` shows a warning, of a probe that was attached but not in full. `keep` takes a descriptor of a thing that
    nothing runs by any more when the link has been closed, but that the kernel takes long to give back, such as a perf
    event with a probe: it is closed when the run is over and all of its output written.
    """

    program_fd: int
    pid: int | None
    cpus: tuple[int, ...]
    warn: Callable[[str], None] = _no_warning
    keep: Callable[[int], None] = _close


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

    `searched`: when a wildcard in place of the provider (`*:vfs_read`) looks here too, in a script as in `-l`: 'always'
    (things of the kernel), 'process' (only with `-p` or behind the path of a file), or 'never'. `traces`: what the
    builtin `func` names: a 'kernel' function, a 'user' function, or ''. `has_registers`: the context begins with struct
    pt_regs, for `reg()` and `usermode`. `is_return`: it runs when the function that it traces returns, which is where
    the register of the next instruction does not point any more. `returns_verdict`: what the program returns changes
    what becomes of the thing traced, so that a `return` with a value is unsafe. `writes_sequence`: the program is run
    by who reads the file that its link opens (an iterator): `printf` writes into that file, `attach` gives a
    `SequenceLink`, nothing else can be attached beside it, and the run ends when the file has been read. A null pointer
    in its context means that there is no object, and ends the program.
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
    searched: ClassVar[str] = "never"
    traces: ClassVar[str] = ""
    has_registers: ClassVar[bool] = False
    is_return: ClassVar[bool] = False
    writes_sequence: ClassVar[bool] = False
    returns_verdict: ClassVar[bool] = False

    def parse(self, parts: tuple[str, ...]) -> PointSpec:
        """Reads the parts of an attach point after the provider.

        Raises: AttachPointError.
        """
        raise NotImplementedError

    def match(self, spec: PointSpec, request: MatchRequest) -> list[ConcretePoint]:
        """All places of the target that the attach point names, one point each, in a fixed order.

        A wildcard may match nothing. Raises: NoMatch: an exact point does not exist. AttachPointError: the target
        cannot have it.
        """
        raise NotImplementedError

    def combine(self, spec: PointSpec, points: Sequence[ConcretePoint], request: MatchRequest) -> list[ConcretePoint]:
        """The points to make programs for, out of what `match` gave: fewer where one link can serve several places.

        Not asked when the body uses `probe`: the name of each place is then its own program's.
        """
        return list(points)

    def session(self, entry: ConcretePoint, exit_: ConcretePoint, target: Target) -> ConcretePoint | None:
        """The point of one program for both, when this is the type of `entry` and the kernel of the target can run a
        program at entry and return; else None. `entry` and `exit_` are the only points of their probes, and combined.

        The program asks the kernel which of the two it is (the kfunc bpf_session_is_return), and gives 0 always.
        """
        return None

    def listed(self, parts: tuple[str, ...], request: MatchRequest) -> Iterable[str]:
        """The names of all points that a pattern of `-l` names, sorted; `parts` are those after the provider.

        What cannot be a pattern of this type gives nothing. Names come as they are found: there may be very many.
        """
        raise NotImplementedError

    def listed_name(self, point: ConcretePoint) -> str:
        """How `-l` with a program names a point that it matches."""
        return point.name

    def describe(self, name: str, request: MatchRequest) -> Iterable[str]:
        """The lines of `-lv` below a listed name: parameters or fields, as in C."""
        return ()

    def binary(self, point: ConcretePoint) -> str:
        """The path of the file that the point is in, whose own C types the body can name; empty where there is none."""
        return ""

    def args(self, point: ConcretePoint, target: Target) -> Struct | None:
        """The layout of `args` inside the context, or None where the probe type has no `args`.

        Only asked for probes that use `args` or `retval`. Raises: AttachPointError.
        """
        return None

    def context(self, point: ConcretePoint, target: Target) -> Type | None:
        """The type of `ctx`, or None where the probe type has none. Raises: AttachPointError."""
        return None

    def argument(self, point: ConcretePoint, index: int, architecture: str) -> Type | None:
        """The type of `argN`, or None where the probe type has none. Raises: AttachPointError: no such register."""
        return None

    def emit_argument(self, emitter: Emitter, index: int) -> Value:
        raise NotImplementedError

    def emit_context(self, emitter: Emitter, type_: Type) -> Value:
        """The value of `ctx`, of the type that `context` gave."""
        from .emitter import Value

        return Value(emitter.context().handle, type_)

    def emit_read(self, emitter: Emitter, destination: Value, size: Value, address: Value) -> Value:
        """Copies out of the memory that only this probe type knows, named by its `space`; gives 0 or a negative errno.

        Asked where `space` is none of the language's own ('kernel', 'user', 'none').
        """
        raise NotImplementedError

    def emit_available(self, emitter: Emitter, address: Value) -> Value:
        """How many bytes can be read there from an address on, as an unsigned number."""
        raise NotImplementedError

    def return_value(self, point: ConcretePoint, target: Target) -> Type | None:
        """The type of `retval`, or None where the probe type has none. Raises: AttachPointError."""
        return None

    def emit_return_value(self, emitter: Emitter, type_: Type) -> Value:
        raise NotImplementedError

    def load_settings(self, program: ProgramSpec) -> LoadSettings:
        """Asked just before the program is loaded.

        Raises: NoMatch: what the program attaches to is not there. KernelError, AttachPointError: as `attach` does.
        """
        return LoadSettings()

    def attach(self, program: ProgramSpec, request: AttachRequest) -> Link:
        """Attaches a loaded program. Raises: KernelError; AttachPointError: this machine cannot have it, in words."""
        raise NotImplementedError
