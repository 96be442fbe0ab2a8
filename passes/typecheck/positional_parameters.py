"""Replaces `$1`, `$2`, ... and `$#` by literals: what the script was started with.

Inside `str` a parameter is always a string, elsewhere it is a number if it reads as one. Those in attach points are
part of a text that is cut at its colons later, so they are replaced there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass
from ...core.numbers import NumberError, parse_integer
from ...core.rewrite import rewrite

_LOWEST = -(1 << 63)

#: What a parameter looks like; a text without it has none.
_WRITTEN = re.compile(r"\$[0-9#]")


@dataclass(frozen=True, slots=True)
class ReplaceParameters:
    """Program -> Program without PositionalParameter and PositionalCount.

    The literal of a number keeps the parameter as its `text`, so that a message can say `Use str($1)`.
    """

    name: str = "positional-parameters"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        if not _WRITTEN.search(program.source.text):
            return program
        arguments = compilation.options.arguments
        texts: set[ast.Node] = set()

        def enter(node: ast.Node) -> bool:
            match node:
                case ast.Call(name="str", arguments=(first, *_)):
                    texts.add(first.left if isinstance(first, ast.Binary) and first.operator == "+" else first)
            return True

        def leave(node: ast.Node, written: ast.Node) -> ast.Node:
            match node:
                case ast.PositionalCount(span):
                    return ast.IntegerLiteral(span, len(arguments), "$#")
                case ast.PositionalParameter(span, number):
                    text = _argument(arguments, number)
                    if written in texts:
                        return ast.StringLiteral(span, os.fsencode(text))
                    if not text:
                        message = f"Positional parameter ${number} is empty or not provided."
                        compilation.diagnostics.warning(message, span)
                        return ast.IntegerLiteral(span, 0, f"${number}")
                    value = integer(text)
                    if value is None:
                        return ast.StringLiteral(span, os.fsencode(text))
                    return ast.IntegerLiteral(span, value, f"${number}")
            return node

        return rewrite(program, leave, enter)


def _argument(arguments: Sequence[str], number: int) -> str:
    return arguments[number - 1] if number <= len(arguments) else ""


def integer(text: str) -> int | None:
    """The value of a number with or without a minus sign; None when it is none, or more than 64 bits hold."""
    try:
        value = parse_integer(text.removeprefix("-"))
    except NumberError:
        return None
    if not text.startswith("-"):
        return value
    return -value if -value >= _LOWEST else None


def quoting_hint(node: ast.Node) -> tuple[str, ...]:
    """What to do where a string is needed and a parameter is a number."""
    if isinstance(node, ast.IntegerLiteral) and node.text.startswith("$") and node.text != "$#":
        return (f"Use str({node.text}) to treat {node.text} as a string",)
    return ()
