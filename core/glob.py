"""The wildcard of attach points: `*` stands for any text, and nothing else is special.

Unlike shell globbing: `?` and brackets are ordinary characters in names of functions and events.
"""

from __future__ import annotations

import re


def has_wildcard(text: str) -> bool:
    """True where a name asks for several things: it has a `*`, or brackets like a set's (which then match nothing)."""
    return "*" in text or ("[" in text and "]" in text)


def glob(pattern: str) -> re.Pattern[str]:
    """A pattern whose `fullmatch` accepts the names that `pattern` stands for."""
    first, *rest = (re.escape(piece) for piece in pattern.split("*"))
    if not rest:
        return re.compile(first)
    *middle, last = rest
    # The earliest place is as good as any for a piece in the middle; atomic groups keep many `*` from backtracking.
    return re.compile(first + "".join(f"(?>.*?{piece})" for piece in middle) + ".*" + last, re.DOTALL)
