"""What crosses each stage boundary.

An artifact is frozen: a stage never changes what it was given. The first three point into the tree; `CompiledProgram` is
plain data that can be saved and loaded again, so that load and output need neither the tree nor the code generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from . import ast
from .config import Config
from .probe import ConcretePoint
from .source import Source
from .types import Type

if TYPE_CHECKING:
    from .output import Rendering

Program = ast.Program


@dataclass(frozen=True, slots=True)
class MapTypes:
    """The key and value types of a script's map; `key` is None for a scalar map."""

    name: str
    key: Type | None
    value: Type


@dataclass(frozen=True, slots=True)
class Variant:
    """A probe's body checked for points that share one layout of `args`. `types` has every expression of the body."""

    points: tuple[ConcretePoint, ...]
    types: Mapping[ast.Node, Type]
    variables: Mapping[str, Type]


@dataclass(frozen=True, slots=True)
class TypedProbe:
    node: ast.Probe
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class TypedProgram:
    """The type-check artifact. `maps` is ordered by name."""

    program: Program
    probes: tuple[TypedProbe, ...]
    maps: Mapping[str, MapTypes]


@dataclass(frozen=True, slots=True)
class ExpandedProbe:
    """One BPF program to be: one point and the variant of the body that fits it.

    `pid_filter` is the process that `-p` names where the program itself has to test for it.
    """

    point: ConcretePoint
    node: ast.Probe
    variant: Variant
    program_name: str
    pid_filter: int | None = None


@dataclass(frozen=True, slots=True)
class ExpandedProgram:
    """The probe-expand artifact: programs in source order."""

    typed: TypedProgram
    probes: tuple[ExpandedProbe, ...]


@dataclass(frozen=True, slots=True)
class Relocation:
    """The two-slot load at instruction `index` takes a map's fd ('map') or the address of its only value ('map_value')."""

    index: int
    kind: str
    map: str


@dataclass(frozen=True, slots=True)
class LineInfo:
    """From instruction `index` on the code belongs to this place of the script (1-based)."""

    index: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One BPF program: 8-byte instructions in the target's byte order, and how to attach it."""

    name: str
    point: ConcretePoint
    program_type: str
    instructions: bytes
    relocations: tuple[Relocation, ...] = ()
    lines: tuple[LineInfo, ...] = ()
    function_type_id: int = 0


@dataclass(frozen=True, slots=True)
class MapSpec:
    """One BPF map. Names that begin with `@` are the script's; others belong to the compiler.

    `kind` is the kernel's map type in lower case. A scalar script map's value is followed by 8 bytes that are not zero
    once it was assigned. `cells` is how many CPUs' parts an aggregation keeps in one plain value (0: the map is per-CPU or plain).
    """

    name: str
    kind: str
    key_size: int
    value_size: int
    max_entries: int
    key_type: Type | None = None
    value_type: Type | None = None

    @property
    def is_script_map(self) -> bool:
        return self.name.startswith("@")

    @property
    def per_cpu(self) -> bool:
        return self.kind.startswith("percpu_")


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

    `helper` is empty for an event that found no space, which is reported as lost. `program` indexes the programs.
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
    """The load artifact: programs in the kernel, not yet running the event loop."""

    program: CompiledProgram
    rendering: Rendering
