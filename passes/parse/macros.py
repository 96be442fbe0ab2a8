"""Expands macros, the script's own and the library's: every call becomes a block made of the macro's body.

Most scripts have none, so how that is done is imported only for those that have.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ExpandMacros:
    """Program -> Program without macros."""

    name: str = "macros"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not program.macros and not compilation.library.is_mentioned(program.source.text):
            return program
        from .macro_expansion import expand

        return expand(program, compilation)
