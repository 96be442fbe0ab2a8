"""Cuts a small BTF blob out of a large one: chosen types and what they lead to.

A captured target keeps a few hundred types of a kernel's hundred thousand. The same ids give the same bytes every
time: types keep the order of their old ids, strings the order in which the types first use them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ..frozen import dataclass
from .btf_index import MAGIC
from .btf_types import (
    Array,
    BtfType,
    Composite,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Reference,
    Union,
    Var,
    Void,
    kind_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .btf import Btf

BEHIND_POINTER = -1
"""The level of a type that is only pointed to: a struct or union is then declared (Fwd), and what has
no name becomes void, as functions do."""


@dataclass(frozen=True, slots=True)
class Written:
    """A blob, and what a module's needs to go on from it: the new id of each old one, and the strings so far."""

    blob: bytes
    new_ids: dict[int, int]
    strings: StringTable


def write(btf: Btf, levels: dict[int, int], base: Written | None = None) -> Written:
    """The blob of the types in `levels`, which `reach` has found; a module's is split from that of its kernel, `base`.

    Raises BtfError when `btf` is malformed.
    """
    kept = sorted(type_id for type_id, level in levels.items() if is_kept(btf.type(type_id), level))
    new_ids = {} if base is None else dict(base.new_ids)
    new_ids.update((old, new) for new, old in enumerate(kept, len(new_ids) + 1))
    strings = StringTable(base.strings if base else None)
    types = b"".join(
        encode(forward_of(btf.type(old)) if levels[old] == BEHIND_POINTER else btf.type(old), new_ids, strings)
        for old in kept
    )
    text = strings.content()
    header = struct.pack("<HBBIIIII", MAGIC, 1, 0, 24, 0, len(types), len(types), len(text))
    return Written(header + types + text, new_ids, strings)


def reach(btf: Btf, ids: Iterable[int], pointer_levels: int) -> dict[int, int]:
    """Every type id that `ids` lead to, with how many more pointers may be followed from there."""
    levels: dict[int, int] = {}
    waiting = [(type_id, pointer_levels) for type_id in ids]
    while waiting:
        type_id, level = waiting.pop()
        if type_id == 0 or levels.get(type_id, BEHIND_POINTER - 1) >= level:
            continue
        levels[type_id] = level
        found = btf.type(type_id)
        if isinstance(found, Ptr):
            waiting.append((found.type_id, max(level - 1, BEHIND_POINTER)))
        elif level > BEHIND_POINTER or not isinstance(found, Composite | FuncProto):
            waiting.extend((target, level) for target in targets(found))
    return levels


def targets(found: BtfType) -> list[int]:
    """The ids that a type's record names."""
    match found:
        case Reference(type_id=target) | Func(type_id=target) | Var(type_id=target) | DeclTag(type_id=target):
            return [target]
        case Array(element_id=element, index_id=index):
            return [element, index]
        case Composite(members=members):
            return [member.type_id for member in members]
        case FuncProto(return_id=returned, parameters=parameters):
            return [returned, *(parameter.type_id for parameter in parameters)]
        case Datasec(entries=entries):
            return [entry.type_id for entry in entries]
    return []


def is_kept(found: BtfType, level: int) -> bool:
    """Whether a reached type gets a record; what gets none is void to those who refer to it."""
    if level > BEHIND_POINTER:
        return True
    return not isinstance(found, FuncProto) and (bool(found.name) or not isinstance(found, Composite))


def forward_of(found: BtfType) -> BtfType:
    return Fwd(found.name, isinstance(found, Union)) if isinstance(found, Composite) else found


class StringTable:
    """Strings in the order of their first use, each once; offset 0 is the empty string. One may go on from another."""

    def __init__(self, base: StringTable | None = None) -> None:
        self._offsets: dict[str, int] = {"": 0} if base is None else dict(base._offsets)
        self._parts = [b"\0"] if base is None else []
        self._size: int = 1 if base is None else base._size

    def offset(self, text: str) -> int:
        known = self._offsets.get(text)
        if known is None:
            known = self._offsets[text] = self._size
            encoded = text.encode("utf-8", "surrogateescape") + b"\0"
            self._parts.append(encoded)
            self._size += len(encoded)
        return known

    def content(self) -> bytes:
        return b"".join(self._parts)


def encode(found: BtfType, new_ids: dict[int, int], strings: StringTable) -> bytes:
    """The record of one type (btf.rst section 2.2) with the ids and strings of the new blob."""
    name = strings.offset(found.name)
    text = strings.offset

    def new(old: int) -> int:
        return new_ids.get(old, 0)

    def record(flag: bool, count: int, size: int, layout: str = "", rows: Iterable[tuple[int, ...]] = ()) -> bytes:
        info = flag << 31 | kind_numbers[type(found)] << 24 | count
        return struct.pack("<III", name, info, size) + b"".join(struct.pack("<" + layout, *row) for row in rows)

    match found:
        case Reference(type_id=target):
            return record(False, 0, new(target))
        case Int():
            how = found.signed | found.is_char << 1 | found.is_bool << 2
            return record(False, 0, found.size, "I", [(how << 24 | found.bit_offset << 16 | found.bits,)])
        case Array():
            return record(False, 0, 0, "III", [(new(found.element_id), new(found.index_id), found.length)])
        case Composite(members=members):
            flag = any(member.bitfield_size for member in members)
            rows = [(text(m.name), new(m.type_id), m.bit_offset | m.bitfield_size << 24) for m in members]
            return record(flag, len(members), found.size, "III", rows)
        case Enum(values=values):
            layout = "Ii" if found.signed else "II"
            return record(found.signed, len(values), found.size, layout, [(text(c), value) for c, value in values])
        case Enum64(values=values):
            wide = [(text(c), value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF) for c, value in values]
            return record(found.signed, len(values), found.size, "III", wide)
        case Fwd(is_union=is_union):
            return record(is_union, 0, 0)
        case Func(type_id=target, linkage=linkage):
            return record(False, linkage, new(target))
        case FuncProto(return_id=returned, parameters=parameters):
            return record(
                False, len(parameters), new(returned), "II", [(text(p.name), new(p.type_id)) for p in parameters]
            )
        case Var(type_id=target, linkage=linkage):
            return record(False, 0, new(target), "I", [(linkage,)])
        case Datasec(entries=entries):
            return record(
                False, len(entries), found.size, "III", [(new(e.type_id), e.offset, e.size) for e in entries]
            )
        case Float(size=size):
            return record(False, 0, size)
        case DeclTag(type_id=target, component=component):
            return record(False, 0, new(target), "i", [(component,)])
        case Void():
            raise AssertionError("void has no record")
    raise AssertionError(f"{type(found).__name__} has no encoding")
