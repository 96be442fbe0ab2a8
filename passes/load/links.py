"""The links of a run, and what they leave behind: closing them so that results need not wait for the kernel.

The kernel waits for grace periods of RCU, some 40 ms, at every closing of a link, and again as long at that of the perf
event that a link was to. For events it lets nobody wait beside (event_mutex); for links newer kernels do (6.18 does,
6.12 does not). So many links are closed at a time, which ends the tracing, and the events behind them, while output
goes on: hundreds take half a second to detach then, and where the kernel is older not longer than before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ...core.probe import ConcretePoint, Link

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor

#: From so many links on threads close them: so many of them. More would keep older kernels from the events meanwhile.
_MANY = 4
_LINK_THREADS = 16
#: Events have to queue anyway; but in the kernel, where links would otherwise overtake them again and again.
_EVENT_THREADS = 32


class Links:
    """Attached things, true while there are any. One that was taken away alone counts as if it were there."""

    def __init__(self) -> None:
        self._links: list[tuple[Link, list[int]]] = []
        self._points: dict[Link, ConcretePoint] = {}
        self._lost_one = False
        self._kept: list[int] = []
        self._closer: ThreadPoolExecutor | None = None
        self._closings: list[Future[None]] = []

    def expect(self, count: int) -> None:
        """So many are going to be added. What many are closed by is there then: a tracer of files would show it."""
        if count >= _MANY:
            import concurrent.futures.thread  # noqa: F401

    def __bool__(self) -> bool:
        return self._lost_one or bool(self._links)

    def add(self, link: Link, point: ConcretePoint | None = None) -> None:
        if point is not None:
            self._points[link] = point
        self._links.append((link, self._kept))
        self._kept = []

    def detach_from(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        """Closes the links to some of the points, of those that were told; gives their number."""
        meant = [item for item in self._links if item[0] in self._points and is_meant(self._points[item[0]])]
        for item in meant:
            link, kept = item
            self._links.remove(item)
            del self._points[link]
            self._lost_one = True
            link.close()
            for descriptor in kept:
                os.close(descriptor)
        return len(meant)

    def keep(self, descriptor: int) -> None:
        """A descriptor that nothing runs by any more once the link that is added next has been closed."""
        self._kept.append(descriptor)

    def detach(self) -> None:
        """Close all links: nothing is traced when this returns. Raises what closing one raises."""
        links, self._links = self._links[::-1], []
        if len(links) < _MANY:
            for link, kept in links:
                self._kept += kept
                link.close()
            return
        from concurrent.futures import ThreadPoolExecutor

        self._closer = closer = ThreadPoolExecutor(_EVENT_THREADS)

        def detach(item: tuple[Link, list[int]]) -> None:
            link, kept = item
            link.close()
            self._closings += [closer.submit(os.close, descriptor) for descriptor in kept]

        with ThreadPoolExecutor(_LINK_THREADS) as pool:
            for _ in pool.map(detach, links):
                pass

    def close(self) -> None:
        """Returns when the kernel has been given everything back."""
        self.detach()
        while self._kept:
            os.close(self._kept.pop())
        if self._closer is not None:
            self._closer.shutdown()
            self._closer = None
            for closing in self._closings:
                closing.result()
