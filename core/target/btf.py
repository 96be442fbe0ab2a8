"""Reads types out of a raw BTF blob (Documentation/bpf/btf.rst) one at a time, as they are asked for.

The blob comes from the kernel or from a captured directory, so every offset in it is checked before it is followed.
It knows nothing of the compiler's own types.
"""

from __future__ import annotations

import os
import struct
from binascii import crc32
from bisect import bisect_left
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from . import btf_index
from .btf_decode import Record, decoders
from .btf_types import (
    Array,
    BtfError,
    BtfType,
    Composite,
    Const,
    Datasec,
    Enumeration,
    Float,
    Func,
    Int,
    Ptr,
    Restrict,
    Typedef,
    TypeTag,
    Var,
    Void,
    Volatile,
    kind_numbers,
)

if TYPE_CHECKING:
    import mmap
    from collections.abc import Collection, Iterator

    from .btf_index import Index, Sections

POINTER_SIZE = 8  # BTF does not say; every architecture that this compiler knows has 64-bit pointers
MAX_CHAIN = 64  # longer chains of typedefs, modifiers and arrays than this occur only in cyclic, hence broken, BTF

transparent = (Typedef, Const, Volatile, Restrict, TypeTag)
void = Void()


class Btf:
    """The types of one kernel. Type ids run from 1 to `len(btf)`; id 0 is void."""

    first_id = 1  # of the types in this blob, and
    first_string = 0  # the offset of its strings: both are larger for a module's (btf_split.py)

    def __init__(self, blob: bytes | mmap.mmap, sections: Sections, index: Index | None = None) -> None:
        self.blob = blob
        self.sections = sections
        if index is not None:
            self.index = index
        self._types: dict[int, BtfType] = {0: void}
        self._strings_found: dict[str, tuple[int, ...]] = {}
        self._common = struct.Struct(sections.order + "III").unpack_from

    @classmethod
    def parse(cls, blob: bytes) -> Btf:
        """A reader of `blob`, which is walked now. Raises BtfError."""
        sections = btf_index.read_header(blob)
        return cls(blob, sections, btf_index.build_index(blob, sections))

    @classmethod
    def open(cls, path: str, build_id: str, cache: str | None) -> Btf:
        """A reader of the file at `path`, the BTF of the kernel `build_id`.

        `cache` is a private directory (see cache_directory.py) in which the index is looked for and kept; None does
        without. Raises OSError for the file itself and BtfError.
        """
        blob = map_file(path)
        sections = btf_index.read_header(blob)
        if cache is None or not build_id:
            return cls(blob, sections, btf_index.build_index(blob, sections))
        index = btf_index.load_index(cache, build_id, len(blob))
        if index is None:
            index = btf_index.build_index(blob, sections)
            with suppress(OSError):  # a full or read-only disk: this run has its index, the next one builds its own
                btf_index.store_index(cache, build_id, len(blob), index)
        return cls(blob, sections, index)

    @property
    def unwatched(self) -> Btf:
        """The reader to ask for what lies by value in types that have been asked for: such questions are no news to
        one that keeps a record of them."""
        return self

    @cached_property
    def index(self) -> Index:
        return btf_index.build_index(self.blob, self.sections)

    @cached_property
    def strings(self) -> bytes:
        """The string section."""
        return self.blob[self.sections.strings : self.sections.strings_end]

    def find_string(self, text: str) -> tuple[int, ...]:
        """The offsets in the string section at which a whole string is `text`: one, or none, as BTF is written."""
        if text not in self._strings_found:
            needle = b"\0" + text.encode("utf-8", "surrogateescape") + b"\0"
            found, at = [], self.strings.find(needle)
            while at >= 0:
                found.append(at + 1)
                at = self.strings.find(needle, at + 1)
            self._strings_found[text] = tuple(found)
        return self._strings_found[text]

    def __len__(self) -> int:
        return self.first_id - 1 + len(self.index.offsets)

    def find(self, name: str, kinds: Collection[type]) -> int | None:
        """The lowest id of a type called `name` whose kind is one of `kinds`, or None."""
        return next(self.find_all(name, kinds), None)

    def find_all(self, name: str, kinds: Collection[type]) -> Iterator[int]:
        """All such ids in ascending order: a kernel may have several private structs of one name."""
        wanted = {kind_numbers[kind] for kind in kinds}
        for type_id in self._candidates(name):
            name_at, info, _ = self._record(type_id)
            if info >> 24 & 31 in wanted and self.string(name_at) == name:
                yield type_id

    def find_constant(self, name: str) -> tuple[int, int] | None:
        """The first enum that has a constant called `name`: (id of the enum, value), or None."""
        for type_id in self._candidates(name):
            found = self.type(type_id)
            if isinstance(found, Enumeration):
                for constant, value in found.values:
                    if constant == name:
                        return type_id, value
        return None

    def names(self, prefix: str, kinds: Collection[type]) -> list[str]:
        """The names beginning with `prefix` that types of these `kinds` have, sorted; `prefix` must not be empty."""
        blob, end = self.blob, self.sections.strings_end
        needle = b"\0" + prefix.encode()
        found = set()
        at = blob.find(needle, self.sections.strings, end)
        while at >= 0:
            found.add(self.string(at + 1 - self.sections.strings + self.first_string))
            at = blob.find(needle, at + 1, end)
        return sorted(name for name in found if self.find(name, kinds) is not None)

    def functions(self) -> list[str]:
        """The names of all functions of this blob, in the order of their ids; some names are there twice."""
        return [name for name, _ in self.function_prototypes()]

    def function_prototypes(self) -> Iterator[tuple[str, int]]:
        """(name, type id of the prototype) of the same functions in the same order."""
        wanted = kind_numbers[Func]
        common, blob = self._common, self.blob
        for at in self.index.offsets:
            name, info, prototype = common(blob, at)
            if info >> 24 & 31 == wanted:
                yield self.string(name), prototype

    def type(self, type_id: int) -> BtfType:
        """The type with this id. Raises BtfError when there is none or it is malformed."""
        known = self._types.get(type_id)
        if known is None:
            known = self._types[type_id] = self._decode(type_id)
        return known

    def resolve(self, type_id: int) -> int:
        """The id under all typedefs, const, volatile, restrict and type tags. Raises BtfError."""
        for _ in range(MAX_CHAIN):
            found = self.type(type_id)
            if not isinstance(found, transparent):
                return type_id
            type_id = found.type_id
        raise BtfError(f"type {type_id} is in a chain of more than {MAX_CHAIN} typedefs and modifiers")

    def size_of(self, type_id: int) -> int:
        """Bytes that a value of the type takes. Raises BtfError for void, functions and what is only declared."""
        count = 1
        for _ in range(MAX_CHAIN):
            match self.type(self.resolve(type_id)):
                case Ptr():
                    return count * POINTER_SIZE
                case Int(size=size) | Float(size=size) | Composite(size=size) | Enumeration(size=size):
                    return count * size
                case Datasec(size=size):
                    return count * size
                case Array(element_id=element, length=length):
                    count *= length
                    type_id = element
                case Var(type_id=target):
                    type_id = target
                case other:
                    raise BtfError(f"type {type_id}, a {type(other).__name__}, has no size")
        raise BtfError(f"type {type_id} is in a chain of more than {MAX_CHAIN} arrays")

    def _candidates(self, name: str) -> Iterator[int]:
        names = self.index.names
        checksum = crc32(name.encode("utf-8", "surrogateescape"))
        first = checksum << 32
        last = 0
        for position in range(bisect_left(names, first), len(names)):
            entry = names[position]
            if entry >> 32 != checksum:
                return
            if entry != last:  # an enum whose name is that of one of its constants is listed twice
                last = entry
                yield entry & 0xFFFFFFFF

    def _record(self, type_id: int) -> tuple[int, int, int]:
        offsets = self.index.offsets
        if not self.first_id <= type_id < self.first_id + len(offsets):
            raise BtfError(f"there is no type {type_id}; the last one is {len(self)}")
        at = offsets[type_id - self.first_id]
        if not self.sections.types <= at <= self.sections.types_end - 12:
            raise BtfError(f"type {type_id} lies outside the type section")
        name, info, size = self._common(self.blob, at)
        return name, info, size

    def string(self, offset: int) -> str:
        """The string at `offset` of the string section. Raises BtfError."""
        start = self.sections.strings + offset - self.first_string
        if start >= self.sections.strings_end:
            raise BtfError(f"string {offset} lies outside the string section")
        return self.blob[start : self.blob.find(b"\0", start)].decode("utf-8", "surrogateescape")

    def trailer(self, type_id: int, layout: str, count: int) -> list[tuple[int, ...]]:
        """`count` records of `layout` (struct format letters) that follow the 12 common bytes of a type.

        Raises BtfError when they run past the type section.
        """
        entry = struct.Struct(self.sections.order + layout)
        start = self.index.offsets[type_id - self.first_id] + 12
        end = start + entry.size * count
        if end > self.sections.types_end:
            raise BtfError(f"type {type_id} is cut off")
        return list(entry.iter_unpack(self.blob[start:end]))

    def _decode(self, type_id: int) -> BtfType:
        name_at, info, size = self._record(type_id)
        decoder = decoders.get(info >> 24 & 31)
        if decoder is None:
            raise BtfError(f"type {type_id} has the unknown kind {info >> 24 & 31}")
        return decoder(self, Record(type_id, self.string(name_at), bool(info >> 31), info & 0xFFFF, size))


def map_file(path: str) -> bytes | mmap.mmap:
    """The content of `path`, mapped where the kernel can (/sys/kernel/btf/vmlinux since Linux 6.16), else read."""
    import mmap

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as file:
        try:
            return mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ)
        except (OSError, ValueError):  # ValueError: an empty file
            return file.read()
