"""Numbers and strings as JSON, for everything that is written as JSON by hand.

The standard module is not used: strings are bytes that need not be UTF-8, and big numbers have a rule of their own.
"""

from __future__ import annotations

_ESCAPES = {code: f"\\u{code:04x}" for code in range(0x20)} | {
    ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t",
} | {code: f"\\u{code:04x}" for code in range(0x80, 0xA0)}  # fmt: skip


def json_string(text: bytes) -> str:
    """A JSON string with its quotes. Bytes that are not UTF-8 are shown as `\\xNN`; text that has those very signs
    already looks the same. Control characters, those of C1 too, are escaped, so that a terminal shows the line and
    nothing else."""
    return f'"{text.decode("utf-8", "backslashreplace").translate(_ESCAPES)}"'


def json_text(text: str) -> str:
    """The same of text in which bytes that are not UTF-8 are surrogates."""
    return json_string(text.encode("utf-8", "surrogateescape"))


def json_integer(value: int) -> str:
    """A number, or a string when a double cannot hold it exactly and readers would round it."""
    return str(value) if int(float(value)) == value else f'"{value}"'
