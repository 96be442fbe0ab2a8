"""DWARF types written as in C: `const char *`, `struct sock *`, `int (*)(void *)`. Only for people to read."""

from __future__ import annotations

from . import dwarf_constants as dw
from .dwarf_types import ADDRESSES, COMPOSITES, MAX_DEPTH, QUALIFIERS, is_function, stripped
from .dwarf_units import Entry

_MAX_PARAMETERS = 32


def c_text(entry: Entry | None, depth: int = 0) -> str:
    """The type of an entry; no entry stands for void. A blank stands between a type and each star of it."""
    if entry is None:
        return "void"
    if depth > MAX_DEPTH:
        return "..."
    inner = entry.reference(dw.AT_TYPE)
    if entry.tag in QUALIFIERS:
        word, text = QUALIFIERS[entry.tag], c_text(inner, depth + 1)
        if not word:
            return text
        under = stripped(inner) if inner is not None and inner.tag != dw.TAG_TYPEDEF else None
        return f"{text} {word}" if under is not None and under.tag in ADDRESSES else f"{word} {text}"
    if entry.tag in ADDRESSES:
        star = ADDRESSES[entry.tag]
        if inner is not None and inner.tag == dw.TAG_SUBROUTINE_TYPE:
            return _function(inner, star, depth)
        return f"{c_text(inner, depth + 1)} {star}"
    name = entry.string(dw.AT_NAME)
    if entry.tag in COMPOSITES or entry.tag == dw.TAG_ENUMERATION:
        word = COMPOSITES.get(entry.tag, "enum")
        return f"{word} {name}" if name else word
    if entry.tag == dw.TAG_ARRAY:
        return f"{c_text(inner, depth + 1)}[]"
    if is_function(entry) and not name:
        return _function(entry, "", depth)
    return name or "void"


def _function(entry: Entry, star: str, depth: int) -> str:
    parameters = [
        "..." if child.tag == dw.TAG_UNSPECIFIED_PARAMETERS else c_text(child.reference(dw.AT_TYPE), depth + 8)
        for child in entry.children()
        if child.tag in (dw.TAG_PARAMETER, dw.TAG_UNSPECIFIED_PARAMETERS)
    ]
    shown = ", ".join(parameters[:_MAX_PARAMETERS]) or "void"
    return f"{c_text(entry.reference(dw.AT_TYPE), depth + 8)} ({star})({shown})"
