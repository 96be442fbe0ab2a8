"""The error of a command line that makes no sense; apart from the parser, so that catching it does not import that."""

from __future__ import annotations


class UsageError(Exception):
    """A command line that cannot be understood; `line` is for standard error, with the usage text when `show_usage`."""

    def __init__(self, line: str, *, show_usage: bool = False) -> None:
        super().__init__(line)
        self.line = line
        self.show_usage = show_usage
