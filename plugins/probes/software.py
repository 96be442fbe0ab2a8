"""`software`: events that the kernel counts itself (perf_event_open(2), PERF_TYPE_SOFTWARE)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .counters import Counter, CounterProbe


class SoftwareProbe(CounterProbe):
    names = ("software", "s")
    perf_type = "software"
    counters: ClassVar[Mapping[str, Counter]] = {
        "alignment-faults": Counter(7, 1),
        "bpf-output": Counter(10, 1),
        "context-switches": Counter(3, 1_000, ("cs",)),
        "cpu-clock": Counter(0, 1_000_000, ("cpu",)),
        "cpu-migrations": Counter(4, 1),
        "dummy": Counter(9, 1),
        "emulation-faults": Counter(8, 1),
        "major-faults": Counter(6, 1),
        "minor-faults": Counter(5, 100),
        "page-faults": Counter(2, 100, ("faults",)),
        "task-clock": Counter(1, 1),
    }


PROBE_TYPES = (SoftwareProbe(),)
