"""A kernel's types when not from /sys/kernel/btf: from a file that the user names, or from the kernel's own ELF file.

Such a file is read whole each time, without an index in the cache: few runs need it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property

from . import Target
from .btf import Btf
from .btf_types import BtfError
from .dependency import Dependency, file_fact
from .live import LiveTarget

_SECTION = ".BTF"


class OtherTypes(LiveTarget):
    """This machine, but with the types that are in a file of the user's, raw or a section of an ELF file.

    Programs are compiled with them. What the kernel can do is told by its own, and so is what programs attach to.
    """

    def __init__(self, types: str, traceable_functions: str | None) -> None:
        super().__init__(traceable_functions)
        self.types = types

    @cached_property
    def btf(self) -> Btf | None:
        self.remember(Dependency("file", self.types, file_fact(self.types)))
        try:
            return read_types(self.types)
        except (OSError, ValueError):
            return None  # and `warnings` says so

    @property
    def warnings(self) -> tuple[str, ...]:
        return (f"BTF: failed to parse BTF from {self.types}",) if self.btf is None else ()

    def module_btf(self) -> Iterator[tuple[str, Btf]]:
        """None: those of the machine's modules go on from the types of its own kernel."""
        return iter(())

    def _function_slots(self) -> Mapping[str, Mapping[str, int]]:
        return Target._function_slots(self)

    @cached_property
    def kernel_features(self) -> frozenset[str]:
        return LiveTarget().kernel_features


def read_types(path: str) -> Btf:
    """The types in a file: raw BTF, or an ELF file with a section of them. Raises: OSError, ElfError, BtfError."""
    from ..binary.elf import ElfFile
    from ..binary.elf_format import ELF_MAGIC

    if not os.path.isfile(path):
        raise BtfError(f"{path}: not a regular file")
    with open(path, "rb") as file:
        if not file.peek().startswith(ELF_MAGIC):
            return Btf.parse(file.read())
    with ElfFile(path) as elf:
        section = elf.section(_SECTION)
        if section is None:
            raise BtfError(f"{path}: no section {_SECTION}")
        return Btf.parse(elf.section_data(section))
