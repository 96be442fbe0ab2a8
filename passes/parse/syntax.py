"""Parses a script with the grammar beside this file.

When the script does not parse as a whole, its items are parsed one by one, so that one run reports a syntax error of
each probe. What the attach points mean is not read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.source import Source, Span
from .brackets import items, too_deep

if TYPE_CHECKING:
    from .automaton import Unexpected
    from .tree import TreeBuilder

#: Levels of brackets, and of the tree. The passes behind this one walk the tree recursively.
MAXIMUM_DEPTH = 200
#: Operators in a row (`a || b || c`), and `else if`s: they make the tree deep and yet count as one level.
MAXIMUM_CHAIN = 1000
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
        return parse_file(source, 0, compilation.diagnostics)


def parse_file(source: Source, offset: int, diagnostics: Diagnostics) -> ast.Program:
    """The tree of the text from `offset` to the end of the source; without items after an error."""
    program = _parse("start", source.text[offset:], source, offset, diagnostics)
    if isinstance(program, ast.Program):
        return program
    return ast.Program(Span(offset, len(source.text)), source, (), (), (), (), (), (), ())


def parse_expression(text: str, source: Source, offset: int, diagnostics: Diagnostics) -> ast.Expression | None:
    """The tree of one expression, which stands at `offset` in the source; nothing after an error."""
    expression: ast.Expression | None = _parse("lone_expression", text, source, offset, diagnostics)
    return expression


def _parse(start: str, text: str, source: Source, offset: int, diagnostics: Diagnostics) -> Any:
    """What the rule `start` makes of the text, or nothing after an error."""
    from .automaton import Unexpected
    from .tables import automaton
    from .tree import TreeBuilder

    bracket = too_deep(text, MAXIMUM_DEPTH)
    if bracket is not None:
        diagnostics.error("syntax: nesting too deep", Span(offset + bracket, offset + bracket + 1))
        return None
    builder = TreeBuilder(source, offset, diagnostics)
    try:
        tree = automaton().parse(text, start, builder, offset)
    except Unexpected as error:
        if start != "start" or not _report_items(text, source, offset, diagnostics):
            _record(error, builder, source, offset, diagnostics)
        return None
    node = nested_too_deep(tree)
    if node is not None:
        diagnostics.error("syntax: nesting too deep", node.span)
        return None
    return tree


def _report_items(text: str, source: Source, offset: int, diagnostics: Diagnostics) -> int:
    """Records the first syntax error of every item, and says how many there are."""
    from .automaton import Unexpected
    from .tables import automaton
    from .tree import TreeBuilder

    found = 0
    for begin, end in items(text):
        builder = TreeBuilder(source, offset + begin, diagnostics)
        try:
            automaton().parse(text[begin:end], "start", builder, offset + begin)
        except Unexpected as error:
            _record(error, builder, source, offset + begin, diagnostics)
            found += 1
            if found == MAXIMUM_ERRORS:
                break
    return found


def _record(error: Unexpected, builder: TreeBuilder, source: Source, offset: int, diagnostics: Diagnostics) -> None:
    from .errors import describe, hints

    message, span = describe(error, source.text, offset, builder)
    diagnostics.error(f"syntax: {message}", span, hints=hints(error, source.text, offset))


def nested_too_deep(tree: ast.Node) -> ast.Node | None:
    """The first node below `MAXIMUM_DEPTH`, behind `MAXIMUM_CHAIN`, or that would be there more than `MAXIMUM_COPIES`
    times."""
    pending: list[tuple[ast.Node, int, int, int]] = [(tree, 0, 0, 1)]
    while pending:
        node, depth, chain, copies = pending.pop()
        if depth > MAXIMUM_DEPTH or chain > MAXIMUM_CHAIN or copies > MAXIMUM_COPIES:
            return node
        match node:
            case ast.Ternary(_, condition, then, otherwise) if then is condition:
                pending += [(condition, depth + 1, 0, copies * 2), (otherwise, depth + 1, 0, copies)]
            case ast.Binary(_, _, ast.Binary() as left, right):
                pending += [(left, depth, chain + 1, copies), (right, depth + 1, 0, copies)]
            case ast.If(_, condition, then, ast.Block(_, (), ast.If() as following)):
                pending += [(condition, depth + 1, 0, copies), (then, depth + 1, 0, copies)]
                pending.append((following, depth, chain + 1, copies))
            case _:
                pending.extend((child, depth + 1, 0, copies) for child in ast.children(node))
    return None
