"""How the bytes of a string are spelled in a script."""

from __future__ import annotations

import re

_SIMPLE = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ODD = re.compile(r'[^ !#-\[\]-~]')


def string_text(value: bytes) -> str:
    """A literal of these bytes, one character for each byte; what is printable UTF-8 stays as it is."""
    return f'"{"".join(map(_spelled, value.decode("utf-8", "surrogateescape")))}"'


def _spelled(character: str) -> str:
    if not _ODD.match(character):
        return character
    if character in _SIMPLE:
        return _SIMPLE[character]
    data = character.encode("utf-8", "surrogateescape")
    if character.isprintable():
        return data.decode("latin-1")
    return "".join(f"\\x{byte:02x}" for byte in data)
