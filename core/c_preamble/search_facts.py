"""What the meaning of a preamble's `#include` lines depends on, so that a cached result can tell when it has changed.

A header is another one when its file changes, when a file of its name turns up in a directory that is searched before,
or when the environment names other directories. It knows paths, nothing of what is in the files.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

from ..target.dependency import Dependency, file_fact
from .search_path import BUILT_IN_HEADERS, kernel_trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Those that `search_path` reads, and those that the C compiler itself adds to its search path (clang(1)).
_VARIABLES = ("ARCH", "BPFTRACE_KERNEL_BUILD", "BPFTRACE_KERNEL_SOURCE", "CPATH", "C_INCLUDE_PATH")


def search_facts(headers: Iterable[str], arguments: Sequence[str], release: str) -> Iterator[Dependency]:
    """The facts behind `headers`, absolute paths that were read with these `arguments`. Raises: OSError."""
    for name in _VARIABLES:
        yield Dependency("environment", name, os.environ.get(name))
    directories = _searched(arguments)
    absent = set(kernel_trees(release))
    for header in headers:
        yield Dependency("file", header, file_fact(header))
        for position, directory in enumerate(directories):
            if header.startswith(directory + "/"):
                relative = header[len(directory) + 1 :]
                absent.update(os.path.join(earlier, relative) for earlier in directories[:position])
    for path in sorted({_topmost_missing(path) for path in absent if file_fact(path) is None}):
        yield Dependency("file", path, None)


def _searched(arguments: Sequence[str]) -> list[str]:
    """The directories of the search path in order: those of -I come before those of -isystem. Our own change only with
    our code."""
    own = [word[2:] for word in arguments if word.startswith("-I")]
    system = [word for before, word in pairwise(arguments) if before == "-isystem" and word != BUILT_IN_HEADERS]
    return [os.path.abspath(directory) for directory in (*own, *system)]


def _topmost_missing(path: str) -> str:
    """The ancestor without which the path cannot be there: many paths share one."""
    while file_fact(above := os.path.dirname(path)) is None and above != path:
        path = above
    return path
