"""Numbers and strings as JSON, for everything that is written as JSON by hand.

The standard module is not used: strings are bytes that need not be UTF-8, and big numbers have a rule of their own.
"""

from __future__ import annotations

_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t",
}  # fmt: skip


def json_string(text: bytes) -> str:
    """A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD."""
    return f'"{text.decode("utf-8", "replace").translate(_ESCAPES)}"'


def json_integer(value: int) -> str:
    """A number, or a string when a double cannot hold it exactly and readers would round it."""
    return str(value) if int(float(value)) == value else f'"{value}"'
