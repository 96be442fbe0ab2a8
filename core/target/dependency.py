"""What a compilation read from the machine beyond its kernel, so that a cached result can tell whether it still holds.

Every fact is plain data and is checked against the live machine in microseconds. The BTF reader is never
imported and the ELF reader only for searches: a cached start must not pay for the compiler.
"""

from __future__ import annotations

import os
from binascii import crc32
from typing import TYPE_CHECKING, TypeAlias

from ..frozen import dataclass
from ..linux import machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from .binary_search import BinarySearch

Fact: TypeAlias = "str | int | tuple[Fact, ...] | None"


@dataclass(frozen=True, slots=True)
class Dependency:
    """One fact: `fact` was the answer to the question `key` of this `kind`.

    | kind | key | fact |
    |---|---|---|
    | file | path | (st_dev, st_ino, size in bytes, mtime in ms), None when not there |
    | text | path | (size in bytes, CRC-32) of the content, None when not there |
    | access | path | the errno of opening it for reading, 0 when that is permitted |
    | cgroup | path | the cgroup's id |
    | path | name searched | the paths found, in order |
    | search | key of a BinarySearch | the same of a search that is not told by its name alone |
    | machine | a name of `machine_facts` | the Target attribute of that name |
    | environment | variable | its text, None when it is not set |
    """

    kind: str
    key: str
    fact: Fact

    def to_data(self) -> list[object]:
        """[kind, key, fact] with lists for tuples, for json.dumps."""
        return [self.kind, self.key, thaw(self.fact)]

    @staticmethod
    def from_data(data: object) -> Dependency:
        """The inverse of `to_data`. Raises ValueError."""
        if not isinstance(data, list) or len(data) != 3:
            raise ValueError(f"not a dependency: {data!r}")
        kind, key, fact = data
        if not isinstance(kind, str) or not isinstance(key, str) or not is_known(kind, key):
            raise ValueError(f"not a dependency: {data!r}")
        return Dependency(kind, key, freeze(fact))


def is_known(kind: str, key: str) -> bool:
    return kind in current_facts and (kind != "machine" or key in machine_facts)


def still_holds(dependency: Dependency) -> bool:
    """Whether the live machine would answer the same now; a question that fails now counts as answered differently."""
    try:
        return current_facts[dependency.kind](dependency) == dependency.fact
    except (OSError, ValueError):  # ValueError: a loader cache or the like that is malformed now
        return False


def freeze(value: object) -> Fact:
    """JSON data as a Fact. Raises ValueError."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    raise ValueError(f"not a fact: {value!r}")


def thaw(fact: Fact) -> object:
    return [thaw(item) for item in fact] if isinstance(fact, tuple) else fact


def file_fact(path: str) -> Fact:
    """Raises OSError, except when there is no such file."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns // 1_000_000


def text_fact(content: bytes | None) -> Fact:
    return None if content is None else (len(content), crc32(content))


def access_fact(path: str) -> int:
    """Of files that only some may open, which no stat(2) tells of all: a kernel that is locked down refuses root."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or 0
    return 0


def read_content(path: str) -> bytes | None:
    """The bytes of a file, None when there is none. Raises OSError otherwise."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def cgroup_fact(path: str) -> int:
    from ..linux.cgroup import cgroup_id

    return cgroup_id(path)


def search_fact(search: BinarySearch) -> tuple[str, ...]:
    """The paths that a name in an attach point stands for; none when its process is gone."""
    try:
        return search.paths()
    except (FileNotFoundError, ProcessLookupError):
        return ()


def search_dependency(search: BinarySearch) -> Dependency:
    kind, key = ("path", search.name) if search.is_plain else ("search", search.key)
    return Dependency(kind, key, search_fact(search))


def _current_search(dependency: Dependency) -> Fact:
    """Raises ValueError, OSError."""
    from .binary_search import BinarySearch

    key = dependency.key
    return search_fact(BinarySearch(key) if dependency.kind == "path" else BinarySearch.from_key(key))


def pid_namespace() -> tuple[int, int] | None:
    """(st_dev, st_ino) of our pid namespace, None when it is the initial one. Raises OSError."""
    device, inode, is_initial = machine.pid_namespace()
    return None if is_initial else (device, inode)


def running_functions() -> Fact:
    """Asked only for probes on BPF programs. Raises KernelError."""
    from .bpf_functions import bpf_functions

    return bpf_functions()


machine_facts: dict[str, Callable[[], Fact]] = {
    "possible_cpus": machine.possible_cpus,
    "online_cpus": machine.online_cpus,
    "pid_namespace": pid_namespace,
    "interfaces": machine.interfaces,
    "loaded_modules": machine.loaded_modules,
    "bpf_functions": running_functions,
}


current_facts: dict[str, Callable[[Dependency], Fact]] = {
    "file": lambda dependency: file_fact(dependency.key),
    "text": lambda dependency: text_fact(read_content(dependency.key)),
    "access": lambda dependency: access_fact(dependency.key),
    "cgroup": lambda dependency: cgroup_fact(dependency.key),
    "path": _current_search,
    "search": _current_search,
    "machine": lambda dependency: machine_facts[dependency.key](),
    "environment": lambda dependency: os.environ.get(dependency.key),
}
