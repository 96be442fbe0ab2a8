"""Bytes that others have chosen, made fit for a terminal.

What a traced process puts into its name or its files must not be able to drive the terminal that shows it. This knows
nothing of where text goes; who writes decides what is traced data and whether a terminal may get to see it.
"""

from __future__ import annotations

#: The bytes that a terminal only shows, or that begin a new line or column.
PLAIN = bytes((0x09, 0x0A, *range(0x20, 0x7F)))

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F) if code not in PLAIN} | {
    code: f"\\xc2\\x{code:02x}" for code in range(0x80, 0xA0)
}


def guarded(text: bytes) -> bytes:
    """The text with `\\xNN` in place of each byte that is of a control character (C0 but line feed and tab, DEL, C1) or
    not of UTF-8, where a terminal may take single bytes for C1."""
    if not text.translate(None, PLAIN):
        return text
    return text.decode("utf-8", "backslashreplace").translate(_ESCAPES).encode()


def guarded_message(text: str) -> str:
    """The same of a text in which bytes that are not UTF-8 are surrogates."""
    return guarded(text.encode("utf-8", "surrogateescape")).decode()
