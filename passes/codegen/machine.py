"""LLVM's BPF back end: one target machine, made once per process.

CPU v3 (jumps and arithmetic on 32 bits, atomics) is understood by every kernel that has the ring buffer's companions
that we rely on (5.12 and newer).
"""

from __future__ import annotations

from functools import cache
from typing import Any

CPU = "v3"
#: MAX_BPF_STACK of include/linux/filter.h: bytes for all functions of a program together.
STACK_LIMIT = 512


@cache
def target_machine() -> Any:
    """An llvmlite TargetMachine for little-endian BPF."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    # LLVM ends the process when a function needs more stack than it believes there is; we look ourselves, and report.
    llvm.set_option("pybpftrace", "-bpf-stack-size=32000")
    return llvm.Target.from_triple("bpfel").create_target_machine(cpu=CPU, opt=2)
