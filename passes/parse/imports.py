"""Brings in what a script imports: other scripts, C headers, C files, directories of all of them.

Most scripts import nothing, so how files are found and read is imported only for those that do.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class ResolveImports:
    """Program -> Program without Import, with all that is imported, and with the joined source.

    Imported items stand before those of the script that imports them. Files that were read are dependencies of the
    target, so that a cached program is not used after one of them has changed.
    """

    name: str = "imports"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not any(isinstance(node, ast.Import) for node in ast.walk(program)):
            return program
        from .import_files import resolve

        return resolve(program, compilation)
