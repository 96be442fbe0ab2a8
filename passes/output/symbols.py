"""Names for addresses in stacks, from the kernel's symbol list and the traced processes' binaries.

It ties `core.binary` to `core.output.Symbols` and loads it when the first address is asked for. A kernel that hides its
symbols leaves addresses without names; that is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        frame = self._processes().resolve(pid, address)
        return frame.symbol, frame.offset, frame.module

    def remember(self, pid: int) -> None:
        """Notes what a process has mapped now, so that its stacks have names after it ended."""
        self._processes().remember(pid)

    def _processes(self) -> UserSymbols:
        if self._user is None:
            from ...core.binary.user_symbols import UserSymbols

            self._user = UserSymbols()
        return self._user
