"""The few DWARF expressions that compilers, linkers and the C library put into .eh_frame, by what they compute.

An expression is compared with known forms and never evaluated. This file must not know which register a rule is for.
Source: DWARF 5, 2.5; the expression of procedure linkage tables is that of GNU ld, gold and mold.
"""

from __future__ import annotations

from .eh_frame_pointers import EhFrameError, sleb128

_BREG6, _BREG7, _DEREF, _PLUS_8 = 0x76, 0x77, 0x06, b"\x23\x08"
#: breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus
PLT_ENTRY = bytes((0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x3B, 0x2A, 0x33, 0x24, 0x22))


def frame_address(expression: bytes) -> int | None:
    """N of "rbp + N"; None for another expression."""
    return _sum(expression, _BREG6, b"")


def stack_address(expression: bytes) -> int | None:
    """N of "rsp + N"; None for another expression."""
    return _sum(expression, _BREG7, b"")


def at_frame(expression: bytes) -> int | None:
    """N of "what is at rbp + N"; None for another expression."""
    return _sum(expression, _BREG6, bytes((_DEREF,)))


def at_stack(expression: bytes) -> int | None:
    """N of "what is at rsp + N"; None for another expression."""
    return _sum(expression, _BREG7, bytes((_DEREF,)))


def behind_at_stack(expression: bytes) -> int | None:
    """N of "8 more than what is at rsp + N"; None for another expression."""
    return _sum(expression, _BREG7, bytes((_DEREF,)) + _PLUS_8)


def _sum(expression: bytes, operation: int, rest: bytes) -> int | None:
    if not expression or expression[0] != operation:
        return None
    try:
        number, end = sleb128(expression, 1)
    except EhFrameError:
        return None
    return number if expression[end:] == rest else None
