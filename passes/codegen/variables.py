"""Where a script's variables live.

A number that only one function sees is on that function's stack, where LLVM keeps it in a register when it can. What a
loop's body shares with the code around it is in scratch, which both can address, and of whose contents the verifier
knows nothing: a counter of known value would make it follow every round. Numbers beyond the stack's share are there
too, and are read anew for each use, because LLVM would otherwise keep them all on the stack.
"""

from __future__ import annotations

from typing import Any

from ...core.frozen import dataclass
from ...core.types import Type
from .bpf_function import BpfFunction


@dataclass(frozen=True, slots=True)
class Variable:
    """On the stack of `unit` at `place`, or `offset` bytes into scratch, where `place` and `unit` are None."""

    type: Type
    unit: BpfFunction | None
    place: Any
    offset: int
