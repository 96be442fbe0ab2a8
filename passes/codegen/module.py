"""The artifact between the passes of codegen: LLVM IR as text, and everything about the program that is not code."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.artifacts import EventSpec, ExpandedProgram, FailureSite, MapSpec
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class IrModule:
    """`ir` is what was built, `optimized` what LLVM made of it (empty before). Function names are program names.

    A global `map.N` stands for the fd of `maps[N]`, `value.N` for the address of its only value.
    """

    expanded: ExpandedProgram
    ir: str
    maps: tuple[MapSpec, ...]
    events: tuple[EventSpec, ...]
    failures: tuple[FailureSite, ...]
    origins: Mapping[str, str]
    optimized: str = ""
