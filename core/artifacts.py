"""What crosses each stage boundary.

An artifact is frozen: a stage never changes what it was given. The first three point into the tree; `CompiledProgram`
is plain data that can be saved and loaded again, so that load and output need neither the tree nor the code
generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from .config import Config
from .frozen import dataclass
from .probe import ConcretePoint
from .source import Source
from .types import Type

# A run from the cache has no tree, and making the classes of `ast` would take a tenth of its start.
if TYPE_CHECKING:
    from . import ast
    from .c_functions import CModule
    from .c_types import CTypes

    Program = ast.Program


@dataclass(frozen=True, slots=True)
class MapTypes:
    """The key and value types of a script's map; `key` is None for a scalar map.

    A map that the script declares has the declared `kind` ('hash', 'lruhash', ...) and number of `entries`.
    """

    name: str
    key: Type | None
    value: Type
    kind: str | None = None
    entries: int | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """A probe's body checked for points that share one layout of `args`.

    `types` has every expression of the body. `bindings` gives each use of a variable its slot (two blocks may each have
    a `$x` of their own), `variables` the type of each slot. `constants` are expressions whose value follows from types
    (`sizeof`, enum constants, `comptime`; the members of a `typeinfo`); an `if comptime` keeps only the branch that its
    condition's constant says, and nothing in the other one has a type.
    """

    points: tuple[ConcretePoint, ...]
    types: Mapping[ast.Node, Type]
    bindings: Mapping[ast.Variable, str]
    variables: Mapping[str, Type]
    constants: Mapping[ast.Node, int | bytes | bool | tuple[int | bytes, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TypedProbe:
    node: ast.Probe
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class TypedProgram:
    """The type-check artifact. `maps` is ordered by name; `c_types` are the C types that its types refer to,
    `c_modules` the imported C files, in the program's order."""

    program: Program
    probes: tuple[TypedProbe, ...]
    maps: Mapping[str, MapTypes]
    c_types: CTypes
    c_modules: tuple[CModule, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpandedProbe:
    """One BPF program to be: one point and the variant of the body that fits it.

    `pid_filter` is the process that `-p` names where the program itself has to test for it. A program that runs at
    entry and return has the body for entry here; `on_return` is the probe with the other one, to whose own point
    nothing is attached.
    """

    point: ConcretePoint
    node: ast.Probe
    variant: Variant
    program_name: str
    pid_filter: int | None = None
    on_return: ExpandedProbe | None = None


@dataclass(frozen=True, slots=True)
class ExpandedProgram:
    """The probe-expand artifact: programs in source order."""

    typed: TypedProgram
    probes: tuple[ExpandedProbe, ...]


@dataclass(frozen=True, slots=True)
class Relocation:
    """What load puts into the instruction at `index`.

    `kind`: a two-slot load takes the fd of the map `name` ('map') or the address of its only value ('map_value'); a
    call, which is one slot, takes the id of the kernel function `name` in the BTF of the running kernel ('kfunc').
    """

    index: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class LineInfo:
    """From instruction `index` on the code belongs to this place of the script (1-based)."""

    index: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """At instruction `index` a function begins; `type_id` is its type in the BTF, 0 if it has none."""

    index: int
    type_id: int
    name: str


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One BPF program: 8-byte instructions in the target's byte order, and how to attach it.

    `functions` are the program's own and behind it those that it calls or hands to the kernel as callbacks.
    """

    name: str
    point: ConcretePoint
    program_type: str
    instructions: bytes
    relocations: tuple[Relocation, ...] = ()
    lines: tuple[LineInfo, ...] = ()
    functions: tuple[FunctionInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class MapSpec:
    """One BPF map. Names that begin with `@` are the script's; others belong to the compiler.

    `kind` is the kernel's map type in lower case. A scalar script map's value is followed by 8 bytes that are not
    zero once it was assigned. `contents` is what the only value of an array is to begin with, empty for zeros.
    """

    name: str
    kind: str
    key_size: int
    value_size: int
    max_entries: int
    key_type: Type | None = None
    value_type: Type | None = None
    contents: bytes = b""

    @property
    def is_script_map(self) -> bool:
        return self.name.startswith("@")

    @property
    def per_cpu(self) -> bool:
        return "percpu_" in self.kind


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event that a call site sends. A record is its id (u64), then the fields as `core.records` lays them out."""

    id: int
    function: str
    fields: tuple[Type, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FailureSite:
    """One call site that can fail at run time; it owns slot `index` of the failure counters (see `FAILURES_MAP`).

    An event that found no space is lost and has neither `helper` nor `message`. `program` indexes the programs.
    """

    index: int
    program: int
    helper: str
    message: str
    line: int
    column: int
    end_line: int
    end_column: int


#: The compiler's own maps. Failures: one value of 16 bytes per site (u64 count, s64 last code). Globals: 8 bytes each.
EVENTS_MAP = "events"
SCRATCH_MAP = "scratch"
FAILURES_MAP = "failures"
GLOBALS_MAP = "globals"
ZEROS_MAP = "zeros"
#: Variables of imported C files, all of them in one value; programs cannot write to the constants.
C_CONSTANTS_MAP, C_VARIABLES_MAP = "c_constants", "c_variables"
GLOBALS = ("start_time", "cpid")


@dataclass(frozen=True, slots=True)
class CompiledProgram:
    """The codegen artifact: all that load and output need, as plain data (`core.artifact_file` saves and loads it).

    `origins` tells for each function and probe type used which object implements it, as `module:NAME`.
    `dumps` holds what `--dump-ir`, `--dump-ir-opt` show; it is not saved.
    """

    source: Source
    architecture: str
    config: Config
    programs: tuple[ProgramSpec, ...]
    maps: tuple[MapSpec, ...]
    events: tuple[EventSpec, ...]
    failures: tuple[FailureSite, ...]
    origins: Mapping[str, str]
    btf: bytes = b""
    warnings: tuple[str, ...] = ()
    dumps: Mapping[str, str] = field(default_factory=dict, compare=False)

    def map(self, name: str) -> MapSpec:
        return next(m for m in self.maps if m.name == name)


class Session(Protocol):
    """The load artifact: programs loaded, begin probes run, the rest attached, a `-c` child waiting to start.

    The output stage drives it: `release`, then `run_signal_probes`, `read_span`, `wait` ... until `finished` or an
    exit; then `stop`, `run_end_probes`, the last spans and maps, `close`. In a run of tests or benchmarks nothing is
    attached: `run_program` for each of them, with the spans of each, then `close`. Every method that talks to the
    kernel may raise KernelError.
    """

    program: CompiledProgram
    #: What `Attached N probes` says: links, each function of a multi link, begin, end and self probes.
    attached: int
    #: The process of `-p` or `-c`, or None.
    pid: int | None

    def release(self) -> None:
        """Lets the `-c` child go, once the output is ready for what it does. Raises LoadError: it cannot be run."""

    def wait(self, timeout_ms: int) -> None:
        """Sleeps until events wait, a signal came, the process ended, or the time is over."""

    def read_span(self) -> bytes:
        """Takes the records that are ready off the event ring buffer; empty when there are none.

        Records come as the kernel wrote them: u32 length with the busy (1 << 31) and discard (1 << 30) flags, u32 page
        offset, data, padding to 8 bytes. A span ends before the first busy record and holds whole records only.
        """

    def read_map(self, spec: MapSpec) -> list[tuple[bytes, bytes | list[bytes]]]:
        """All entries of a map: key, value; for a per-CPU map one value per possible CPU."""

    def clear_map(self, spec: MapSpec) -> None:
        """Removes all keys of a script map; a scalar map's value and the mark behind it become zero bytes."""

    def zero_map(self, spec: MapSpec) -> None:
        """Sets every value to zero bytes on all CPUs; keys stay, and so does the mark behind a scalar map's value."""

    def failures(self) -> list[tuple[FailureSite, int, int]]:
        """(site, new failures, last code) for every site that failed since the last call."""

    def finished(self) -> bool:
        """True when the run shall end: SIGINT or SIGTERM came, the process of `-p` or `-c` is gone, or only begin and
        end probes exist, so that no further event can come. A run of tests or benchmarks only ends for a signal."""

    def stop(self) -> None:
        """Detaches all probes and terminates a child that still runs. May be called twice."""

    def read_sequence(self) -> Iterator[bytes]:
        """What is to be copied to standard output when everything is attached: the text of an iterator, if there is
        one. Ends early when a signal that ends the run comes. `finished` once it has been read."""

    def run_end_probes(self) -> None: ...

    def run_signal_probes(self) -> None:
        """Runs the programs of `self:signal` in the script's order, once for all signals since the last call."""

    def runnable(self, lifecycle: str) -> Sequence[ProgramSpec]:
        """The loaded programs of a lifecycle other than 'attached', in the script's order."""

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
        """Runs a test or a benchmark: (return value of its last run as u32, ns of one run on average).

        A test's time is that of the whole system call. A signal that ends the run also ends a long repetition: then it
        raises a KernelError with EINTR.
        """

    def close(self) -> None:
        """Gives back everything held. May be called twice."""
