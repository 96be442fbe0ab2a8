"""Losses and failures that probes have counted, told to the user while the run goes on.

The counters are read through the session; here is decided which of them are worth a message, how often, and in which
words. How a message looks is the format's.
"""

from __future__ import annotations

import os
from errno import E2BIG, ENOENT
from time import monotonic

from ...core.artifacts import FailureSite
from ...core.output import RuntimeFailure
from ...core.run import RunOptions
from ...core.session import Session
from ...core.source import Source, Span
from .run_output import RunOutput

#: A site that keeps failing is reported again after this many seconds.
REPEAT_AFTER = 1.0

#: What a run's lost events are called among the other things that went wrong in a probe.
LOST = "lost_events"

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
    """Reports new failures of one session as they come, and at the end how many there were in which probe."""

    def __init__(self, session: Session, options: RunOptions, output: RunOutput) -> None:
        self._session = session
        self._options = options
        self._output = output
        self._reported: dict[int, float] = {}
        self._held: dict[int, tuple[FailureSite, int]] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._untold = 0

    def report(self, *, final: bool = False) -> None:
        """Reports what is new; with `final` also what was held back because its site was reported just before.

        Raises: KernelError: from the session.
        """
        lost, now = 0, monotonic()
        for site, count, code in self._session.failures():
            if site.helper or site.message:
                self._held[site.index] = site, code
                self._untold += count
            else:
                lost += count
            self._count(site, count)
        if lost:
            output = self._output
            output.notice(output.format.lost(lost), output.format.notices_on_output)
        for index, (site, code) in list(self._held.items()):
            if final or now - self._reported.get(index, -REPEAT_AFTER) >= REPEAT_AFTER:
                self._reported[index] = now
                del self._held[index]
                self._report_site(site, code)

    def finish(self) -> None:
        """The last report, and the sums of the run. Raises: KernelError: from the session."""
        self.report(final=True)
        output, options = self._output, self._options
        lost = sum(counts.get(LOST, 0) for counts in self._counts.values())
        if not self._counts or not options.show_warnings:
            return
        if lost:
            output.warning(f"Total lost event count: {lost}")
        # Text is for people, who are told of each probe when they ask for more.
        asked = options.verbose or options.report_helper_failures
        if asked or (output.format.notices_on_output and (lost or self._untold)):
            output.notice(output.format.failures(self._counts), output.format.notices_on_output)

    def _count(self, site: FailureSite, count: int) -> None:
        programs = self._session.program.programs
        probe = programs[site.program].point.name if site.program < len(programs) else ""
        counts = self._counts.setdefault(probe, {})
        what = site.helper or site.message or LOST
        counts[what] = counts.get(what, 0) + count

    def _report_site(self, site: FailureSite, code: int) -> None:
        source = self._session.program.source
        span = place_of(source, site)
        self._untold -= 1
        if site.helper and self._reports_helper(site.helper):
            message = _MESSAGES.get((site.helper, code)) or os.strerror(-code)
            self._send(RuntimeFailure(source, span, message, site.helper, code))
        if site.message and (self._options.show_warnings or self._output.format.notices_on_output):
            self._send(RuntimeFailure(source, span, site.message))

    def _reports_helper(self, helper: str) -> bool:
        if not self._options.show_warnings:
            return False
        return self._options.report_helper_failures or not helper.startswith(_EXPECTED)

    def _send(self, failure: RuntimeFailure) -> None:
        format_ = self._output.format
        self._output.notice(format_.failure(failure, colour=self._output.colour), format_.notices_on_output)


def place_of(source: Source, site: FailureSite) -> Span:
    """The span of a site, with the macro calls that it comes from."""
    return source.span_of((site.line, site.column, site.end_line, site.end_column), *site.calls)
