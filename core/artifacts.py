"""What crosses each stage boundary of a compilation.

An artifact is frozen: a stage never changes what it was given. The first three point into the tree; `CompiledProgram`
is plain data that can be saved and loaded again, so that load and output need neither the tree nor the code
generator. What load hands to output is alive, and in `session.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

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


#: The kinds of relocations that name something of the running kernel: of loads, and with those of calls.
KERNEL_LOADS = ("kernel_variable", "kernel_symbol")
KERNEL_KINDS = (*KERNEL_LOADS, "kfunc")


@dataclass(frozen=True, slots=True)
class Relocation:
    """What load puts into the instruction at `index`.

    `kind`: a two-slot load takes the fd of the map `name` ('map'), the address of its only value ('map_value'), the id
    of the per-CPU variable `name` in the BTF of the running kernel ('kernel_variable'), or the address of the symbol
    `name` of the kernel or a module ('kernel_symbol'); a call, which is one slot, takes the id of the kernel function
    `name` in the kernel's BTF ('kfunc').
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
    def is_constant(self) -> bool:
        """True when no program changes it: load fills and freezes it."""
        return self.name in (ZEROS_MAP, C_CONSTANTS_MAP) or self.name.startswith(TABLE_PREFIX)

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

    An event that found no space is lost and has neither `helper` nor `message`. `program` indexes the programs. `calls`
    are the places (line, column, end line, end column) of the macro calls that the code comes from, innermost first.
    """

    index: int
    program: int
    helper: str
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    calls: tuple[tuple[int, int, int, int], ...] = ()


#: The compiler's own maps. Failures: one value of 16 bytes per site (u64 count, s64 last code). Globals: 8 bytes each.
EVENTS_MAP = "events"
SCRATCH_MAP = "scratch"
LARGE_SCRATCH_MAP = "large_scratch"
FAILURES_MAP = "failures"
GLOBALS_MAP = "globals"
ZEROS_MAP = "zeros"
#: Packets on their way to files: a record is the id of an event (u64), whose settings are `file` and `offset`, the time
#: (u64, ns of the boot clock), how many bytes of the packet were asked for (u64), and as many as fit (PACKET_LIMIT).
PACKETS_MAP = "packets"
PACKET_HEADER_SIZE = 24
#: A perf record's size is a u16; beside the packet it has a header, a u32, our header, and padding.
PACKET_LIMIT = 0xFFF8 - 8 - 4 - PACKET_HEADER_SIZE - 4
#: What user stacks are unwound with. The maps of rows (`core.binary.unwind_rows`; each binary's are together) and of
#: mappings are as large as load makes them. A mapping, 32 bytes: u64 address, u64 length, u64 what its addresses are
#: above the file's own, u32 first row, u32 number of rows. A process by its id (u32): u32 first mapping, u32 number of
#: mappings, which are ascending by address.
UNWIND_ROWS_MAP, UNWIND_MAPPINGS_MAP, UNWIND_PROCESSES_MAP = "unwind_rows", "unwind_mappings", "unwind_processes"
#: Variables of imported C files, all of them in one value; programs cannot write to the constants.
C_CONSTANTS_MAP, C_VARIABLES_MAP = "c_constants", "c_variables"
#: Tables of the standard library, a map of one value each.
TABLE_PREFIX = "table_"
GLOBALS = ("start_time", "cpid", "ncpus", "tai_offset")


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
