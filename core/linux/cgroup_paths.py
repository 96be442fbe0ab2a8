"""Where in the control group hierarchies a group is that a probe knows by its number.

The number is the inode of the group's directory (kernfs), so the mounted hierarchies are searched for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..frozen import dataclass

MOUNTS = "/proc/mounts"
#: What the hierarchy of version 2 is called; those of version 1 have the name of their mount point's last part.
UNIFIED = "unified"
#: Directories of a hierarchy that are looked at for one number.
_MOST_DIRECTORIES = 100_000


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy: what it is called, and where."""

    name: str
    mount_point: str


#: Paths that were found, by (mount point, inode). A group can go away and its number come back, but not soon.
_known: dict[tuple[str, int], str] = {}


def hierarchies(mounts: str = MOUNTS) -> list[Hierarchy]:
    """Version 2 first, then version 1 by name; of several mounts under one name the first. See proc_mounts(5)."""
    found: dict[str, Hierarchy] = {}
    with open(mounts, "rb") as file:
        for line in file:
            fields = line.split(b" ")
            if len(fields) < 3 or fields[2] not in (b"cgroup", b"cgroup2"):
                continue
            # Blanks and backslashes are written as three octal digits.
            mount_point = os.fsdecode(fields[1].decode("unicode_escape").encode("latin-1"))
            name = UNIFIED if fields[2] == b"cgroup2" else os.path.basename(mount_point)
            found.setdefault(name, Hierarchy(name, mount_point))
    return sorted(found.values(), key=lambda hierarchy: (hierarchy.name != UNIFIED, hierarchy.name))


def paths_of(number: int) -> list[tuple[str, str]]:
    """(hierarchy's name, path in it) of each hierarchy that has a group of this number; the mount itself is '/'.

    Raises: OSError: when the mounts cannot be read.
    """
    found = ((hierarchy.name, _path(hierarchy.mount_point, number)) for hierarchy in hierarchies())
    return [(name, path) for name, path in found if path is not None]


def _path(mount_point: str, number: int) -> str | None:
    known = _known.get((mount_point, number))
    if known is not None and _inode(mount_point + known) == number:
        return known
    for path, inode in _directories(mount_point):
        if inode == number:
            _known[mount_point, number] = path
            return path
    return None


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None  # the group is gone


def _directories(mount_point: str) -> Iterator[tuple[str, int]]:
    """(path in the hierarchy, inode), breadth first: most groups are near the top."""
    root = _inode(mount_point)
    if root is not None:
        yield "/", root
    level, seen = [""], 0
    while level:
        below: list[str] = []
        for path in level:
            try:
                with os.scandir(mount_point + path) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            below.append(f"{path}/{entry.name}")
                            yield below[-1], entry.inode()
            except OSError:
                continue  # a group that has just gone
        seen += len(below)
        if seen > _MOST_DIRECTORIES:
            return
        level = below
