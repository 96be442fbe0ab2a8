"""Runs LLVM's new pass manager over the module."""

from __future__ import annotations

from dataclasses import replace

from ...core.compilation import Compilation
from ...core.frozen import dataclass
from .machine import target_machine
from .module import IrModule


@dataclass(frozen=True, slots=True)
class Optimize:
    """IrModule -> IrModule with `optimized`. `level` is LLVM's speed level, 0 to 3."""

    level: int = 2
    name: str = "optimize"
    stage: str = "codegen"

    def run(self, module: IrModule, compilation: Compilation) -> IrModule:
        import llvmlite.binding as llvm

        parsed = llvm.parse_assembly(module.ir)
        parsed.verify()
        builder = llvm.create_pass_builder(
            target_machine(), llvm.create_pipeline_tuning_options(speed_level=self.level)
        )
        builder.getModulePassManager().run(parsed, builder)
        return replace(module, optimized=str(parsed))
