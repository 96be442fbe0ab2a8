"""What BTF leaves unsaid of a type's layout: how it is aligned."""

from __future__ import annotations

from collections.abc import Callable

from .btf import MAX_CHAIN, POINTER_SIZE, Btf
from .btf_types import Array, BtfError, Composite, Enumeration, Float, Int, Ptr

_INTEGER_SIZES = frozenset({1, 2, 4, 8, 16})


class Alignments:
    """The alignment in bytes of types of one reader, each worked out once. Raises BtfError on malformed BTF."""

    def __init__(self, btf: Btf) -> None:
        self._btf = btf.unwatched
        self._known: dict[int, int] = {}
        self._depth = 0

    def of(self, type_id: int) -> int:
        """1 for what has no size."""
        known = self._known.get(type_id)
        if known is None:
            known = self._known[type_id] = self._find(type_id)
        return known

    def of_members(self, composite: Composite) -> int:
        """As large as the members of a struct want and their offsets allow."""
        wanted = 1
        for member in composite.members:
            if member.bitfield_size or member.bit_offset % 8:
                continue
            align = self.of(member.type_id)
            while member.bit_offset // 8 % align or composite.size % align:
                align //= 2
            wanted = max(wanted, align)
        return wanted

    def _find(self, type_id: int) -> int:
        btf = self._btf
        match btf.type(btf.resolve(type_id)):
            case Array(element_id=inner):
                return self._inside(lambda: self.of(inner))
            case Composite() as found:
                return self._inside(lambda: self.of_members(found))
            case Int(size=size) | Enumeration(size=size) | Float(size=size):
                return size if size in _INTEGER_SIZES else 1
            case Ptr():
                return POINTER_SIZE
        return 1

    def _inside(self, find: Callable[[], int]) -> int:
        if self._depth >= MAX_CHAIN:
            raise BtfError("a type lies within itself")
        self._depth += 1
        align = find()
        self._depth -= 1
        return align
