"""Puts the script's config block in force: the one pass that replaces the compilation's configuration.

Which keys there are and what they accept is known to `core.config`; here their errors get a place in the script.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.config import ConfigError, UnknownKey, keys
from ...core.diagnostics import did_you_mean
from ...core.frozen import dataclass
from ...core.source import display


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """A check of Program, which stays as it is, and a new `compilation.config`.

    Of a key that is set twice the last value counts.
    """

    name: str = "config"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        for block in program.configs:
            for entry in block.entries:
                _apply(entry, compilation)
        return program


def _apply(entry: ast.ConfigEntry, compilation: Compilation) -> None:
    diagnostics = compilation.diagnostics
    try:
        compilation.config, warning = compilation.config.with_entry(entry.key, _value(entry))
    except UnknownKey as error:
        diagnostics.error(str(error), entry.span, hints=did_you_mean(entry.key.lower(), keys()))
        return
    except ConfigError as error:
        diagnostics.error(str(error), entry.span)
        return
    if warning is not None:
        diagnostics.warning(warning, entry.span)


def _value(entry: ast.ConfigEntry) -> int | bool | str:
    match entry.value:
        case ast.StringLiteral(value=data):
            return display(data.decode("latin-1"))
        case ast.Identifier(name=name):
            return name
        case literal:
            return literal.value
