"""Parses a script with the grammar beside this file.

The parser's tables are made once and kept in the user's cache. When the script does not parse as a whole, its probes are
parsed one by one, so that one run reports a syntax error of each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.source import Source, Span
from ...core.target.cache_directory import cache_directory

if TYPE_CHECKING:
    from lark import Lark

#: Levels of the tree. The passes behind this one walk it recursively.
MAXIMUM_DEPTH = 200

#: What can hide a brace: strings and comments.
_PIECES = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?|[{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ParseSyntax:
    """Source -> Program; attach points are not read yet."""

    name: str = "syntax"
    stage: str = "parse"

    def run(self, source: Source, compilation: Compilation) -> ast.Program:
        from lark.exceptions import UnexpectedInput

        diagnostics = compilation.diagnostics
        nothing = ast.Program(Span(0, len(source.text)), source, ())
        if _nesting(source.text) > 2 * MAXIMUM_DEPTH:
            diagnostics.error("syntax: nesting too deep")
            return nothing
        try:
            program = _parse(source, source.text, 0, diagnostics)
        except UnexpectedInput as error:
            _report(error, source, diagnostics)
            return nothing
        deepest = _too_deep(program)
        if deepest is not None:
            diagnostics.error("syntax: nesting too deep", deepest.span)
        return program


def _parse(source: Source, text: str, offset: int, diagnostics: Diagnostics) -> ast.Program:
    """Raises: lark's UnexpectedInput."""
    from .tree import TreeBuilder

    program: Any = parser(TreeBuilder(source, diagnostics, offset)).parse(text)
    result: ast.Program = program
    return result


def parser(builder: Any = None) -> Lark:
    """The grammar's parser; with a builder, its methods are called instead of making lark's own tree."""
    from lark import Lark

    path = os.path.join(os.path.dirname(__file__), "grammar.lark")
    with open(path, encoding="ascii") as file:
        grammar = file.read()
    directory = cache_directory()
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        transformer=builder,
        keep_all_tokens=True,
        maybe_placeholders=False,
        # lark keeps its tables as a pickle: only in a directory that nobody else can write.
        cache=os.path.join(directory, "grammar") if directory else False,
    )


def _report(error: Any, source: Source, diagnostics: Diagnostics) -> None:
    """Records the first syntax error of every probe, or `error` when each parses by itself."""
    from lark.exceptions import UnexpectedInput

    from .errors import describe

    found = False
    for begin, end in _probes(source.text):
        try:
            _parse(source, source.text[begin:end], begin, diagnostics)
        except UnexpectedInput as inner:
            message, span = describe(inner, source.text, begin)
            diagnostics.error(f"syntax: {message}", span)
            found = True
    if not found:
        message, span = describe(error, source.text, 0)
        diagnostics.error(f"syntax: {message}", span)


def _probes(text: str) -> Iterator[tuple[int, int]]:
    """Where each probe begins and ends, by its braces."""
    begin = depth = 0
    for piece in _PIECES.finditer(text):
        if piece.group() == "{":
            depth += 1
        elif piece.group() == "}":
            depth -= 1
            if depth <= 0:
                yield begin, piece.end()
                begin, depth = piece.end(), 0
    if text[begin:].strip():
        yield begin, len(text)


def _nesting(text: str) -> int:
    """How deep brackets nest, strings and comments included: a cheap upper bound before anything is parsed."""
    depth = deepest = 0
    for bracket in re.finditer(r"[(\[{]|[)\]}]", text):
        depth += 1 if bracket.group() in "([{" else -1
        deepest = max(deepest, depth)
    return deepest


def _too_deep(program: ast.Program) -> ast.Node | None:
    """The first node below `MAXIMUM_DEPTH`."""
    pending: list[tuple[ast.Node, int]] = [(program, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAXIMUM_DEPTH:
            return node
        pending.extend((child, depth + 1) for child in ast.children(node))
    return None
