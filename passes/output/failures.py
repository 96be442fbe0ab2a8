"""Losses and failures that probes have counted, told to the user while the run goes on.

The counters are read through the session; here is decided which of them are worth a message, how often, and in which
words. How a message looks is the format's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from errno import E2BIG, ENOENT
from time import monotonic

from ...core.artifacts import FailureSite, Session
from ...core.output import Format, RuntimeFailure
from ...core.run import RunOptions
from ...core.source import Source, Span

#: A site that keeps failing is reported again after this many seconds.
REPEAT_AFTER = 1.0

#: Helpers whose failure is part of normal life: reported only with -k.
_EXPECTED = ("probe_read", "map_lookup_elem")

_MESSAGES = {
    ("map_update_elem", -E2BIG): (
        "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in "
        "a map declaration e.g. `let @a = hash(5000)`"
    ),
    ("map_delete_elem", -ENOENT): "Can't delete map element because it does not exist.",
    ("map_lookup_elem", 0): "Can't lookup map element because it does not exist.",
}


class FailureReporter:
    """Reports new failures of one session. `write` gets bytes and whether they belong to the output."""

    def __init__(
        self, session: Session, format_: Format, options: RunOptions, write: Callable[[bytes, bool], None]
    ) -> None:
        self._session = session
        self._format = format_
        self._options = options
        self._write = write
        self._colour = _wants_colour(options.environment)
        self._reported: dict[int, float] = {}
        self._held: dict[int, tuple[FailureSite, int]] = {}
        #: Events lost so far.
        self.lost = 0

    def report(self, *, final: bool = False) -> None:
        """Reports what is new; with `final` also what was held back because its site was reported just before.

        Raises: KernelError: from the session.
        """
        lost, now = 0, monotonic()
        for site, count, code in self._session.failures():
            if site.helper or site.message:
                self._held[site.index] = site, code
            else:
                lost += count
        if lost:
            self.lost += lost
            self._write(self._format.lost(lost), self._format.notices_on_output)
        for index, (site, code) in list(self._held.items()):
            if final or now - self._reported.get(index, -REPEAT_AFTER) >= REPEAT_AFTER:
                self._reported[index] = now
                del self._held[index]
                self._report_site(site, code)

    def _report_site(self, site: FailureSite, code: int) -> None:
        source = self._session.program.source
        span = place_of(source, site)
        if site.helper and self._reports_helper(site.helper):
            message = _MESSAGES.get((site.helper, code)) or os.strerror(-code)
            self._send(RuntimeFailure(source, span, message, site.helper, code))
        if site.message and (self._options.show_warnings or self._format.notices_on_output):
            self._send(RuntimeFailure(source, span, site.message))

    def _reports_helper(self, helper: str) -> bool:
        if not self._options.show_warnings:
            return False
        return self._options.report_helper_failures or not helper.startswith(_EXPECTED)

    def _send(self, failure: RuntimeFailure) -> None:
        self._write(self._format.failure(failure, colour=self._colour), self._format.notices_on_output)


def place_of(source: Source, site: FailureSite) -> Span:
    """The span of a site, which is saved as lines and columns."""
    return Span(_offset(source, site.line, site.column), _offset(source, site.end_line, site.end_column))


def _offset(source: Source, line: int, column: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = source.text.find("\n", start) + 1
    return start + column - 1


def _wants_colour(environment: Mapping[str, str]) -> bool:
    setting = environment.get("BPFTRACE_COLOR", "auto")
    return setting == "always" or (setting == "auto" and os.isatty(1) and os.isatty(2))
