"""The C types of a script: those of its preamble, read by libclang, over those of the kernel, read from BTF.

libclang is started only for a script that has a preamble.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..c_types import CTypes

if TYPE_CHECKING:
    from .. import ast
    from ..compilation import Compilation


def load_c_types(program: ast.Program, compilation: Compilation) -> CTypes:
    """The types that the program can name. What is wrong with its C definitions is recorded as diagnostics."""
    kernel = compilation.target.c_types
    if not program.preamble and not compilation.options.include_files:
        return kernel
    from .preamble import parse_preamble

    return parse_preamble(program, compilation, kernel)
