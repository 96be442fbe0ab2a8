"""Which macros there are, and which of them a call means.

Several macros may share a name as long as none of them takes the parameters of a later one for arguments; a call means
the first that takes its arguments. What an expansion looks like is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core import ast
from ...core.diagnostics import Diagnostics, Note
from ...core.source import Span

_PARAMETER_KINDS: dict[type[ast.Node], str] = {ast.Variable: "Variable", ast.Map: "Map", ast.Identifier: "Ident"}
_ARTICLES = {"map": "a map", "variable": "a variable", "expression": "an expression"}


class MacroTable:
    """The macros of a program by name. Definitions that are no good are reported when the table is made."""

    def __init__(self, macros: Sequence[ast.Macro], diagnostics: Diagnostics) -> None:
        self._diagnostics = diagnostics
        self._macros: dict[str, list[ast.Macro]] = {}
        for macro in macros:
            self._define(macro)

    def _define(self, macro: ast.Macro) -> None:
        seen: set[str] = set()
        for parameter in macro.parameters:
            if parameter.name in seen:
                kind = _PARAMETER_KINDS[type(parameter)]
                message = f"{kind} for macro argument has already been used: {parameter.name}"
                self._diagnostics.error(message, parameter.span)
            seen.add(parameter.name)
        others = self._macros.setdefault(macro.name, [])
        original = next((other for other in others if _takes(other, macro.parameters)), None)
        if original is not None:
            note = Note("This is the original definition.", original.span)
            self._diagnostics.error(f"Redefinition of macro: {macro.name}", macro.span, notes=[note])
            return
        others.append(macro)

    def has(self, name: str) -> bool:
        return name in self._macros

    def find(self, name: str, arguments: Sequence[ast.Node], span: Span) -> ast.Macro | None:
        """The macro that a call at `span` means; without one the mismatch is reported."""
        macros = self._macros[name]
        for macro in macros:
            if _takes(macro, arguments):
                return macro
        self._diagnostics.error(
            f"Call to {name}() has arguments that do not match any definition.",
            span,
            notes=[_mismatch(macros, arguments)],
        )
        return None


def _kind(node: ast.Node) -> str:
    match node:
        case ast.Map(keys=()):
            return "map"
        case ast.Variable():
            return "variable"
    return "expression"


def _wrong(macro: ast.Macro, arguments: Sequence[ast.Node]) -> tuple[ast.Node, ast.Node] | None:
    """The first parameter that does not take its argument, and the argument."""
    for parameter, argument in zip(macro.parameters, arguments, strict=True):
        wanted = _kind(parameter)
        if wanted not in ("expression", _kind(argument)):
            return parameter, argument
    return None


def _takes(macro: ast.Macro, arguments: Sequence[ast.Node]) -> bool:
    return len(macro.parameters) == len(arguments) and _wrong(macro, arguments) is None


def _mismatch(macros: Sequence[ast.Macro], arguments: Sequence[ast.Node]) -> Note:
    """Why the closest of the macros does not fit: the first with as many parameters, else the nearest number."""
    closest = min(macros, key=lambda macro: abs(len(macro.parameters) - len(arguments)))
    expected = len(closest.parameters)
    if expected != len(arguments):
        return Note(
            f"The closest definition of {closest.name}() has a different number of arguments. "
            f"Expected: {expected} but got {len(arguments)}",
            closest.span,
        )
    wrong = _wrong(closest, arguments)
    assert wrong is not None, "the call would have matched"
    parameter, argument = wrong
    assert isinstance(parameter, ast.Variable | ast.Map)
    return Note(
        f"Mismatched arg. {closest.name}() expects {_ARTICLES[_kind(parameter)]} for arg {parameter.name} "
        f"but got {_ARTICLES[_kind(argument)]}.",
        argument.span,
    )
