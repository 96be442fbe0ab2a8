"""Closing what is attached: all links first, then what they left behind, and all of it by the end."""

from __future__ import annotations

import errno
import os

import pytest
from pybpftrace.passes.load.links import Links


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError as error:
        assert error.errno == errno.EBADF
        return False
    return True


class Place:
    """Attached by a link beside a descriptor that is open for as long as the link is."""

    def __init__(self, links: Links, closed: list[Place]) -> None:
        self.kept = os.open(os.devnull, os.O_RDONLY)
        self.was_open = False
        self.closed = closed
        links.keep(self.kept)
        links.add(self)

    def close(self) -> None:
        self.was_open = is_open(self.kept)
        self.closed.append(self)


@pytest.mark.parametrize("count", [1, 3, 100])
def test_links_are_closed_when_tracing_ends_and_what_they_left_behind_at_the_end(count: int) -> None:
    links = Links()
    closed: list[Place] = []
    assert not links
    places = [Place(links, closed) for _ in range(count)]
    assert links
    links.detach()
    assert not links
    assert sorted(map(id, closed)) == sorted(map(id, places))
    assert all(place.was_open for place in places)
    links.close()
    assert not any(is_open(place.kept) for place in places)
    links.close()
    assert len(closed) == count


def test_few_are_closed_in_reverse_and_nothing_they_left_is_before_the_end() -> None:
    links = Links()
    closed: list[Place] = []
    places = [Place(links, closed) for _ in range(3)]
    links.detach()
    assert closed == places[::-1]
    assert all(is_open(place.kept) for place in places)
    links.close()


def test_the_end_closes_what_was_never_detached_and_what_has_no_link() -> None:
    links = Links()
    closed: list[Place] = []
    place = Place(links, closed)
    alone = os.open(os.devnull, os.O_RDONLY)
    links.keep(alone)
    links.close()
    assert closed == [place]
    assert not is_open(place.kept) and not is_open(alone)


@pytest.mark.parametrize("count", [1, 100])
def test_a_link_that_cannot_be_closed_is_told(count: int) -> None:
    class Broken:
        def close(self) -> None:
            raise OSError(errno.EIO, "broken")

    links = Links()
    for _ in range(count):
        links.add(Broken())
    with pytest.raises(OSError, match="broken"):
        links.detach()
