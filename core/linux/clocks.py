"""How far the machine's clocks are apart, measured here: probes read the boot clock, people read the wall clock."""

from __future__ import annotations

import time

#: How often the clocks are compared; the quickest look counts.
_LOOKS = 5
#: Nanoseconds that a look may take before its result is not to be trusted.
SKEW_LIMIT = 100_000


def measure(clock: int) -> tuple[int, int]:
    """How many ns a clock (of clock_gettime(2)) is ahead of the boot clock, and how many ns the look at them took.

    The boot clock is read before and after the other one, whose time then belongs to the middle.
    """
    looks = []
    for _ in range(_LOOKS):
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        read = time.clock_gettime_ns(clock)
        after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        looks.append((after - before, read - (before + after) // 2))
    took, offset = min(looks)
    return offset, took


def offset(clock: int) -> int:
    """How many ns a clock is ahead of the boot clock."""
    return measure(clock)[0]
