"""Which macros there are, and which of them a call means.

Several macros may share a name as long as none of them takes the parameters of a later one for arguments; a call means
the one that says most about its arguments. The library's macros stand behind the script's, and a function of the same
name behind both. What an expansion looks like is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core import ast
from ...core.diagnostics import Diagnostics, Note
from ...core.function import Function
from ...core.registry import Registry
from ...core.source import Source
from .library_files import LibraryFiles

_PARAMETER_KINDS: dict[type[ast.Node], str] = {ast.Variable: "Variable", ast.Map: "Map", ast.Identifier: "Ident"}
_ARTICLES = {"map": "a map", "variable": "a variable", "expression": "an expression"}


class MacroTable:
    """The macros of a program and of the library by name. Definitions that are no good are reported when the table is
    made, those of the library when their name is first used."""

    def __init__(
        self,
        macros: Sequence[ast.Macro],
        library: LibraryFiles,
        functions: Registry[Function],
        diagnostics: Diagnostics,
    ) -> None:
        self._library = library
        self._functions = functions
        self._diagnostics = diagnostics
        self._macros: dict[str, list[ast.Macro]] = {}
        self._library_macros: dict[str, list[ast.Macro]] = {}
        for macro in macros:
            self._define(macro, self._macros)

    @property
    def source(self) -> Source:
        """The script with the library's files that were needed so far."""
        return self._library.source

    def _define(self, macro: ast.Macro, table: dict[str, list[ast.Macro]]) -> None:
        seen: set[str] = set()
        for parameter in macro.parameters:
            if parameter.name in seen:
                kind = _PARAMETER_KINDS[type(parameter)]
                message = f"{kind} for macro argument has already been used: {parameter.name}"
                self._diagnostics.error(message, parameter.span)
            seen.add(parameter.name)
        others = table.setdefault(macro.name, [])
        original = next((other for other in others if _takes(other, macro.parameters)), None)
        if original is not None:
            note = Note("This is the original definition.", original.span)
            self._diagnostics.error(f"Redefinition of macro: {macro.name}", macro.span, notes=[note])
            return
        others.append(macro)

    def has(self, name: str, *, in_library: bool) -> bool:
        """Whether there are macros of the name; the script's own are not seen from inside of the library."""
        return (not in_library and name in self._macros) or self._library.has(name)

    def find(
        self, node: ast.Call | ast.Identifier, arguments: Sequence[ast.Node], *, in_library: bool
    ) -> ast.Macro | None:
        """The macro that a call means. None when it means something else, or nothing, which is reported.

        A bare word without parentheses means a library macro only if there is one without parameters.
        """
        own = [] if in_library else self._macros.get(node.name, [])
        library = self._from_library(node.name)
        fitting = [macro for macro in (*own, *library) if _takes(macro, arguments)]
        if fitting:
            return max(fitting, key=_says)  # the first of those that say as much
        if self._is_function(node, len(arguments)) or (not own and isinstance(node, ast.Identifier)):
            return None
        macros = [*own, *library]
        if macros:
            self._diagnostics.error(
                f"Call to {node.name}() has arguments that do not match any definition.",
                node.span,
                notes=[_mismatch(macros, arguments)],
            )
        return None

    def is_value(self, word: str) -> bool:
        """Whether a function of the name is called by its bare name as well as with parentheses."""
        function = self._functions.get(word)
        return function is not None and function.bare and function.callable

    def _from_library(self, name: str) -> list[ast.Macro]:
        if name not in self._library_macros:
            self._library_macros[name] = []
            for macro in self._library.macros(name):
                self._define(macro, self._library_macros)
        return self._library_macros[name]

    def _is_function(self, node: ast.Call | ast.Identifier, given: int) -> bool:
        """Whether there is a function of the name that takes as many arguments."""
        function = self._functions.get(node.name)
        if function is None:
            return False
        if isinstance(node, ast.Identifier):
            return function.bare
        return function.callable and function.signature.minimum <= given <= function.signature.maximum


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


def _says(macro: ast.Macro) -> int:
    """How many parameters take one kind of argument only."""
    return sum(not isinstance(parameter, ast.Identifier) for parameter in macro.parameters)


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
