"""The C types of a script: those of its preamble, read by libclang, over those of the kernel, read from BTF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..c_types import CTypes

if TYPE_CHECKING:
    from .. import ast
    from ..compilation import Compilation


def load_c_types(program: ast.Program, compilation: Compilation) -> CTypes:
    from ..target.btf_c_types import BtfCTypes

    return BtfCTypes(lambda: compilation.target.btf, lambda: ())
