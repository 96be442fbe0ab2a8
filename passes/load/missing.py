"""What becomes of a probe that cannot be attached, as the config key `missing_probes` says: the run ends with an error,
or goes on without it, with a warning or with none.

It writes warnings itself: they come while probes are attached, long before there is any output.
"""

from __future__ import annotations

import sys

from ...core.artifacts import ProgramSpec
from ...core.run import load_error

_UNABLE = "Unable to attach probe: {}."
_EXPECTED = "If this is expected, set the 'missing_probes' config variable to 'warn'."


class MissingProbes:
    """`setting` is the config key's value: 'error', 'warn' or 'ignore'. `failures` counts the probes gone without."""

    def __init__(self, setting: str, *, show_warnings: bool) -> None:
        self._setting = setting
        self._show_warnings = show_warnings
        self.failures = 0

    def at_load(self, error: Exception) -> None:
        """The kernel lacks what the program would attach to. Raises: LoadError."""
        if self._setting == "error":
            raise load_error(str(error)) from error
        self._go_on(str(error))

    def at_attach(self, program: ProgramSpec, error: Exception) -> None:
        """The program could not be attached. Raises: LoadError."""
        unable = _UNABLE.format(program.point.name)
        if self._setting == "error":
            raise load_error(str(error), f"{unable} {_EXPECTED}") from error
        self._go_on(str(error), f"{unable} Skipping.")

    def _go_on(self, *warnings: str) -> None:
        self.failures += 1
        if self._setting == "warn":
            self.warn(*warnings)

    def warn(self, *warnings: str) -> None:
        """Also of what is attached only in part, whatever the setting."""
        if self._show_warnings:
            from ...core.diagnostics import Diagnostic, Severity, format_diagnostic

            for text in warnings:
                sys.stderr.write(format_diagnostic(Diagnostic(Severity.WARNING, text), None))
