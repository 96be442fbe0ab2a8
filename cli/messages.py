"""What the command says about itself on standard error: errors, warnings, diagnostics, with or without colour."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..core.terminal_text import guarded_message

if TYPE_CHECKING:
    from ..core.diagnostics import Diagnostic
    from ..core.source import Source

_RED, _YELLOW, _RESET = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_CHOICES = ("auto", "always", "never")


class Messages:
    """Writes to standard error at once; `show_warnings` false hides warnings."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.show_warnings = True
        choice = environment.get("BPFTRACE_COLOR", "auto")
        terminals = sys.stdout.isatty() and sys.stderr.isatty()
        self.colour = choice == "always" or (choice != "never" and terminals)
        if choice not in _CHOICES:
            valid = "|".join(_CHOICES)
            self.warning(f"Invalid env value! The valid values of BPFTRACE_COLOR are [{valid}], not {choice}")

    def plain(self, text: str) -> None:
        """A line as it is."""
        sys.stdout.flush()
        sys.stderr.write(text if text.endswith("\n") else text + "\n")
        sys.stderr.flush()

    def error(self, text: str) -> None:
        self.plain(self._coloured(f"ERROR: {guarded_message(text)}", _RED))

    def bug(self, text: str) -> None:
        self.plain(self._coloured(f"BUG: {guarded_message(text)}", _RED))

    def warning(self, text: str) -> None:
        if self.show_warnings:
            self.plain(self._coloured(f"WARNING: {guarded_message(text)}", _YELLOW))

    def compile_warning(self, text: str) -> None:
        """A warning that was formatted without colour, with its excerpt below the first line."""
        if self.show_warnings:
            first, newline, rest = text.partition("\n")
            self.plain(self._coloured(first, _YELLOW) + newline + rest)

    def diagnostics(self, diagnostics: Iterable[Diagnostic], source: Source | None) -> None:
        from ..core.diagnostics import Severity, format_all

        shown = [d for d in diagnostics if self.show_warnings or d.severity is not Severity.WARNING]
        if shown:
            self.plain(format_all(shown, source, colour=self.colour))

    def _coloured(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self.colour else text
