"""Counters of what went wrong in programs: what is new since the last look, and runs that the kernel left out."""

from __future__ import annotations

from pybpftrace.core.artifacts import FailureSite
from pybpftrace.passes.load.failures import SLOT, FailureCounts

SITES = [FailureSite(0, 0, "", "", 1, 1, 1, 2), FailureSite(1, 1, "map_update_elem", "", 1, 1, 1, 2)]


def value(*slots: tuple[int, int]) -> bytes:
    return b"".join(SLOT.pack(*slot) for slot in slots)


def test_a_failure_is_counted_once() -> None:
    counts = FailureCounts(SITES)
    assert counts.gained(value((3, 0), (0, 0))) == [(SITES[0], 3, 0)]
    assert counts.gained(value((3, 0), (0, 0))) == []
    assert counts.gained(value((3, 0), (2, -7))) == [(SITES[1], 2, -7)]


def test_runs_that_the_kernel_left_out_are_lost_events_of_their_program() -> None:
    counts = FailureCounts(SITES)
    found = counts.missed([(0, 0), (1, 5)])
    assert [(site.program, site.helper, site.message, count) for site, count, _ in found] == [(1, "", "", 5)]
    assert counts.missed([(0, 0), (1, 5)]) == []
    assert [(site.program, count) for site, count, _ in counts.missed([(0, 1), (1, 7)])] == [(0, 1), (1, 2)]
    assert {site.index for site, _, _ in found}.isdisjoint(site.index for site in SITES)
