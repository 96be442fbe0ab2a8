"""Finds the characters that a regular expression's matches can begin with.

The lexer tries only the terminals that can begin with the character at hand. It is used when tables are made, never
when a script is parsed.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

_ALL = frozenset(map(chr, range(256)))


def first_characters(pattern: str) -> str:
    """Those of the first 256 characters that a match can begin with; none that it can is left out.

    The match of the pattern must not be empty.
    """
    # The standard library's own reader of patterns has no public name.
    found, _ = _sequence(list(import_module("re._parser").parse(pattern, re.ASCII)))
    return "".join(sorted(found))


def _sequence(items: list[Any]) -> tuple[frozenset[str], bool]:
    """What the sequence can begin with, and whether it can be empty."""
    found: frozenset[str] = frozenset()
    for item in items:
        first, can_be_empty = _item(str(item[0]), item[1])
        found |= first
        if not can_be_empty:
            return found, False
    return found, True


def _item(kind: str, argument: Any) -> tuple[frozenset[str], bool]:
    match kind:
        case "LITERAL":
            return frozenset(chr(argument)), False
        case "NOT_LITERAL":
            return _ALL - {chr(argument)}, False
        case "IN":
            return _class(argument), False
        case "SUBPATTERN":
            return _sequence(list(argument[-1]))
        case "BRANCH":
            branches = [_sequence(list(branch)) for branch in argument[1]]
            return frozenset().union(*(first for first, _ in branches)), any(empty for _, empty in branches)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            first, can_be_empty = _sequence(list(argument[2]))
            return first, can_be_empty or argument[0] == 0
        case "ASSERT" | "ASSERT_NOT" | "AT":
            return frozenset(), True
    return _ALL, False


def _class(items: list[tuple[Any, Any]]) -> frozenset[str]:
    found: set[str] = set()
    for kind, argument in items:
        match str(kind):
            case "LITERAL":
                found.add(chr(argument))
            case "RANGE":
                found.update(map(chr, range(argument[0], min(argument[1], 255) + 1)))
            case "CATEGORY" if str(argument) == "CATEGORY_WORD":
                found.update(c for c in _ALL if re.match(r"\w", c, re.ASCII))
            case "NEGATE":
                pass
            case _:
                return _ALL
    negated = any(str(kind) == "NEGATE" for kind, _ in items)
    return _ALL - found if negated else frozenset(found)
