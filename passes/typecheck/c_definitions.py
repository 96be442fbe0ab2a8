"""Finds out which C types the script can name: its own, those of the programs that it traces, and the kernel's."""

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
        from ...core.user_c_types import UserCTypes

        below = load_c_types(program, compilation)
        compilation.c_types = UserCTypes(below, compilation.target, compilation.diagnostics)
        return program
