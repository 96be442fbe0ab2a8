"""Rust's names as rustc made them before the form that begins with `_R`: they look like C++.

Source: rustc's documentation "Legacy Symbol Mangling". This file must not know of symbol tables.
"""

from __future__ import annotations

import re

#: `_ZN`, lengths and parts, the last of which is the letter h and 16 hex digits, then perhaps what LLVM has added.
_LEGACY = re.compile(r"_{1,2}ZN((?:\d+[^\s]+)?)17h[0-9a-f]{16}E((?:\.[\w.$]+)?)")
_LEGACY_PART = re.compile(r"([1-9]\d*)")
_ESCAPE = re.compile(r"\$(SP|BP|RF|LT|GT|LP|RP|C|u[0-9a-f]{1,6})\$|\.\.")
_SIGNS = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}


def demangle_legacy(name: str) -> str | None:
    """The path of a Rust function without its hash; None for other names."""
    match = _LEGACY.fullmatch(name)
    if match is None:
        return None
    mangled = match[1]
    parts, at = [], 0
    while at < len(mangled):
        length = _LEGACY_PART.match(mangled, at)
        if length is None:
            return None
        at = length.end() + int(length[1][:6])
        part = mangled[length.end() : at]
        if at > len(mangled):
            return None
        parts.append(_ESCAPE.sub(_sign, part[1:] if part.startswith("_$") else part))
    return "::".join(parts) if parts else None


def _sign(escape: re.Match[str]) -> str:
    word = escape[1]
    if word is None:
        return "::"
    if word in _SIGNS:
        return _SIGNS[word]
    code = int(word[1:], 16)
    return chr(code) if 0x20 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else escape[0]
