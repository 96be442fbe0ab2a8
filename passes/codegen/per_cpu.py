"""A piece of code for each possible CPU, to read what all of them have of a per-CPU value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.emitter import Value
from ...core.types import INT64
from .llvm import I64

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: Up to this many CPUs each one has code of its own; beyond, a loop that the verifier can follow.
UNROLLED = 8


def for_each_cpu(emitter: ProgramEmitter, cpus: tuple[int, ...], body: Callable[[Value], None]) -> None:
    """`body` for the number of each CPU; the loop includes numbers between them that no CPU has."""
    if len(cpus) <= UNROLLED:
        for number in cpus:
            body(emitter.constant(number))
        return
    builder = emitter.builder
    before, head, done = builder.block, emitter.unit.block("cpu"), emitter.unit.block("cpus_done")
    builder.branch(head)
    builder.position_at_end(head)
    cpu = builder.phi(I64)
    cpu.add_incoming(I64(cpus[0]), before)
    body(Value(cpu, INT64))
    following = builder.add(cpu, I64(1))
    cpu.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_unsigned("<=", following, I64(cpus[-1])), head, done)
    builder.position_at_end(done)
