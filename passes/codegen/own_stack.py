"""Makes each run of a program that can be preempted have a stack of its own, whatever kernel it is loaded on.

From Linux 6.13 on, x86-64 and arm64 give programs of some types, if they use 64 bytes of stack or more, one stack for
each CPU (bpf_enable_priv_stack of kernel/bpf/verifier.c), which is right where the kernel lets no second run of a
program begin on a CPU. It does not see to that for user-space probes, whose types those are: two tasks that preempt
each other in one program would write into the same stack, and an update would find the key of another run.

A program with a tail call is let alone (check_max_stack_depth). The verifier looks for the instruction before it
follows the program, and removes what it finds to be never reached, so one that is never reached does. It is in every
such program whatever the target's kernel: a saved program may be loaded on a newer one, and it costs nothing that could
be measured. It needs no map to jump through, as arguments are only looked at where a call is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from ...core.probe import ProbeType
from .llvm import I64

if TYPE_CHECKING:
    from .emitter import ProgramEmitter

#: The types of programs that get a stack for each CPU. Tracing programs do too, but iterators, which are the ones of
#: them that can be preempted, do not.
_SHARED_STACKS = frozenset(("kprobe", "tracepoint", "perf_event", "raw_tracepoint"))


def shares_stack(probe_type: ProbeType) -> bool:
    """Whether the kernel would have runs of such a program that preempt each other share a stack."""
    return probe_type.preemptible and probe_type.program_type in _SHARED_STACKS


def keep_own_stack(emitter: ProgramEmitter) -> None:
    """Emits a tail call behind a condition that LLVM knows nothing of, and of which the verifier knows that it never
    holds."""
    builder, main = emitter.builder, emitter.unit
    zero = builder.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [I64(0)], side_effect=False)
    never, goes_on = main.block("tail_call"), main.block("own_stack")
    builder.cbranch(builder.icmp_unsigned("!=", zero, I64(0)), never, goes_on)
    builder.position_at_end(never)
    emitter.helper("tail_call")
    builder.ret(I64(0))
    builder.position_at_end(goes_on)
