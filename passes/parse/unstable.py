"""Asks the configuration about features of the language that may still change.

Every such feature has a key `unstable_<feature>`: 'enable' says nothing, 'warn' warns once, 'error' refuses each use.
Imports inside of blocks have a key as well, which the pass that resolves them asks.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass

_FEATURES = {"tseries": "tseries", "dw_ustack": "dw_ustack", "__builtin_dw_ustack": "dw_ustack"}


@dataclass(frozen=True, slots=True)
class CheckUnstable:
    """A check: Program stays as it is."""

    name: str = "unstable"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not ast.mentions(program, *_FEATURES, "typeinfo"):
            return program
        for node in ast.walk(program):
            feature = _feature(node)
            if feature is None:
                continue
            key = f"unstable_{feature}"
            choice = getattr(compilation.config, key)
            if choice == "warn":
                # Without a place it is equal to the warning for the next use, and is kept once.
                compilation.diagnostics.warning(
                    f"Script is using an unstable feature: {feature}. To prevent this warning you must explicitly "
                    f"enable it in the config e.g. {key}=enable"
                )
            elif choice == "error":
                compilation.diagnostics.error(
                    f"{feature} feature is not enabled by default. To enable this unstable feature, set the config "
                    f"flag to enable. {key}=enable",
                    node.span,
                )
        return program


def _feature(node: ast.Node) -> str | None:
    match node:
        case ast.Call(name=name) | ast.Identifier(name=name):
            return _FEATURES.get(name)
        case ast.TypeInfo():
            return "typeinfo"
    return None
