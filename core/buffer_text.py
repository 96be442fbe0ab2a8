"""The three ways in which a buffer's bytes are shown. Where the text goes is not known here."""

from __future__ import annotations

_HEX = [b"\\x%02x" % byte for byte in range(256)]
#: Printable ASCII stands for itself, even what marks an escape.
_ESCAPED = [bytes([byte]) if 32 <= byte <= 126 else _HEX[byte] for byte in range(256)]


def escaped(data: bytes) -> bytes:
    """Printable bytes as they are, others as `\\xNN` (`%r`, and wherever a format says nothing else)."""
    return b"".join(map(_ESCAPED.__getitem__, data))


def escaped_hex(data: bytes) -> bytes:
    """Every byte as `\\xNN` (`%rx`)."""
    return b"".join(map(_HEX.__getitem__, data))


def spaced_hex(data: bytes) -> bytes:
    """Two digits a byte with a blank between two bytes (`%rh`)."""
    return data.hex(" ").encode()
