"""Names for addresses in stacks, from the kernel's symbol list and the traced processes' binaries.

It ties `core.binary` to `core.output.Symbols` and loads it when the first address is asked for. A kernel that hides its
symbols leaves addresses without names; that is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING

#: Seconds between the first two looks at a process's mappings; each interval after is twice the one before. Up to the
#: second one there is no sleeping in between: a program that only says hello has ended after a millisecond.
FIRST_INTERVAL, HURRIED_INTERVAL = 0.0002, 0.003
#: Seconds for which what was made of addresses is good: a process may start a new program, and the kernel puts other
#: BPF programs into the same place. And those after which an address without a name is worth another look.
KEPT, KEPT_MISS = 1.0, 0.05
_MAX_REMEMBERED = 4096
#: Of the processes that run at the start: how many are looked at in all, and at each look.
_MOST_RUNNING, _LOOKED_AT = 1024, 16

if TYPE_CHECKING:
    from ...core.binary.kernel_symbols import KernelSymbols
    from ...core.binary.user_symbols import UserSymbols
    from ...core.config import Config
    from ...core.linux.mapping_records import MappingRecords
    from ...core.output import CodePlace


class ProcessSymbols:
    """The `core.output.Symbols` of a run on this machine. `clock` gives seconds.

    Debug files are looked for in `debug_directories` before the usual places.
    """

    def __init__(
        self,
        config: Config | None = None,
        debug_directories: Sequence[str] = (),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._debug_directories = debug_directories
        self._kernel: KernelSymbols | None = None
        self._user: UserSymbols | None = None
        self._hidden = False
        self._config = config
        self._clock = clock
        self._remembered: dict[tuple[int, str], _Remembered] = {}
        self._misses = 0

    def kernel(self, address: int) -> tuple[str, int] | None:
        found = None if self._hidden else self._kernel_name(address)
        self._misses += found is None
        return found

    def _kernel_name(self, address: int) -> tuple[str, int] | None:
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
        self._misses += frame.symbol is None
        return frame.symbol, frame.offset, frame.module

    def source(self, pid: int, address: int) -> Sequence[CodePlace]:
        if self._config is None or not self._config.show_debug_info:
            return ()
        return self.prepared().source(pid, address)

    def remembered(self, pid: int, style: str, make: Callable[[int], bytes]) -> Mapping[int, bytes]:
        now = self._clock()
        found = self._remembered.get((pid, style))
        if found is None or now - found.since > self._kept:
            while len(self._remembered) >= _MAX_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            found = self._remembered[pid, style] = _Remembered(make, self._count_misses, now)
        elif found.missed and now - found.looked_at > KEPT_MISS:
            found.forget_missed(now)
        return found

    @property
    def _kept(self) -> float:
        return -1.0 if self._config is not None and self._config.cache_user_symbols == "NONE" else KEPT

    def _count_misses(self) -> int:
        return self._misses

    def prepared(self) -> UserSymbols:
        """What resolves addresses of processes, its modules imported."""
        if self._user is None:
            from ...core.binary.debug_files import debug_directories
            from ...core.binary.user_symbols import UserSymbols

            directories = debug_directories(self._debug_directories)
            if self._config is None:
                self._user = UserSymbols(directories)
            else:
                self._user = UserSymbols(
                    directories,
                    demangles=self._config.cpp_demangle,
                    is_lazy=self._config.lazy_symbolication,
                    remembers=self._config.cache_user_symbols != "NONE",
                    shows_source=self._config.show_debug_info,
                )
        return self._user


class _Remembered(dict[int, bytes]):
    """What was made of addresses since a time. Those without a name are found out again after a while."""

    __slots__ = ("_count_misses", "_make", "looked_at", "missed", "since")

    def __init__(self, make: Callable[[int], bytes], count_misses: Callable[[], int], now: float) -> None:
        super().__init__()
        self._make = make
        self._count_misses = count_misses
        self.since = self.looked_at = now
        self.missed: list[int] = []

    def __missing__(self, address: int) -> bytes:
        before = self._count_misses()
        made = self._make(address)
        if self._count_misses() != before:
            self.missed.append(address)
        self[address] = made
        return made

    def forget_missed(self, now: float) -> None:
        self.looked_at = now
        for address in self.missed:
            self.pop(address, None)
        self.missed.clear()


class MappingWatch:
    """Remembers what processes have mapped while they run, so that addresses mean something after they ended.

    The kernel tells of every program that is started and every file that is mapped, of one process and its children or
    of all. One process is looked at as well, for what it had mapped before and its other threads do: where the kernel
    tells nothing, often when it has just started, since that is when libraries are loaded and many processes end again.
    Of all processes those that run at the start are looked at once, some at each look. It costs nothing per event.
    """

    def __init__(self, symbols: ProcessSymbols, pid: int | None, longest: float) -> None:
        """`longest` is the most time, in seconds, between two looks; without a `pid` all processes are meant."""
        user = symbols.prepared()
        self._remember, self._remember_code, self._hear = user.remember, user.remember_code, user.hear
        self._pid = pid
        self._records = _open_records(pid)
        if self._records is not None:
            user.news = self._records.take
        self._running = _running() if pid is None else []
        self._interval = FIRST_INTERVAL if self._records is None else longest
        self._longest = longest
        self._next = 0.0

    @property
    def hurries(self) -> bool:
        """Whether the next look is so soon that there is no time to sleep."""
        return self._interval < HURRIED_INTERVAL and self._pid is not None

    def look(self) -> None:
        """Hears what the kernel tells, and looks at the process if it is time to."""
        if self._records is not None:
            self._hear(self._records.take())
        for pid in self._running[-_LOOKED_AT:]:
            self._remember_code(pid)
        del self._running[-_LOOKED_AT:]
        if self._pid is None:
            return
        now = monotonic()
        if now >= self._next:
            self._remember(self._pid)
            self._next = now + self._interval
            self._interval = min(2 * self._interval, self._longest)


def _running() -> list[int]:
    """Processes that run now; the last ones are those that were started last, which may be the first to end."""
    import os

    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())[-_MOST_RUNNING:]


def _open_records(pid: int | None) -> MappingRecords | None:
    from ...core.linux.errors import KernelError
    from ...core.linux.mapping_records import MappingRecords

    try:
        return MappingRecords(pid)
    except (KernelError, OSError):
        return None  # a kernel that does not permit it (perf_event_paranoid): looking has to do
