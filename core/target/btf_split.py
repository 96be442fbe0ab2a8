"""BTF of a kernel module: it is split from the kernel's, whose types and strings it goes on from.

Type ids and string offsets begin where those of the kernel's BTF end (Documentation/bpf/btf.rst, section 4.1), so
nothing in a module's blob can be read without the kernel's.
"""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING

from . import btf_index
from .btf import Btf
from .btf_types import BtfType, kind_numbers

if TYPE_CHECKING:
    import mmap
    from collections.abc import Collection, Iterator

    from .btf_index import Index


class SplitBtf(Btf):
    """A module's types over those of `base`. `find` and its like look through the module's own only.

    The blob is walked when a name is asked for that may be in it: there can be two hundred modules, and most names are
    in none of them. Raises BtfError.
    """

    def __init__(self, blob: bytes | mmap.mmap, base: Btf) -> None:
        super().__init__(blob, btf_index.read_header(blob, is_split=True))
        self.base = base
        self.first_id = len(base) + 1
        self.first_string = len(base.strings)

    @cached_property
    def index(self) -> Index:
        return btf_index.build_index(self.blob, self.sections, self.first_id, self.base.strings)

    def names(self, prefix: str, kinds: Collection[type]) -> list[str]:
        """The names may be among the kernel's strings too, so every type is looked at."""
        wanted = {kind_numbers[kind] for kind in kinds}
        records = (self._common(self.blob, at) for at in self.index.offsets)
        found = {self.string(name) for name, info, _ in records if info >> 24 & 31 in wanted}
        return sorted(name for name in found if name.startswith(prefix))

    def type(self, type_id: int) -> BtfType:
        return self.base.type(type_id) if 0 < type_id < self.first_id else super().type(type_id)

    def string(self, offset: int) -> str:
        return self.base.string(offset) if offset < self.first_string else super().string(offset)

    def _candidates(self, name: str) -> Iterator[int]:
        return super()._candidates(name) if self._may_have(name) else iter(())

    def _may_have(self, name: str) -> bool:
        """Whether the name is among the module's strings, or anything in its types refers to that of the kernel."""
        blob, sections = self.blob, self.sections
        if blob.find(name.encode("utf-8", "surrogateescape") + b"\0", sections.strings, sections.strings_end) >= 0:
            return True
        references = (struct.pack(sections.order + "I", offset) for offset in self.base.find_string(name))
        return any(blob.find(reference, sections.types, sections.types_end) >= 0 for reference in references)
