"""A helper call whose failure is counted, for the functions of this package. It decides nothing about values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


def checked(emitter: Emitter, helper: str, *arguments: Value, message: str = "") -> Value:
    """Calls a BPF helper that gives a negative errno when it fails, counts a failure, and gives the result."""
    code = emitter.helper(helper, *arguments)
    with emitter.when(emitter.compare("<", code, emitter.constant(0), signed=True)):
        emitter.count_failure(helper, code, message)
    return code
