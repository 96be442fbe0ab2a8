"""The escapes of string literals. Text has one character per byte, and so has what comes out."""

from __future__ import annotations

import re

from ...core.source import printable

_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{0,2})|([\xc2-\xf4][\x80-\xbf]+|.))", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class EscapeError(ValueError):
    """An escape sequence that is none: `at` characters into the literal, `length` characters long."""

    def __init__(self, message: str, at: int, length: int) -> None:
        super().__init__(message)
        self.at = at
        self.length = length


def unescape(text: str) -> bytes:
    """The bytes of a literal's text without its quotes. Raises: EscapeError."""
    if "\\" not in text:
        return text.encode("latin-1")

    def replace(found: re.Match[str]) -> str:
        octal, hexadecimal, other = found.groups()
        length = len(found.group())
        if octal is not None:
            if int(octal, 8) > 255:
                raise EscapeError("octal escape sequence out of range", found.start(), length)
            return chr(int(octal, 8))
        if hexadecimal is not None:
            if not hexadecimal:
                raise EscapeError("invalid hex escape sequence", found.start(), length)
            return chr(int(hexadecimal, 16))
        if other not in _SIMPLE:
            raise EscapeError(f"invalid escape character '\\{printable(other)}'", found.start(), length)
        return _SIMPLE[other]

    return _ESCAPE.sub(replace, text).encode("latin-1")
