"""Links that cannot have all of their places: what the kernel refuses is found and left out.

The kernel takes a link for many places whole or not at all, and does not say which place it minds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ....core.linux.errors import KernelError
from ....core.probe import Link

#: The search takes few tries, but each waits for a grace period of RCU, as all closing of links does.
_PIECES = 16
_TRIES_AT_ONCE = 32

T = TypeVar("T")


def link_what_can(
    places: Sequence[T], link: Callable[[Sequence[T]], Link], refusals: tuple[int, ...]
) -> tuple[Link, set[T]]:
    """A link of all places but some, and those; `refusals` are the errors that are about single places.

    Raises: KernelError: for another reason, or no place is any good.
    """
    try:
        return link(places), set()
    except KernelError as error:
        if error.errno not in refusals:
            raise
        refused = _refused(places, link, refusals)
        if len(refused) == len(set(places)):
            raise
    return link([place for place in places if place not in refused]), refused


def _refused(places: Sequence[T], link: Callable[[Sequence[T]], Link], refusals: tuple[int, ...]) -> set[T]:
    """The places that a link cannot have, found by trying ever smaller parts; all of them when no part is any good."""
    from concurrent.futures import ThreadPoolExecutor

    def fails(part: Sequence[T]) -> bool:
        try:
            link(part).close()
        except KernelError as error:
            if error.errno not in refusals:
                raise
            return True
        return False

    refused: set[T] = set()
    suspects = [places]
    with ThreadPoolExecutor(_TRIES_AT_ONCE) as pool:
        while suspects:
            parts = [part for suspect in suspects for part in _pieces(suspect)]
            failed = [part for part, has_failed in zip(parts, pool.map(fails, parts), strict=True) if has_failed]
            if suspects == [places] and failed == parts:
                return set(places)  # it is not for single places
            refused.update(part[0] for part in failed if len(part) == 1)
            suspects = [part for part in failed if len(part) > 1]
    return refused


def _pieces(places: Sequence[T]) -> list[Sequence[T]]:
    size = -(-len(places) // _PIECES)
    return [places[at : at + size] for at in range(0, len(places), size)]
