"""Integers as users write them: in attach points, as command-line parameters and in scripts.

One reader for all of them, so that `interval:us:1e6`, `-p 0x10` and a literal mean the same number everywhere. It knows
text and values only, neither tokens nor types.
"""

from __future__ import annotations

import re

UINT64_MAX = 2**64 - 1

#: Nanoseconds of each duration suffix.
DURATIONS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
    "d": 86400 * 1_000_000_000,
}
#: The largest value that each C suffix lets a number have.
C_SUFFIXES = {"u": 2**32 - 1, "l": 2**63 - 1, "ll": 2**63 - 1, "ul": UINT64_MAX, "ull": UINT64_MAX}

_PREFIXED = re.compile(r"0(?:[xX](?P<hex>[0-9a-fA-F][0-9a-fA-F_]*)|[bB](?P<binary>[01][01_]*))(?P<suffix>[g-zG-Z]\w*)?")
_PLAIN = re.compile(r"(?P<digits>[0-9][0-9_]*)(?:[eE](?P<exponent>[0-9][0-9_]*))?(?P<suffix>[A-Za-z]\w*)?", re.ASCII)


class NumberError(ValueError):
    """The text is no integer, or one out of range; the message says which rule it breaks."""


def parse_integer(text: str, *, minimum: int = 0, maximum: int = UINT64_MAX, binary: bool = True) -> int:
    """The value of an unsigned integer: decimal, `0x`, leading-zero octal, `0b` if `binary`, `_` between digits, `1e6`.

    A duration suffix (`DURATIONS`) multiplies to nanoseconds; a C suffix (`C_SUFFIXES`, any letter case) limits the
    range. Only C suffixes may follow `0x` and `0b`.

    Raises: NumberError.
    """
    found = _PREFIXED.fullmatch(text)
    if found and (binary or found["binary"] is None):
        value = _prefixed(found["hex"], found["binary"])
        limit = _c_limit(found["suffix"] or "")
    else:
        found = _PLAIN.fullmatch(text)
        if found is None:
            raise NumberError("invalid integer")
        value = _plain(found["digits"], found["exponent"])
        suffix = found["suffix"] or ""
        unit = DURATIONS.get(suffix)
        limit = UINT64_MAX if unit else _c_limit(suffix)
        value *= unit or 1
    highest = min(limit, maximum)
    if value > highest:
        raise NumberError(f"overflow error, maximum value is {highest}")
    if value < minimum:
        raise NumberError(f"minimum value is {minimum}")
    return value


def _prefixed(hexadecimal: str | None, binary: str | None) -> int:
    digits = hexadecimal or binary or ""
    _refuse_trailing_underscore(digits)
    return int(digits.replace("_", ""), 16 if hexadecimal else 2)


def _plain(written: str, exponent: str | None) -> int:
    _refuse_trailing_underscore(exponent or written)
    digits = written.replace("_", "")
    if exponent is not None:
        if len(written) != 1 or digits == "0":
            raise NumberError("coefficient part of scientific literal must be 1-9")
        if exponent[0] == "0":
            raise NumberError("exponent part of scientific literal must begin with 1-9")
        power = exponent.replace("_", "")
        # 10**20 is more than 64 bits hold: a longer exponent is out of range whatever it is, and is never computed.
        return int(digits) * 10 ** int(power) if len(power) <= 2 else UINT64_MAX + 1
    if len(digits) > 1 and digits[0] == "0":
        if not set(digits) <= set("01234567"):
            raise NumberError("invalid trailing bytes")
        return _bounded(digits.lstrip("0") or "0", 8)
    return _bounded(digits, 10)


def _bounded(digits: str, base: int) -> int:
    """The value of the digits; any number above 64 bits for so many digits that converting them would take long."""
    return int(digits, base) if len(digits) <= 64 else UINT64_MAX + 1


def _c_limit(suffix: str) -> int:
    if suffix and suffix.lower() not in C_SUFFIXES:
        raise NumberError(f"invalid integer suffix '{suffix}'")
    return C_SUFFIXES[suffix.lower()] if suffix else UINT64_MAX


def _refuse_trailing_underscore(digits: str) -> None:
    if digits.endswith("_"):
        raise NumberError("trailing underscore in integer literal")
