"""What a demangled function may be called by people who trace it: without parameters, return type or Rust's hash.

This file must not know of mangled names or symbol tables. Facts: Itanium C++ ABI, section 5.1; RFC 2603 for Rust's
names before its v0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: What can stand behind a parameter list: qualifiers of a member function, and marks of GCC's variants of a function.
_QUALIFIERS = (" const", " volatile", " &", " &&", " noexcept")
_CLONE = " [clone "
_THUNKS = ("non-virtual thunk to ", "virtual thunk to ", "covariant return thunk to ", "transaction clone for ")
_OPERATOR = re.compile(r"\boperator\b")
_OPEN, _CLOSE = "(<[{", ")>]}"
#: Rust's names of the older kind end in a hash, and spell what C++ has no letter for.
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_RUST_UNDERSCORE = re.compile(r"(?:(?<=::)|^)_(?=\$)")  # in front of what begins with no letter
_RUST_ESCAPE = re.compile(r"\$(SP|BP|RF|LT|GT|LP|RP|C)\$|\$u([0-9a-f]{1,6})\$|(?<!\.)(\.\.)(?!\.)")
_RUST_SIGNS = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}


def has_escapes(text: str) -> bool:
    """Whether a spelling can have what the text itself has not."""
    return "$" in text or ".." in text


def spellings(text: str) -> Iterator[str]:
    """What a demangled function may be called without its parameter list; parts of `text`, except for Rust's escapes.

    An instance of a template also without its return type, which only those show; a Rust function without its hash.
    """
    bare = _without_parameters(text)
    yield bare
    if bare.endswith(">") and not bare.startswith(_THUNKS):
        start = _name_start(bare)
        if start:
            yield bare[start:]
    if _RUST_HASH.search(bare):
        yield _RUST_ESCAPE.sub(_rust_sign, _RUST_UNDERSCORE.sub("", _RUST_HASH.sub("", bare)))


def _without_parameters(text: str) -> str:
    end = text.find(_CLONE)
    head = text if end < 0 else text[:end]
    while head.endswith(_QUALIFIERS):
        head = head[: head.rindex(" ")]
    if not head.endswith(")"):
        return text
    start = head.rfind("(")
    while start >= 0 and head.count("(", start) != head.count(")", start):
        start = head.rfind("(", 0, start)
    return text if start < 0 else head[:start]


def _name_start(bare: str) -> int:
    """Where the name begins behind a return type: after the last blank outside of brackets, operators left out."""
    operator = _OPERATOR.search(bare)
    start = depth = 0
    for at, sign in enumerate(bare[: operator.start()] if operator else bare):
        if sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == " " and not depth:
            start = at + 1
    return start


def _rust_sign(escape: re.Match[str]) -> str:
    sign, code, _ = escape.groups()
    if sign:
        return _RUST_SIGNS[sign]
    if code:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else escape[0]
    return "::"
