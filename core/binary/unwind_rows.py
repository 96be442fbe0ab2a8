"""The rows of an unwind table: how the caller's registers are found from each address of an x86-64 binary on.

What reads .eh_frame writes these rows and what unwinds stacks reads them, so this file must know neither. A table is
bytes: rows in ascending order of address, each valid up to the next one's address, `ROW.size` bytes each.
"""

from __future__ import annotations

import struct
from enum import IntEnum

#: address u64 (as in the program headers), cfa_offset i32, frame_offset i16, cfa_rule u8, frame_rule u8.
ROW = struct.Struct("<QihBB")


class CfaRule(IntEnum):
    """How the canonical frame address (CFA) is found: the caller's rsp; the return address is 8 bytes below it."""

    UNKNOWN = 0  #: there is no rule that can be followed, and code without any
    STACK = 1  #: rsp + cfa_offset
    FRAME = 2  #: rbp + cfa_offset
    PLT = 3  #: rsp + 8 + (((rip & 15) >= 11) << 3); cfa_offset is 8: the entries of a lazy procedure linkage table
    AT_FRAME = 4  #: the u64 at rbp + cfa_offset: functions that realign their stack
    SIGNAL = 5  #: a signal trampoline: rsp + cfa_offset is where the interrupted rsp is, +8 its rip, -40 its rbp
    END = 6  #: the return address is undefined: the outermost frame
    AT_STACK = 7  #: the u64 at rsp + cfa_offset, + 8: assembly that keeps its first rsp on the stack


class FrameRule(IntEnum):
    """How the caller's rbp is found; nothing is to be looked up for the CFA rules UNKNOWN, SIGNAL and END."""

    SAME = 0  #: it is unchanged
    SAVED = 1  #: the u64 at CFA + frame_offset
    AT_FRAME = 2  #: the u64 at rbp + frame_offset
    UNKNOWN = 3  #: it is lost: only rules by rsp go on from there


#: A row's rules as one little-endian u64, the second half of `ROW`: the offsets below, then the two rules.
CFA_SHIFT, FRAME_SHIFT = 48, 56
FRAME_OFFSET_SHIFT = 32
