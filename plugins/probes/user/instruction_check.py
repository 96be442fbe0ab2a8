"""Keeps probes inside of functions from breaking the traced program: bounds, and the starts of instructions.

With --unsafe what would be an error is a warning. It must not know how a place was named.
"""

from __future__ import annotations

from ....core.binary.instructions import NoDisassembler, is_instruction_start
from ....core.probe import AttachPointError, MatchRequest
from ....core.target import UserFunction

_FORCE = (
    "Use --unsafe to force attachment. WARNING: This option could lead to data corruption in the target process.",
)
#: By what is_instruction_start says: the error, and the warning with --unsafe.
_REFUSED = {
    True: None,
    False: (
        "Could not add uprobe into middle of instruction: {}",
        "Unsafe uprobe in the middle of the instruction: {}",
    ),
    None: ("Failed to check if uprobe is in proper place: {}", "Unchecked uprobe: {}"),
}
_NO_DISASSEMBLER = (
    "Can't check if uprobe is in proper place (compiled without (k|u)probe offset support): {}",
    "Unchecked uprobe: {}",
)


def check_offset(place: str, symbol: str, found: UserFunction, offset: int, request: MatchRequest) -> None:
    """Of a probe `offset` bytes into a function; `place` is FILE:FUNCTION. Raises AttachPointError."""
    if not offset:
        return
    if not found.size and not request.allows_unsafe:
        text = f"Could not determine boundary for {symbol} (symbol has size 0)."
        raise AttachPointError(text, ("Use --unsafe to force attachment.",))
    if found.size and offset >= found.size:
        raise AttachPointError(f"Offset outside the function bounds ('{symbol}' size is {found.size})")
    code = request.target.user_code(found) if found.size else None
    try:
        fits = None if code is None else is_instruction_start(code.machine, code.code, offset)
        refused = _REFUSED[fits]
    except NoDisassembler:
        refused = _NO_DISASSEMBLER
    if refused is None:
        return
    error, warning = (text.format(f"{place}+{offset}") for text in refused)
    if not request.allows_unsafe:
        raise AttachPointError(error, _FORCE)
    request.warn(warning)
