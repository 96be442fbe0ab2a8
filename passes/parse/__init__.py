"""Stage 1, parse: from a script's text to its tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.hookspecs import hookimpl

if TYPE_CHECKING:
    from ...core.artifacts import Program
    from ...core.compilation import Compilation
    from ...core.pipeline import Pass
    from ...core.source import Source


class ParseStage:
    """The parser made of a lark grammar; named 'lark' among the plugins."""

    @hookimpl
    def parse(self, source: Source, compilation: Compilation) -> Program:
        program: Program = compilation.run_passes("parse", source)
        return program

    @hookimpl
    def stage_passes(self, stage: str) -> Sequence[Pass] | None:
        if stage != "parse":
            return None
        from .attach_points import SplitAttachPoints
        from .config import ApplyConfig
        from .control_flow import CheckControlFlow
        from .deprecated import CheckDeprecated
        from .imports import ResolveImports
        from .macros import ExpandMacros
        from .syntax import ParseSyntax
        from .unstable import CheckUnstable

        return [
            ParseSyntax(),
            ApplyConfig(),
            ResolveImports(),
            CheckUnstable(),
            CheckDeprecated(),
            SplitAttachPoints(),
            CheckControlFlow(),
            ExpandMacros(),
        ]


PLUGIN = ParseStage()
