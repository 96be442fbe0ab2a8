"""C files that a script imports: compiled by the clang of this machine, and looked at for what a script can use.

Nothing of this is imported for a script without such files, and nothing of it is needed to run a compiled program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .. import ast
    from ..c_functions import CModule
    from ..compilation import Compilation


def build_modules(program: ast.Program, compilation: Compilation) -> tuple[CModule, ...]:
    """The program's imported C files, compiled. What is wrong with them is recorded as diagnostics."""
    if not program.c_files:
        return ()
    from .build import build

    return build(program.c_files, compilation)
