"""What is known of the caller's registers at one address, while call frame instructions are followed.

A state is what the instructions say, a row's rules are as much of it as an unwinder understands. This file must not
know how instructions are written. Sources: DWARF 5, 6.4.1; System V ABI for x86-64, figure 3.36.
"""

from __future__ import annotations

from . import eh_frame_expressions as expressions
from .eh_frame_pointers import EhFrameError
from .unwind_rows import CFA_SHIFT, FRAME_OFFSET_SHIFT, FRAME_SHIFT, CfaRule, FrameRule

# Registers by their DWARF numbers on x86-64.
RBP, RSP, RETURN_ADDRESS = 6, 7, 16
TRACKED = (RBP, RSP, RETURN_ADDRESS)

#: The CFA: the bits of its rule in a row, 0 for UNKNOWN, and its offset. The caller's rbp: the bits of its rule and
#: offset in a row. The return address and the caller's rsp: `USUAL` and so on.
State = tuple[int, int, int, int, int]

_BY_REGISTER = {RSP: CfaRule.STACK << CFA_SHIFT, RBP: CfaRule.FRAME << CFA_SHIFT}
_FRAME_SAVED = FrameRule.SAVED << FRAME_SHIFT
_FRAME_AT_FRAME = FrameRule.AT_FRAME << FRAME_SHIFT
_FRAME_UNKNOWN = FrameRule.UNKNOWN << FRAME_SHIFT
_END = CfaRule.END << CFA_SHIFT
_SIGNAL = CfaRule.SIGNAL << CFA_SHIFT

# These two stand in no row: they are parts of what a signal trampoline has. "What is at rsp + offset" for the CFA, and
# the same for rbp.
_CFA_AT_STACK = 0xFE << CFA_SHIFT
_FRAME_AT_STACK = 0xFE << FRAME_SHIFT

#: The return address 8 bytes below the CFA, and the caller's rsp, which is the CFA itself: rows have nothing else.
#: `_AT_STACK | N << 2` is "what is at rsp + N".
USUAL, UNDEFINED, OTHER, _AT_STACK = 0, 1, 2, 3
#: From rsp to rip and rbp in a struct sigcontext of 64 bits.
_RIP_FROM_RSP, _RBP_FROM_RSP = 8, -40

#: Before any instruction: registers keep their values, so the return address would be found nowhere.
START: State = (0, 0, FrameRule.SAME, OTHER, USUAL)

_MIN_I32, _MAX_I32 = -(1 << 31), (1 << 31) - 1


def is_plain(state: State) -> bool:
    """Whether the rules of the row are the CFA's and the frame's bits together."""
    cfa, _, frame, returned, stack = state
    return returned == stack == USUAL and 0 < cfa < _CFA_AT_STACK and frame < _FRAME_AT_STACK


def rules(state: State) -> int:
    """The rules of a row, as the u64 of its second half."""
    cfa, offset, frame, returned, stack = state
    if returned == UNDEFINED:
        return _END
    if cfa == _CFA_AT_STACK:
        return _SIGNAL | offset & 0xFFFFFFFF if _is_trampoline(state) else 0
    if not cfa or returned or stack:
        return 0
    return cfa | offset & 0xFFFFFFFF | (_FRAME_UNKNOWN if frame >= _FRAME_AT_STACK else frame)


def _is_trampoline(state: State) -> bool:
    """Whether all registers are where the kernel puts them for a signal handler."""
    _, offset, frame, returned, stack = state
    return (
        returned == _AT_STACK | (offset + _RIP_FROM_RSP) << 2
        and frame == _with_offset(_FRAME_AT_STACK, offset + _RBP_FROM_RSP)
        and stack in (USUAL, _AT_STACK | offset << 2)
    )


def frame_saved(offset: int) -> int:
    """The bits for an rbp that is saved at an offset from the CFA."""
    return _with_offset(_FRAME_SAVED, offset)


def _with_offset(rule: int, offset: int) -> int:
    if -0x8000 <= offset < 0x8000:
        return rule | (offset & 0xFFFF) << FRAME_OFFSET_SHIFT
    return _FRAME_UNKNOWN


def with_cfa(state: State, register: int | None = None, offset: int | None = None) -> State:
    """With the CFA at another offset, from another register, or both. Raises EhFrameError."""
    cfa = state[0] if register is None else _BY_REGISTER.get(register, 0)
    return _with_cfa_rule(state, cfa, state[1] if offset is None else offset)


def with_cfa_expression(state: State, expression: bytes) -> State:
    """With the CFA that an expression computes. Raises EhFrameError."""
    if expression == expressions.PLT_ENTRY:
        return _with_cfa_rule(state, CfaRule.PLT << CFA_SHIFT, 8)
    for rule, offset in (
        (CfaRule.AT_FRAME << CFA_SHIFT, expressions.at_frame(expression)),
        (CfaRule.AT_STACK << CFA_SHIFT, expressions.behind_at_stack(expression)),
        (_CFA_AT_STACK, expressions.at_stack(expression)),
    ):
        if offset is not None:
            return _with_cfa_rule(state, rule, offset)
    return _with_cfa_rule(state, 0, 0)


def _with_cfa_rule(state: State, cfa: int, offset: int) -> State:
    if not _MIN_I32 <= offset <= _MAX_I32:
        raise EhFrameError(f"a CFA {offset} bytes away")
    return (cfa, offset, *state[2:])


def restored(state: State, register: int, initial: State) -> State:
    """With the rule for a register that the state `initial` has."""
    return with_register(state, register, *initial[2:])


def with_register(state: State, register: int, frame: int, returned: int, stack: int) -> State:
    """With another rule for a register: `frame` if it is rbp, `returned` if the return address, `stack` if rsp."""
    cfa, offset, old_frame, old_returned, old_stack = state
    if register == RBP:
        return cfa, offset, frame, old_returned, old_stack
    if register == RETURN_ADDRESS:
        return cfa, offset, old_frame, returned, old_stack
    if register == RSP:
        return cfa, offset, old_frame, old_returned, stack
    return state


def saved_at(state: State, register: int, offset: int) -> State:
    """With a register saved at an offset from the CFA."""
    return with_register(state, register, frame_saved(offset), USUAL if offset == -8 else OTHER, OTHER)


def valued(state: State, register: int, offset: int) -> State:
    """With a register that is the CFA and an offset."""
    return with_register(state, register, _FRAME_UNKNOWN, OTHER, USUAL if offset == 0 else OTHER)


def saved_by_expression(state: State, register: int, expression: bytes) -> State:
    """With a register saved at an address that an expression computes."""
    place = expressions.frame_address(expression)
    if place is not None:
        return with_register(state, register, _with_offset(_FRAME_AT_FRAME, place), OTHER, OTHER)
    place = expressions.stack_address(expression)
    if place is not None:
        other = _AT_STACK | place << 2
        return with_register(state, register, _with_offset(_FRAME_AT_STACK, place), other, other)
    return lost(state, register)


def lost(state: State, register: int) -> State:
    """With a register that is where no row can say."""
    return with_register(state, register, _FRAME_UNKNOWN, OTHER, OTHER)


def kept(state: State, register: int) -> State:
    """With a register that has the same value as in the caller."""
    return with_register(state, register, FrameRule.SAME, OTHER, OTHER)


def undefined(state: State, register: int) -> State:
    """With a register that has no value in the caller; without a return address there is none."""
    return with_register(state, register, _FRAME_UNKNOWN, UNDEFINED, OTHER)
