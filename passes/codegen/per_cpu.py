"""Reading a per-CPU value of all CPUs inside a program (bpf-helpers(7): bpf_map_lookup_percpu_elem)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.emitter import Value
from .llvm import I64

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: Up to this many CPUs each one has code of its own; beyond, a loop that the verifier can follow.
UNROLLED = 8


def for_each_part(
    emitter: ProgramEmitter,
    map_name: str,
    key: Value | None,
    body: Callable[[Value], None],
    missing: Callable[[], None],
) -> None:
    """`body` for the address of each possible CPU's part, `missing` when the map does not have the key."""
    place = emitter.first_key() if key is None else key
    cpus = emitter.possible_cpus

    def present() -> None:
        body(first)
        if len(cpus) <= UNROLLED:
            for cpu in cpus[1:]:
                part = emitter.lookup_percpu(map_name, place, emitter.constant(cpu))
                with emitter.when(part):
                    body(part)
        else:
            _loop(emitter, map_name, place, cpus, body)

    first = emitter.lookup_percpu(map_name, place, emitter.constant(cpus[0]))
    emitter.branch(first, present, missing)


def _loop(
    emitter: ProgramEmitter, map_name: str, key: Value, cpus: tuple[int, ...], body: Callable[[Value], None]
) -> None:
    """A plain loop over all CPUs but the first; a number that is no possible CPU's has no part."""
    builder = emitter.builder
    before, head, done = builder.block, emitter.unit.block("cpu"), emitter.unit.block("cpus_done")
    builder.branch(head)
    builder.position_at_end(head)
    cpu = builder.phi(I64)
    cpu.add_incoming(I64(cpus[1]), before)
    part = emitter.lookup_percpu(map_name, key, Value(cpu, emitter.constant(0).type))
    with emitter.when(part):
        body(part)
    following = builder.add(cpu, I64(1))
    cpu.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_unsigned("<=", following, I64(cpus[-1])), head, done)
    builder.position_at_end(done)
