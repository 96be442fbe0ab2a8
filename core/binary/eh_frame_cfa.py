"""Follows the call frame instructions of a function and writes down the rows of its unwind table.

A binary has tens of thousands of functions and this is pure Python, hence one loop over local variables for the
instructions that nearly all code consists of; everything else goes through a table. It must not know where the
instructions are found. Sources: DWARF 5, 6.4.2; Linux Standard Base 5.0, 10.6.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable

from . import eh_frame_states as states
from .eh_frame_pointers import EhFrameError, sleb128, uleb128
from .eh_frame_states import RBP, State

#: Compilers need one or two; each byte of a corrupt section could else cost a hundred.
_MAX_REMEMBERED = 64

_u16 = struct.Struct("<H").unpack_from
_u32 = struct.Struct("<I").unpack_from
_u64 = struct.Struct("<Q").unpack_from

#: The operands of the rarer instructions (DW_CFA_*): 'u' ULEB128, 's' SLEB128, 'e' expression. The locations' are
#: read where they are followed.
_OPERANDS = {
    0x05: "uu",  # offset_extended
    0x06: "u",  # restore_extended
    0x07: "u",  # undefined
    0x08: "u",  # same_value
    0x09: "uu",  # register
    0x0C: "uu",  # def_cfa
    0x0D: "u",  # def_cfa_register
    0x0E: "u",  # def_cfa_offset
    0x0F: "e",  # def_cfa_expression
    0x10: "ue",  # expression
    0x11: "us",  # offset_extended_sf
    0x12: "us",  # def_cfa_sf
    0x13: "s",  # def_cfa_offset_sf
    0x14: "uu",  # val_offset
    0x15: "us",  # val_offset_sf
    0x16: "ue",  # val_expression
    0x2E: "u",  # GNU_args_size
    0x2F: "uu",  # GNU_negative_offset_extended
}


def follow(
    data: bytes,
    at: int,
    end: int,
    factors: tuple[int, int],
    initial: State,
    span: tuple[int, int],
    rows: array[int],
    location_at: Callable[[int], tuple[int, int]],
) -> State:
    """Adds the rows of the instructions in [at, end) of `data` for the addresses in `span`; gives the last state.

    `factors` are the CIE's for code and data, `initial` is the state after its instructions. `rows` are pairs of an
    address and a row's rules, of which a new one differs from that before it. `location_at` reads a pointer. Raises
    EhFrameError or IndexError or struct.error; rows may then have been added.
    """
    code_factor, data_factor = factors
    location, limit = span
    append = rows.append
    last = rows[-1] if rows else -1
    state = initial
    cfa, offset, frame, returned, stack = initial
    is_plain = states.is_plain(initial)
    kept: list[State] = []
    # Most programs are padded with no-ops. Zeros at the end may be operands too, which are read beyond `stop`.
    stop = at + len(data[at:end].rstrip(b"\0"))
    while at < stop:
        code = data[at]
        at += 1
        if code >= 0xC0:  # restore
            if code & 0x3F in states.TRACKED:
                state = states.restored((cfa, offset, frame, returned, stack), code & 0x3F, initial)
                cfa, offset, frame, returned, stack = state
                is_plain = states.is_plain(state)
            continue
        if code >= 0x80:  # offset
            number = data[at]
            at += 1
            if number >= 0x80:
                number, at = uleb128(data, at - 1)
            if code == 0x80 | RBP and is_plain:
                frame = states.frame_saved(number * data_factor)
            elif code & 0x3F in states.TRACKED:
                state = (cfa, offset, frame, returned, stack)
                state = states.saved_at(state, code & 0x3F, number * data_factor)
                cfa, offset, frame, returned, stack = state
                is_plain = states.is_plain(state)
            continue
        if code >= 0x40:  # advance_loc
            new = location + (code & 0x3F) * code_factor
        elif code == 0x0E and data[at] < 0x80:  # def_cfa_offset
            offset = data[at]
            at += 1
            continue
        elif code == 0x02:  # advance_loc1
            new = location + data[at] * code_factor
            at += 1
        elif code == 0x0A:  # remember_state
            if len(kept) == _MAX_REMEMBERED:
                raise EhFrameError(f"more than {_MAX_REMEMBERED} states are remembered")
            kept.append((cfa, offset, frame, returned, stack))
            continue
        elif code == 0x0B:  # restore_state
            if not kept:
                raise EhFrameError("a state is restored that was not remembered")
            state = kept.pop()
            cfa, offset, frame, returned, stack = state
            is_plain = states.is_plain(state)
            continue
        elif code == 0x00:  # nop
            continue
        elif code == 0x03:  # advance_loc2
            new = location + _u16(data, at)[0] * code_factor
            at += 2
        elif code == 0x04:  # advance_loc4
            new = location + _u32(data, at)[0] * code_factor
            at += 4
        elif code == 0x1D:  # MIPS_advance_loc8
            new = location + _u64(data, at)[0] * code_factor
            at += 8
        elif code == 0x01:  # set_loc
            new, at = location_at(at)
            if new < location:
                raise EhFrameError("a location before the one before")
        else:
            state, at = _rarer(data, at, end, code, data_factor, initial, (cfa, offset, frame, returned, stack))
            cfa, offset, frame, returned, stack = state
            is_plain = states.is_plain(state)
            continue
        if new != location:
            rules = cfa | offset & 0xFFFFFFFF | frame
            if not is_plain:
                rules = states.rules((cfa, offset, frame, returned, stack))
            if rules != last:
                append(location)
                append(rules)
                last = rules
            location = new
            if location >= limit:
                break
    if at > end:
        raise EhFrameError("an instruction without its end")
    state = (cfa, offset, frame, returned, stack)
    if location < limit:
        rules = states.rules(state)
        if rules != last:
            append(location)
            append(rules)
    return state


def _rarer(
    data: bytes, at: int, end: int, code: int, data_factor: int, initial: State, state: State
) -> tuple[State, int]:
    """The state after an instruction whose operands are at `at`, and where they end."""
    form = _OPERANDS.get(code)
    if form is None:
        raise EhFrameError(f"unknown instruction {code:#x}")
    operands: list[int] = []
    expression = b""
    for kind in form:
        if kind == "e":
            size, at = uleb128(data, at)
            if size > end - at:  # before it is copied, which any number of functions may ask for
                raise EhFrameError(f"an expression of {size} bytes in {end - at}")
            expression = data[at : at + size]
            at += size
        else:
            number, at = (sleb128 if kind == "s" else uleb128)(data, at)
            operands.append(number)
    return _after(state, code, operands, expression, data_factor, initial), at


def _after(state: State, code: int, operands: list[int], expression: bytes, data_factor: int, initial: State) -> State:
    match code, operands:
        case ((0x05 | 0x11), [register, number]):  # offset_extended, offset_extended_sf
            return states.saved_at(state, register, number * data_factor)
        case 0x2F, [register, number]:  # GNU_negative_offset_extended
            return states.saved_at(state, register, -number * data_factor)
        case ((0x14 | 0x15), [register, number]):  # val_offset, val_offset_sf
            return states.valued(state, register, number * data_factor)
        case 0x06, [register]:  # restore_extended
            return states.restored(state, register, initial)
        case 0x07, [register]:  # undefined
            return states.undefined(state, register)
        case 0x08, [register]:  # same_value
            return states.kept(state, register)
        case ((0x09 | 0x16), [register, *_]):  # register, val_expression
            return states.lost(state, register)
        case 0x10, [register]:  # expression
            return states.saved_by_expression(state, register, expression)
        case 0x0C, [register, number]:  # def_cfa
            return states.with_cfa(state, register, number)
        case 0x12, [register, number]:  # def_cfa_sf
            return states.with_cfa(state, register, number * data_factor)
        case 0x0D, [register]:  # def_cfa_register
            return states.with_cfa(state, register)
        case 0x0E, [number]:  # def_cfa_offset
            return states.with_cfa(state, offset=number)
        case 0x13, [number]:  # def_cfa_offset_sf
            return states.with_cfa(state, offset=number * data_factor)
        case 0x0F, _:  # def_cfa_expression
            return states.with_cfa_expression(state, expression)
    return state  # GNU_args_size
