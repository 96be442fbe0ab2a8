"""What the programs of one module share: maps, events, failure sites, and which plugin objects they use.

Programs ask for things by name while they are being built; numbers are given in the order of asking, which makes them
the same for the same script everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import ast
from ...core.artifacts import (
    EVENTS_MAP,
    FAILURES_MAP,
    GLOBALS,
    GLOBALS_MAP,
    LARGE_SCRATCH_MAP,
    PACKETS_MAP,
    SCRATCH_MAP,
    TABLE_PREFIX,
    UNWIND_MAPPINGS_MAP,
    UNWIND_PROCESSES_MAP,
    UNWIND_ROWS_MAP,
    ZEROS_MAP,
    EventSpec,
    ExpandedProgram,
    FailureSite,
    MapSpec,
    MapTypes,
)
from ...core.c_types import complete
from ...core.compilation import Compilation
from ...core.source import Source, Span
from ...core.types import Array, OwnedType, Record, Tuple, Type, round_up, settle, size_of

FAILURE_SLOT_SIZE = 16
#: A program that another task can interleave on the same CPU claims one of this many scratch areas.
PREEMPTIBLE_SLOTS = 4
#: PCPU_MIN_UNIT_SIZE of include/linux/percpu.h: the largest value of a per-CPU array.
PER_CPU_LIMIT = 32 << 10
#: KMALLOC_MAX_SIZE of include/linux/slab.h (x86-64), where Linux 6.1 and older see the end of any value.
SCRATCH_LIMIT = 4 << 20


class Resources:
    """Collects the maps, events and failure sites of a module while its programs are built."""

    def __init__(self, expanded: ExpandedProgram, compilation: Compilation) -> None:
        self._compilation = compilation
        self.c_types = expanded.typed.c_types
        self.source: Source = expanded.typed.program.source
        self._max_keys = compilation.config.max_map_keys
        self.maps: dict[str, MapSpec] = {name: self._script_map(types) for name, types in expanded.typed.maps.items()}
        self.events: dict[tuple[object, ...], EventSpec] = {}
        self.failures: list[FailureSite] = []
        self._sites: dict[tuple[Any, ...], FailureSite] = {}
        self.origins: dict[str, str] = {}
        self.scratch_slots = 0
        self.scratch_size = 0
        self.large_scratch_entries = 0
        self.large_scratch_size = 0
        self.zeros_size = 0
        for spec in self.maps.values():
            self.use_type(spec.key_type)
            self.use_type(spec.value_type)

    def _script_map(self, types: MapTypes) -> MapSpec:
        value = complete(self.c_types, types.value)
        key = None if types.key is None else complete(self.c_types, types.key)
        per_cpu = isinstance(value, OwnedType) and value.aggregation
        size = round_up(size_of(value), 8)
        if key is None:
            kind = "percpu_array" if per_cpu else "array"
            return MapSpec(types.name, kind, 4, size + 8, 1, None, value)
        kind = types.kind or ("percpu_hash" if per_cpu else "hash")
        return MapSpec(types.name, kind, size_of(key), size, types.entries or self._max_keys, key, value)

    def map_number(self, name: str) -> int:
        """The place of a map in the module's list, which is where it was first used or defined."""
        if name not in self.maps:
            self.maps[name] = MapSpec(name, "array", 4, 8, 1)
        return list(self.maps).index(name)

    def constant_table(self, name: str, contents: bytes) -> str:
        """The map with a table that programs read and do not write; gives the map's name."""
        contents = contents.ljust(round_up(len(contents), 8), b"\0")
        name = f"{TABLE_PREFIX}{name}"
        self.maps.setdefault(name, MapSpec(name, "array", 4, len(contents), 1, contents=contents))
        return name

    def is_per_cpu(self, name: str) -> bool:
        """True when programs reach the map's only value through a look-up of this CPU's part."""
        return name in self.maps and self.maps[name].per_cpu

    def use_function(self, name: str) -> None:
        self.origins[name] = self._compilation.functions.origin(name)

    def use_probe_type(self, name: str) -> None:
        self.origins[f"probe:{name}"] = self._compilation.probe_types.origin(name)

    def use_type(self, type_: Type | None) -> None:
        """Notes the owners of a type that the output stage will meet."""
        match type_:
            case OwnedType(owner=owner):
                self.use_function(owner)
            case Tuple() | Record():
                for element in type_.elements:
                    self.use_type(element)
            case Array(element, _):
                self.use_type(element)

    def event(self, call: ast.Node, function: str, fields: Sequence[Type], settings: Mapping[str, Any]) -> EventSpec:
        """The event of a call site; copies of one body for several points share it."""
        fields = tuple(complete(self.c_types, settle(type_)) for type_ in fields)
        key = (call, function, fields, repr(sorted(settings.items())))
        if key not in self.events:
            self.use_function(function)
            for type_ in fields:
                self.use_type(type_)
            self.events[key] = EventSpec(len(self.events), function, fields, dict(settings))
        return self.events[key]

    def failure_site(self, program: int, helper: str, message: str, span: Span) -> FailureSite:
        """A new counter for one way in which the code at `span` can fail."""
        place, *calls = self.source.saved(span)
        facts = (program, helper, message, *place, tuple(calls))
        site = self._sites.get(facts)
        if site is None:
            site = self._sites[facts] = FailureSite(len(self.failures), *facts)
            self.failures.append(site)
        return site

    def claim_scratch(self, size: int, slots: int) -> int:
        """Areas of per-CPU scratch for one program; gives the first one's index."""
        first = self.scratch_slots
        self.scratch_slots += slots
        self.scratch_size = max(self.scratch_size, round_up(size, 8))
        return first

    def claim_large_scratch(self, size: int, slots: int, cpus: int) -> int:
        """The same in an ordinary array, which has elements of any size: `cpus` of them for each area."""
        first = self.large_scratch_entries
        self.large_scratch_entries += slots * cpus
        self.large_scratch_size = max(self.large_scratch_size, round_up(size, 8))
        return first

    def finish(self) -> tuple[MapSpec, ...]:
        """All maps with their final sizes, in the order of their numbers."""
        sizes = {
            EVENTS_MAP: ("ringbuf", 0, 0, 0),
            SCRATCH_MAP: ("percpu_array", 4, self.scratch_size, self.scratch_slots),
            LARGE_SCRATCH_MAP: ("array", 4, self.large_scratch_size, self.large_scratch_entries),
            FAILURES_MAP: ("array", 4, max(1, len(self.failures)) * FAILURE_SLOT_SIZE, 1),
            GLOBALS_MAP: ("array", 4, 8 * len(GLOBALS), 1),
            PACKETS_MAP: ("perf_event_array", 4, 4, 0),
            UNWIND_ROWS_MAP: ("array", 4, 16, 0),
            UNWIND_MAPPINGS_MAP: ("array", 4, 32, 0),
            UNWIND_PROCESSES_MAP: ("hash", 4, 8, 4096),
            ZEROS_MAP: ("array", 4, round_up(self.zeros_size, 8), 1),
        }
        return tuple(
            MapSpec(name, *sizes[name]) if name in sizes else spec for name, spec in self.maps.items()
        )
