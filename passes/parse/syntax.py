"""Parses a script with the grammar beside this file.

When the script does not parse as a whole, its probes are parsed one by one, so that one run reports a syntax error of
each. What the attach points mean is not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.source import Source, Span
from .brackets import probes, too_deep

if TYPE_CHECKING:
    from lark import Lark

    from .tree import TreeBuilder

#: Levels of brackets, and of the tree. The passes behind this one walk the tree recursively.
MAXIMUM_DEPTH = 200
#: `a ?: b` has `a` twice in the tree, so nested ones double it at every level.
MAXIMUM_COPIES = 16
#: Probes whose syntax errors are reported. What has more is not a script but, say, a program.
MAXIMUM_ERRORS = 100


@dataclass(frozen=True, slots=True)
class ParseSyntax:
    """Source -> Program; attach points are not read yet."""

    name: str = "syntax"
    stage: str = "parse"

    def run(self, source: Source, compilation: Compilation) -> ast.Program:
        from lark.exceptions import UnexpectedInput

        from .tables import parser
        from .tree import TreeBuilder

        diagnostics = compilation.diagnostics
        nothing = ast.Program(Span(0, len(source.text)), source, ())
        bracket = too_deep(source.text, MAXIMUM_DEPTH)
        if bracket is not None:
            diagnostics.error("syntax: nesting too deep", Span(bracket, bracket + 1))
            return nothing
        builder = TreeBuilder(source, diagnostics)
        tables = parser(builder)
        try:
            program: ast.Program = tables.parse(source.text)  # type: ignore[assignment]  # the builder's, not lark's tree
        except UnexpectedInput as error:
            _report(error, tables, builder, source, diagnostics)
            return nothing
        node = _too_deep(program)
        if node is not None:
            diagnostics.error("syntax: nesting too deep", node.span)
            return nothing
        return program


def _report(error: Exception, tables: Lark, builder: TreeBuilder, source: Source, diagnostics: Diagnostics) -> None:
    """Records the first syntax error of every probe, or `error` when each parses by itself."""
    from lark.exceptions import UnexpectedInput

    found = 0
    for begin, end in probes(source.text):
        builder.offset = begin
        try:
            tables.parse(source.text[begin:end])
        except UnexpectedInput as inner:
            _record(inner, builder, source, diagnostics)
            found += 1
            if found == MAXIMUM_ERRORS:
                break
    if not found:
        builder.offset = 0
        _record(error, builder, source, diagnostics)


def _record(error: Exception, builder: TreeBuilder, source: Source, diagnostics: Diagnostics) -> None:
    from .errors import describe

    message, span = describe(error, source.text, builder)
    diagnostics.error(f"syntax: {message}", span)


def _too_deep(program: ast.Program) -> ast.Node | None:
    """The first node below `MAXIMUM_DEPTH`, or that would be there more than `MAXIMUM_COPIES` times."""
    pending: list[tuple[ast.Node, int, int]] = [(program, 0, 1)]
    while pending:
        node, depth, copies = pending.pop()
        if depth > MAXIMUM_DEPTH or copies > MAXIMUM_COPIES:
            return node
        if isinstance(node, ast.Ternary) and node.then is node.condition:
            pending += [(node.condition, depth + 1, copies * 2), (node.otherwise, depth + 1, copies)]
        else:
            pending.extend((child, depth + 1, copies) for child in ast.children(node))
    return None
