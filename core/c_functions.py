"""What is known of imported C files once they are compiled: their functions by name, and the code to link.

The contract between who compiles such files (`core.c_modules`), the type checker and the code generator. Plain data.
"""

from __future__ import annotations

from .frozen import dataclass
from .types import Type


@dataclass(frozen=True, slots=True)
class CFunction:
    """A function with external linkage. `parameters` are (name, type); types are integers, bools, enums and pointers.

    One that a script cannot call has the reason as its `obstacle`.
    """

    name: str
    parameters: tuple[tuple[str, Type], ...]
    result: Type
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class CModule:
    """A compiled file: its absolute path and LLVM bitcode for BPF.

    `private` are names of static functions, for hints: the file's text says so, not the compiler, which inlines them.
    """

    path: str
    bitcode: bytes
    functions: tuple[CFunction, ...]
    private: tuple[str, ...] = ()
