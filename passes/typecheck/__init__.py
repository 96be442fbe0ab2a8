"""Stage 2, type-check: a type for every expression, found over the whole program at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.artifacts import Program, TypedProgram
    from ...core.compilation import Compilation
    from ...core.pipeline import Pass


class TypeCheckStage:
    """The type checker; named 'inference' among the plugins."""

    @hookimpl
    def type_check(self, program: Program, compilation: Compilation) -> TypedProgram:
        typed: TypedProgram = compilation.run_passes("typecheck", program)
        return typed

    @hookimpl
    def stage_passes(self, stage: str) -> Sequence[Pass] | None:
        if stage != "typecheck":
            return None
        from .c_definitions import LoadCTypes
        from .c_macros import ExpandCMacros
        from .c_modules import BuildCModules
        from .calls import CheckCalls
        from .fold import FoldConstants
        from .infer import InferTypes
        from .match import MatchPoints
        from .options import ReplaceOptions
        from .positional_parameters import ReplaceParameters
        from .scopes import ResolveVariables
        from .unroll import UnrollLoops

        return [
            LoadCTypes(),
            BuildCModules(),
            ReplaceParameters(),
            ExpandCMacros(),
            FoldConstants(),
            ReplaceOptions(),
            UnrollLoops(),
            MatchPoints(),
            ResolveVariables(),
            CheckCalls(),
            InferTypes(),
        ]


PLUGIN = TypeCheckStage()
