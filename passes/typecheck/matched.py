"""The artifact between the passes of type-check: probes with their points, before any type is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ...core import ast
from ...core.frozen import dataclass
from ...core.probe import ConcretePoint, ProbeType
from ...core.types import Struct


@dataclass(frozen=True, slots=True)
class Layout:
    """Points of one probe whose bodies are checked together: same probe type, same `args`."""

    probe_type: ProbeType
    points: tuple[ConcretePoint, ...]
    args: Struct | None


@dataclass(frozen=True, slots=True)
class MatchedProbe:
    """`bindings` gives each use of a scratch variable the slot that it reads or writes."""

    node: ast.Probe
    layouts: tuple[Layout, ...]
    bindings: Mapping[ast.Variable, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MatchedProgram:
    """`functions` gives each `fn` the slots of its variables, as a probe's `bindings` do. `removed` says of the maps of
    probes that were removed why these have no point."""

    program: ast.Program
    probes: tuple[MatchedProbe, ...]
    functions: Mapping[ast.Function, Mapping[ast.Variable, str]] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
