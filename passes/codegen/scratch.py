"""How a program finds its memory as it begins: an area of a map that no other program on its CPU uses meanwhile.

What is put there is not known here; how much it is, is known when the rest of the program has been built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...core.artifacts import LARGE_SCRATCH_MAP, SCRATCH_MAP
from ...core.emitter import Value
from .llvm import I32, I64
from .resources import PER_CPU_LIMIT, PREEMPTIBLE_SLOTS
from .values import OWN_MEMORY

if TYPE_CHECKING:
    from .emitter import ProgramEmitter


def find_scratch(emitter: ProgramEmitter, skip: Any, claims: bool) -> None:
    """Puts the area's address into the frame, or goes to `skip`. A program that can be interleaved claims one of
    several areas by the area's first word."""
    builder, main = emitter.builder, emitter.unit
    slots = PREEMPTIBLE_SLOTS if claims else 1
    areas, index_of = _areas(emitter, slots)
    home = main.word("scratch")
    key = main.stack(4)
    got = main.block("got_scratch")
    for slot in range(slots):
        builder.store(index_of(slot), key)
        area = emitter.helper_address("map_lookup_elem", emitter.map(areas), Value(key, OWN_MEMORY))
        present = main.block("scratch")
        is_null = builder.icmp_unsigned("==", emitter.number_of(area), I64(0))
        builder.cbranch(is_null, skip, present)
        builder.position_at_end(present)
        builder.store(area.handle, home)
        if not claims:
            builder.branch(got)
            break
        exchange = builder.cmpxchg(area.handle, I64(0), I64(1), "seq_cst", "seq_cst")
        free = builder.icmp_unsigned("==", builder.extract_value(exchange, 0), I64(0))
        following = main.block("busy")
        builder.cbranch(free, got, following)
        builder.position_at_end(following)
    if claims:
        builder.branch(skip)
    builder.position_at_end(got)


def _areas(emitter: ProgramEmitter, slots: int) -> tuple[str, Callable[[int], Any]]:
    """The map with the program's areas, and what gives the index of each as an i32.

    What is too large for a per-CPU array goes into an ordinary one, which has an element for each CPU.
    """
    size = emitter.scratch_peak
    if size <= PER_CPU_LIMIT:
        first = emitter.resources.claim_scratch(size, slots)
        return SCRATCH_MAP, lambda slot: I32(first + slot)
    cpus = max(emitter.cpus) + 1
    first = emitter.resources.claim_large_scratch(size, slots, cpus)
    cpu = emitter.builder.trunc(emitter.helper("get_smp_processor_id").handle, I32)
    return LARGE_SCRATCH_MAP, lambda slot: emitter.builder.add(cpu, I32(first + slot * cpus))
