"""Chains of conditions that stop as soon as the answer is known: `&&`, `||`, and the members of tuples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.emitter import Value
from ...core.types import BOOL
from .emitter import ProgramEmitter
from .llvm import I64


def chain(emitter: ProgramEmitter, any_holds: bool, conditions: Sequence[Callable[[], Value]]) -> Value:
    """1 when any of the conditions holds, or, without `any_holds`, when all do. Each is evaluated only when it
    matters."""
    decided = emitter.unit.block("decided")
    with emitter.builder.goto_block(decided):
        result = emitter.builder.phi(I64)
    for position, condition in enumerate(conditions):
        holds = emitter.is_true(condition())
        builder = emitter.builder
        if position == len(conditions) - 1:
            result.add_incoming(builder.zext(holds, I64), builder.block)
            builder.branch(decided)
            break
        result.add_incoming(I64(int(any_holds)), builder.block)
        following = emitter.unit.block("following")
        builder.cbranch(holds, *((decided, following) if any_holds else (following, decided)))
        builder.position_at_end(following)
    if not conditions:
        result.add_incoming(I64(1), emitter.builder.block)
        emitter.builder.branch(decided)
    emitter.builder.position_at_end(decided)
    return Value(result, BOOL)
