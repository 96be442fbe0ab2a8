"""Names for addresses in stacks, from the kernel's symbol list and the traced processes' binaries.

It ties `core.binary` to `core.output.Symbols` and loads it when the first address is asked for. A kernel that hides its
symbols leaves addresses without names; that is no error.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

#: Seconds between the first two looks at a process's mappings; each interval after is twice the one before. Up to the
#: second one there is no sleeping in between: a program that only says hello has ended after a millisecond.
FIRST_INTERVAL, HURRIED_INTERVAL = 0.0002, 0.003

if TYPE_CHECKING:
    from ...core.binary.kernel_symbols import KernelSymbols
    from ...core.binary.user_symbols import UserSymbols


class ProcessSymbols:
    """The `core.output.Symbols` of a run on this machine."""

    def __init__(self) -> None:
        self._kernel: KernelSymbols | None = None
        self._user: UserSymbols | None = None
        self._hidden = False

    def kernel(self, address: int) -> tuple[str, int] | None:
        if self._hidden:
            return None
        if self._kernel is None:
            from ...core.binary.kernel_symbols import KernelSymbols

            self._kernel = KernelSymbols()
        try:
            return self._kernel.resolve(address)
        except (OSError, ValueError):
            # Unreadable once is unreadable for this run: /proc/kallsyms does not become so by waiting.
            self._hidden = True
            return None

    def user(self, pid: int, address: int) -> tuple[str | None, int, str | None]:
        frame = self.prepared().resolve(pid, address)
        return frame.symbol, frame.offset, frame.module

    def prepared(self) -> UserSymbols:
        """What resolves addresses of processes, its modules imported."""
        if self._user is None:
            from ...core.binary.user_symbols import UserSymbols

            self._user = UserSymbols()
        return self._user


class MappingWatch:
    """Remembers what one process has mapped while it runs: often when it has just started, since that is when libraries
    are loaded and many processes end again, then ever less often. It costs nothing per event.
    """

    def __init__(self, symbols: ProcessSymbols, pid: int, longest: float) -> None:
        """`longest` is the most time, in seconds, between two looks."""
        self._remember = symbols.prepared().remember
        self._pid = pid
        self._interval = FIRST_INTERVAL
        self._longest = longest
        self._next = 0.0

    @property
    def hurries(self) -> bool:
        """Whether the next look is so soon that there is no time to sleep."""
        return self._interval < HURRIED_INTERVAL

    def look(self) -> None:
        """Looks at the process if it is time to."""
        now = monotonic()
        if now >= self._next:
            self._remember(self._pid)
            self._next = now + self._interval
            self._interval = min(2 * self._interval, self._longest)
