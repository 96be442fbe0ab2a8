"""Finds a script's brackets without parsing it: how deep they nest, and where each item begins and ends.

Used before the parser, to refuse what is nested too deep, and behind it, to go on after an error. It knows what can
hide a bracket (strings, comments, attach points) and no more of the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
_BETWEEN_ITEMS = (";", " ", "\t", "\r", "\n")
_BRACKET = re.compile(r"[()\[\]{}]")
_SKIPPED = r'"(?:\\.|[^"\\\n])*(?P<closed>")?|//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?'
_IN_BODY = re.compile(rf"{_SKIPPED}|{_BRACKET.pattern}")
#: Outside of bodies `//` and `/*` can be part of a path.
_PATH = r'[^ \t\r\n(){}\[\],/":]+(?::(?:[^ \t\r\n{,"]|"(?:\\.|[^"\\\n])*")*)?'
_C_LINE = r"#(?:\\\r?\n|[^\n])*"
_BETWEEN_BODIES = re.compile(rf"{_C_LINE}|{_PATH}|{_IN_BODY.pattern}")


def too_deep(text: str, limit: int) -> int | None:
    """Where the first bracket opens that is inside of `limit` others."""
    depth = 0
    for bracket, at in _brackets(text):
        if bracket in _CLOSING:
            depth = max(0, depth - 1)
        elif depth == limit:
            return at
        else:
            depth += 1
    return None


def items(text: str) -> Iterator[tuple[int, int]]:
    """(begin, end) of each probe or other item with braces, with all that stands before it.

    What follows the last one comes last, if it is not blank.
    A `;` behind an item belongs to none.
    """
    begin = depth = 0
    for bracket, at in _brackets(text):
        if bracket == "{":
            depth += 1
        elif bracket == "}":
            depth -= 1
            if depth <= 0:
                yield begin, at + 1
                begin, depth = at + 1, 0
                while text[begin : begin + 1] in _BETWEEN_ITEMS:
                    begin += 1
    if text[begin:].strip():
        yield begin, len(text)


def _brackets(text: str) -> Iterator[tuple[str, int]]:
    braces = at = 0
    while found := (_IN_BODY if braces else _BETWEEN_BODIES).search(text, at):
        at = found.end()
        # A string that is not closed hides nothing: what ends the probe is likely to be in its line.
        is_open = found.group().startswith('"') and not found["closed"]
        for bracket in _BRACKET.finditer(text, found.start(), at) if is_open else (found,):
            piece = bracket.group()
            if piece in _OPENING or piece in _CLOSING:
                braces = max(0, braces + (piece == "{") - (piece == "}"))
                yield piece, bracket.start()
