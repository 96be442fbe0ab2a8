"""The one hash of the house: BLAKE2b, 128 bits, as hexadecimal text.

`hashlib` loads OpenSSL when it is imported, which takes 4 ms of every start; the module below it has the same function.
The standard library's `random` does likewise.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # an interpreter that is not CPython, or one built without it
    from hashlib import blake2b


def digest(data: bytes) -> str:
    """32 hexadecimal digits."""
    return blake2b(data, digest_size=16).hexdigest()
