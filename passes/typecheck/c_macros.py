"""Replaces identifiers that the C preamble has `#define`d by what they stand for.

A macro's text is parsed as an expression of the script's language. Where the preamble comes from, and what its types
are, is known to the C types alone.
"""

from __future__ import annotations

from collections.abc import Container

from ...core import ast
from ...core.c_types import CTypes
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.rewrite import moved, rewrite
from ...core.source import Source
from ..parse.syntax import nested_too_deep, parse_expression

#: Nodes that all macros of a script may be replaced by together, and how many macros one may be inside of.
MAXIMUM_NODES, MAXIMUM_MACROS = 100_000, 64
_WORDS = {"args", "ctx"}


@dataclass(frozen=True, slots=True)
class ExpandCMacros:
    """Program -> Program without the names of object-like C macros.

    The language's own words and functions come before C, and a name where a type may stand (`sizeof(name)`) is none.
    """

    name: str = "c-macros"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        c_types, functions = compilation.c_types, compilation.functions
        if not program.preamble and not compilation.options.include_files:
            return program
        known = {name for name in functions.names() if (f := functions.get(name)) is not None and f.bare}
        expander = _Expander(c_types, known | _WORDS, compilation.diagnostics)
        expanded = rewrite(program, expander.leave, expander.enter)
        node = None if expanded is program else nested_too_deep(expanded)
        if node is not None:
            compilation.diagnostics.error("macro expansion nests too deep", node.span)
        return expanded


class _Expander:
    def __init__(self, c_types: CTypes, known: Container[str], diagnostics: Diagnostics) -> None:
        self._c_types = c_types
        self._known = known
        self._diagnostics = diagnostics
        self._chain: list[str] = []
        self._types: set[ast.Node] = set()
        self._nodes = 0
        self._too_large = False
        self._parsed: dict[str, ast.Expression | None] = {}

    def enter(self, node: ast.Node) -> bool:
        match node:
            case ast.SizeOf(operand=operand) | ast.OffsetOf(operand=operand) | ast.TypeInfo(operand=operand) | (
                ast.TypeOf(operand=operand)
            ):
                self._types.add(operand)
        return True

    def leave(self, node: ast.Node, written: ast.Node) -> ast.Node:
        if not isinstance(node, ast.Identifier) or written in self._types or node.name in self._known:
            return node
        text = self._c_types.macro(node.name)
        return node if text is None else self._expand(node, text)

    def _expand(self, node: ast.Identifier, text: str) -> ast.Node:
        if node.name in self._chain:
            self._diagnostics.error(f"Macro recursion: {'->'.join(self._chain)}", node.span)
            return node
        if text not in self._parsed:
            self._parsed[text] = _parsed(text)
        expression = self._parsed[text]
        if expression is None:
            self._diagnostics.error(f"unable to expand macro as an expression: {text}", node.span)
            return node
        self._nodes += sum(1 for _ in ast.walk(expression))
        if self._nodes > MAXIMUM_NODES or len(self._chain) == MAXIMUM_MACROS:
            if not self._too_large:
                self._diagnostics.error("macro expansion is too large", node.span)
            self._too_large = True
            return node
        self._chain.append(node.name)
        # All of it stands where the name stands in the script: the text itself is in no file of ours.
        result = rewrite(moved(expression, node.span), self.leave, self.enter)
        self._chain.pop()
        return result


def _parsed(text: str) -> ast.Expression | None:
    silent = Diagnostics()
    expression = parse_expression(text, Source("", text), 0, silent) if text else None
    return None if silent.failed else expression
