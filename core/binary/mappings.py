"""What a process has mapped, and which mapping an address is in.

Reads /proc/PID/maps, the only place that ties addresses of a process to files. This file must not know of symbols.
Facts: proc_pid_maps(5).
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from ..frozen import dataclass

_DELETED = b" (deleted)"
_ESCAPED_NEWLINE = b"\\012"
_CODE = re.compile(rb"\S+ ..x").match
_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) *(.*)")


@dataclass(frozen=True, slots=True)
class Mapping:
    """Addresses `start` up to `end`, which show the file from byte `offset` on.

    `permissions` are as printed ("r-xp"); `path` is as the process sees it ("" for anonymous memory, "[stack]" and the
    like for the kernel's own names), without the kernel's " (deleted)", which is `deleted`. `device` is as in `st_dev`,
    though some file systems (btrfs) give `stat` another number. A file name that is not UTF-8 has surrogate escapes.
    """

    start: int
    end: int
    permissions: str
    offset: int
    device: int
    inode: int
    path: str
    deleted: bool

    @property
    def executable(self) -> bool:
        return self.permissions[2] == "x"

    @property
    def is_file(self) -> bool:
        """False for anonymous memory and the kernel's own mappings; shared memory counts as a (deleted) file."""
        return self.inode != 0


def parse_maps(text: bytes) -> list[Mapping]:
    """The mappings in the text of /proc/PID/maps, in its order, which is by address.

    Raises ValueError for a line that is not of its form.
    """
    mappings = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of /proc/PID/maps: {os.fsdecode(line)!r}")
        start, end, permissions, offset, major, minor, inode, path = match.groups()
        # Nothing tells a file that really is called "x (deleted)" from a deleted x; opening it will.
        deleted = path.endswith(_DELETED)
        mappings.append(
            Mapping(
                int(start, 16),
                int(end, 16),
                permissions.decode("ascii", "replace"),
                int(offset, 16),
                os.makedev(int(major, 16), int(minor, 16)),
                int(inode),
                os.fsdecode(path.removesuffix(_DELETED).replace(_ESCAPED_NEWLINE, b"\n")),
                deleted,
            )
        )
    return mappings


class ProcessMappings:
    """The mappings of a process at one moment."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        self._mappings = sorted(mappings, key=lambda mapping: mapping.start)
        self._starts = [mapping.start for mapping in self._mappings]

    @classmethod
    def of(cls, pid: int) -> ProcessMappings:
        """What `pid` has mapped now: nothing for kernel threads and zombies. Raises OSError where it is gone."""
        with open(f"/proc/{pid}/maps", "rb") as file:
            return cls(parse_maps(file.read()))

    @classmethod
    def code_of(cls, pid: int) -> ProcessMappings:
        """The executable ones of these, which are few."""
        with open(f"/proc/{pid}/maps", "rb") as file:
            return cls(parse_maps(b"\n".join([line for line in file.read().splitlines() if _CODE(line)])))

    def __iter__(self) -> Iterator[Mapping]:
        return iter(self._mappings)

    def __len__(self) -> int:
        return len(self._mappings)

    def find(self, address: int) -> tuple[Mapping, int] | None:
        """The mapping around `address` and the byte of its file that is seen there (of no meaning without a file)."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        mapping = self._mappings[index]
        if address >= mapping.end:
            return None
        return mapping, address - mapping.start + mapping.offset
