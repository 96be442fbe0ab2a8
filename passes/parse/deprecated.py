"""Warns of what the language is about to lose, and names what it has lost."""

from __future__ import annotations

import re

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass

_WHILE = "While loops are deprecated and may be removed in the future."
_WHILE_HINT = "Use a for loop over a range instead, for example: for ($i : 0..10) { print($i); }"
_STACK_ARGUMENT = re.compile(r"sarg[0-9]+", re.ASCII)
_STACK_ARGUMENT_GONE = "sarg* is deleted. This was deprecated in v0.21 and was last available in v0.24."
_STACK_ARGUMENT_HINT = 'Use *(reg("sp") + <stack_offset>) instead.'


@dataclass(frozen=True, slots=True)
class CheckDeprecated:
    """A check: Program stays as it is."""

    name: str = "deprecated"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not ast.mentions(program, "while", "sarg"):
            return program
        for node in ast.walk(program):
            match node:
                case ast.While(span):
                    compilation.diagnostics.warning(_WHILE, span, hints=[_WHILE_HINT])
                case ast.Identifier(span, name) if _STACK_ARGUMENT.fullmatch(name):
                    compilation.diagnostics.error(_STACK_ARGUMENT_GONE, span, hints=[_STACK_ARGUMENT_HINT])
        return program
