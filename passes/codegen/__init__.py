"""Stage 4, codegen: from typed bodies to BPF bytecode, by way of LLVM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.artifacts import CompiledProgram, ExpandedProgram
    from ...core.compilation import Compilation
    from ...core.pipeline import Pass


class CodegenStage:
    """The code generator made of llvmlite; named 'llvm' among the plugins."""

    @hookimpl
    def generate(self, expanded: ExpandedProgram, compilation: Compilation) -> CompiledProgram:
        compiled: CompiledProgram = compilation.run_passes("codegen", expanded)
        return compiled

    @hookimpl
    def stage_passes(self, stage: str) -> Sequence[Pass] | None:
        if stage != "codegen":
            return None
        from .assemble import Assemble
        from .build_ir import BuildIr
        from .link_c import LinkC
        from .optimize import Optimize

        return [BuildIr(), LinkC(), Optimize(), Assemble()]


PLUGIN = CodegenStage()
