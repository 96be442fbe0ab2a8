"""Checks what can be said of names and calls before any type is known: that they exist, how many arguments they take.

Everything that depends on types is asked of the functions themselves during inference.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import did_you_mean
from ...core.frozen import dataclass
from ...core.function import Aggregation, Signature
from .matched import MatchedProgram


@dataclass(frozen=True, slots=True)
class CheckCalls:
    """A check: MatchedProgram stays as it is."""

    name: str = "check-calls"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> MatchedProgram:
        for probe in matched.program.probes:
            _check(probe, compilation)
        return matched


def _check(probe: ast.Probe, compilation: Compilation) -> None:
    words: set[ast.Node] = set()
    assigned = {
        node.value
        for node in ast.walk(probe)
        if isinstance(node, ast.Assignment) and isinstance(node.target, ast.Map) and node.operator is None
    }
    for node in ast.walk(probe):
        match node:
            case ast.Call(name=name, arguments=arguments):
                function = compilation.functions.get(name)
                if function is None or not function.callable:
                    hints = did_you_mean(name, compilation.functions.names())
                    compilation.diagnostics.error(f"Unknown function: '{name}'", node.span, hints=hints)
                    continue
                words |= {arguments[i] for i in function.signature.words if i < len(arguments)}
                wrong = count_error(name, function.signature, len(arguments))
                if wrong:
                    compilation.diagnostics.error(wrong, node.span)
                if isinstance(function, Aggregation) and node not in assigned:
                    compilation.diagnostics.error(f"{name}() must be assigned directly to a map", node.span)
            case ast.Identifier(name=name) if node not in words:
                function = compilation.functions.get(name)
                if function is None or not function.bare:
                    bare = [n for n in compilation.functions.names() if _is_bare(n, compilation)]
                    compilation.diagnostics.error(
                        f"Unknown identifier: '{name}'", node.span, hints=did_you_mean(name, bare)
                    )


def _is_bare(name: str, compilation: Compilation) -> bool:
    function = compilation.functions.get(name)
    return function is not None and function.bare


def count_error(name: str, signature: Signature, given: int) -> str | None:
    """The text for a wrong number of arguments, or None."""
    low, high = signature.minimum, signature.maximum
    if low <= given <= high:
        return None
    amount = {0: "no arguments", 1: "one argument"}
    if low == high:
        wanted = amount.get(low, f"{low} arguments")
        return f"{name}() requires {wanted} ({given} provided)"
    if given < low:
        wanted = amount.get(low, f"{low} arguments")
        return f"{name}() requires at least {wanted} ({given} provided)"
    wanted = amount.get(high, f"{high} arguments")
    return f"{name}() takes up to {wanted} ({given} provided)"
