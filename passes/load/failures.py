"""Counts what went wrong inside the kernel since the last look, per call site.

Programs keep a counter and the last error code for each site in one map value; this compares it with what it was.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from ...core.artifacts import FailureSite

#: One site's slot: u64 count, s64 last code.
SLOT = struct.Struct("=Qq")


class FailureCounts:
    """Remembers the counts already reported."""

    def __init__(self, sites: Sequence[FailureSite]) -> None:
        self._sites = sites
        self._seen = [0] * len(sites)
        self._missed: dict[int, int] = {}
        self._before = b""

    def gained(self, value: bytes) -> list[tuple[FailureSite, int, int]]:
        """(site, failures since the last call, last code) of the sites that gained some; `value` is the map's value."""
        if value == self._before:
            return []
        self._before = value
        found = []
        for number, site in enumerate(self._sites):
            count, code = SLOT.unpack_from(value, site.index * SLOT.size)
            if count != self._seen[number]:
                found.append((site, count - self._seen[number], code))
                self._seen[number] = count
        return found

    def missed(self, counts: Iterable[tuple[int, int]]) -> list[tuple[FailureSite, int, int]]:
        """The same for (program, runs that the kernel left out so far): each is an event that is lost, nowhere in
        particular."""
        found = []
        for program, count in counts:
            before = self._missed.get(program, 0)
            if count > before:
                found.append((FailureSite(len(self._sites) + program, program, "", "", 1, 1, 1, 1), count - before, 0))
                self._missed[program] = count
        return found
