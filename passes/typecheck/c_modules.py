"""Compiles the C files that the script imports, whose functions it can call."""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class BuildCModules:
    """Program -> Program, with `compilation.c_modules` set. No compiler is started without need."""

    name: str = "c-modules"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        from ...core.c_modules import build_modules

        compilation.c_modules = build_modules(program, compilation)
        return program
