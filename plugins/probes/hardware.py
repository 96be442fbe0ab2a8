"""`hardware`: events that the processor's performance monitoring unit counts (perf_event_open(2), PERF_TYPE_HARDWARE).

Many virtual machines have no such unit: attaching then fails with an error that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .counters import Counter, CounterProbe


class HardwareProbe(CounterProbe):
    names = ("hardware", "h")
    perf_type = "hardware"
    counters: ClassVar[Mapping[str, Counter]] = {
        "backend-stalls": Counter(8, 1_000_000),
        "branch-instructions": Counter(4, 100_000, ("branches",)),
        "branch-misses": Counter(5, 100_000),
        "bus-cycles": Counter(6, 100_000),
        "cache-misses": Counter(3, 1_000_000),
        "cache-references": Counter(2, 1_000_000),
        "cpu-cycles": Counter(0, 1_000_000, ("cycles",)),
        "frontend-stalls": Counter(7, 1_000_000),
        "instructions": Counter(1, 1_000_000),
        "ref-cycles": Counter(9, 1_000_000),
    }


PROBE_TYPES = (HardwareProbe(),)
