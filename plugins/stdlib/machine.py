"""The machine that a probe runs on, and chance: CPUs, NUMA nodes, timer ticks, random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function
from ...core.types import UINT64, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value


class NumaNode(Function):
    """`numaid`: the NUMA node of the CPU that the probe runs on."""

    names: ClassVar[tuple[str, ...]] = ("numaid",)
    bare: ClassVar[bool] = True
    #: The helper whose result it is (bpf-helpers(7)).
    _helper: ClassVar[str] = "get_numa_node_id"

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.cast(emitter.helper(self._helper), UINT64)


class Jiffies(NumaNode):
    """`jiffies`: the kernel's timer ticks, 64 bits of them."""

    names: ClassVar[tuple[str, ...]] = ("jiffies",)
    _helper: ClassVar[str] = "jiffies64"


class Random(NumaNode):
    """`rand`: 32 bits of chance."""

    names: ClassVar[tuple[str, ...]] = ("rand",)
    _helper: ClassVar[str] = "get_prandom_u32"

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        # The helper's result is a u32, and nothing is said of the register's upper half.
        return emitter.binary("&", super().emit(emitter, call), emitter.constant(0xFFFF_FFFF, UINT64))


class CpuCount(Function):
    """`ncpus`: how many CPUs the machine can have (/sys/devices/system/cpu/possible)."""

    names: ClassVar[tuple[str, ...]] = ("ncpus",)
    bare: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return UINT64

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        return emitter.global_value("ncpus")


FUNCTIONS = (NumaNode(), Jiffies(), Random(), CpuCount())
