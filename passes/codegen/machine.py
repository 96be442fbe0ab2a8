"""LLVM's BPF back end: one target machine, made once per process.

CPU v3 (jumps and arithmetic on 32 bits, atomics) is understood by every kernel that has the ring buffer's companions
that we rely on (5.12 and newer).
"""

from __future__ import annotations

from functools import cache
from typing import Any

CPU = "v3"


@cache
def target_machine() -> Any:
    """An llvmlite TargetMachine for little-endian BPF."""
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple("bpfel").create_target_machine(cpu=CPU, opt=2)
