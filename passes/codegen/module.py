"""The artifact between the passes of codegen: LLVM IR as text, and everything about the program that is not code."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.artifacts import EventSpec, ExpandedProgram, FailureSite, MapSpec
from ...core.frozen import dataclass

#: What the names of imported C files begin with, so that they are none of a program's or a map's.
C_PREFIX = "c."
#: A kernel function is called by this and its name, and is not defined.
KFUNC_PREFIX = "kfunc."
#: A variable of the kernel is a global of this and its name.
VARIABLE_PREFIX = "kernel_variable."
#: The address of a symbol of the kernel is that of a global of this and its name.
SYMBOL_PREFIX = "kernel_symbol."


@dataclass(frozen=True, slots=True)
class IrModule:
    """`ir` is what was built, `optimized` what LLVM made of it (empty before). Function names are program names.

    A global `map.N` stands for the fd of `maps[N]`, `value.N` for the address of its only value, `c.NAME` is what an
    imported C file calls NAME. A function `kfunc.NAME`, a variable
    `kernel_variable.NAME` and a symbol `kernel_symbol.NAME` are the kernel's.
    """

    expanded: ExpandedProgram
    ir: str
    maps: tuple[MapSpec, ...]
    events: tuple[EventSpec, ...]
    failures: tuple[FailureSite, ...]
    origins: Mapping[str, str]
    optimized: str = ""
