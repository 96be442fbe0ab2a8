"""The types of this machine's kernel modules, from the files in /sys/kernel/btf, and their indexes in the cache.

Apart from `live.py` because few runs need it.
"""

from __future__ import annotations

import os
from binascii import crc32
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from . import btf_index
from .btf import Btf, map_file
from .btf_split import SplitBtf
from .cache_directory import cache_directory
from .dependency import Dependency, text_fact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from . import Target

DIRECTORY = "/sys/kernel/btf"
KERNEL = "vmlinux"


class ModuleBtf(SplitBtf):
    """A module's types; once one has been found in it, the result depends on the module as it is now."""

    def __init__(self, path: str, base: Btf, target: Target) -> None:
        super().__init__(map_file(path), base)
        self.path = path
        self._target = target
        self._is_remembered = False

    @cached_property
    def index(self) -> btf_index.Index:
        cache = cache_directory()
        if cache is None or not self._target.kernel_build_id:
            return super().index
        directory = os.path.join(cache, "modules")
        name, size = os.path.basename(self.path), len(self.blob)
        build = f"{self._target.kernel_build_id} {crc32(self.blob):08x}"
        known = btf_index.load_index(directory, build, size, name)
        if known is not None:
            return known
        index = super().index
        with suppress(OSError):  # this run has its index, the next one builds its own
            os.makedirs(directory, mode=0o700, exist_ok=True)
            btf_index.store_index(directory, build, size, index, name)
        return index

    def find_all(self, name: str, kinds: Collection[type]) -> Iterator[int]:
        for type_id in super().find_all(name, kinds):
            self._remember()
            yield type_id

    def find_constant(self, name: str) -> tuple[int, int] | None:
        found = super().find_constant(name)
        if found is not None:
            self._remember()
        return found

    def _remember(self) -> None:
        """By content: sysfs gives a file a new time whenever its inode leaves the kernel's cache."""
        if not self._is_remembered:
            self._is_remembered = True
            self._target.remember(Dependency("text", self.path, text_fact(self.blob[:])))


def module_btf(target: Target, base: Btf, directory: str = DIRECTORY) -> Iterator[tuple[str, Btf]]:
    """(module, types) of those that have a file in `directory`, over those of the kernel. Raises BtfError, OSError."""
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return
    for name in names:
        if name == KERNEL:
            continue
        try:
            yield name, ModuleBtf(os.path.join(directory, name), base, target)
        except FileNotFoundError:  # unloaded since it was listed
            continue
