"""Finds out which C types the script can name: those of its preamble and imports, and the kernel's."""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class LoadCTypes:
    """Program -> Program, with `compilation.c_types` set. Neither libclang nor BTF is touched without need."""

    name: str = "c-definitions"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        from ...core.c_preamble import load_c_types

        compilation.c_types = load_c_types(program, compilation)
        return program
