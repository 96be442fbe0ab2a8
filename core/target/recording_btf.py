"""Readers of BTF that remember what was asked of them, and the words by which those types are found again.

A captured target is known by the names of the types that compilations looked at: ids differ in each blob.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from .btf import Btf
from .btf_split import SplitBtf
from .btf_types import BtfType, Datasec, Enum, Enum64, Float, Func, Fwd, Int, Struct, Typedef, Union, Var

named_kinds: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (Struct, Union, Enum, Enum64, Typedef, Int, Float, Fwd, Func, Var, Datasec)
}
"""The kinds that are captured by name; all others are reached from one of these. 'struct' -> Struct and so on."""

CONSTANT = "constant"  # the kind word of an enum that is asked for by one of its constants: it may have no name


class Recording(Btf):
    """What both recording readers do: `asked` collects the ids of the types that were looked at."""

    asked: set[int]
    asked_constants: set[str]
    original: Btf

    @property
    def unwatched(self) -> Btf:
        return self.original

    def find_all(self, name: str, kinds: Collection[type]) -> Iterator[int]:
        for type_id in super().find_all(name, kinds):
            self.asked.add(type_id)
            yield type_id

    def find_constant(self, name: str) -> tuple[int, int] | None:
        found = super().find_constant(name)
        if found is not None:
            self.asked_constants.add(name)
        return found

    def type(self, type_id: int) -> BtfType:
        found = super().type(type_id)
        self.asked.add(type_id)
        return found


class RecordingBtf(Recording):
    """The types of `btf`, which it shares."""

    def __init__(self, btf: Btf) -> None:
        super().__init__(btf.blob, btf.sections, btf.index)
        self.original = btf
        self.asked = set()
        self.asked_constants = set()


class RecordingModuleBtf(Recording, SplitBtf):
    """The types of a module, which it shares, over those of a kernel that keeps a record too."""

    def __init__(self, btf: SplitBtf, base: Btf) -> None:
        SplitBtf.__init__(self, btf.blob, base)
        self.original = btf
        self.asked = set()
        self.asked_constants = set()


def type_keys(btf: RecordingBtf | RecordingModuleBtf) -> set[str]:
    """The asked types as 'struct file', the second of that name as 'struct file#2', a constant's enum as such."""
    words = {kind: word for word, kind in named_kinds.items()}
    keys = {f"{CONSTANT} {name}" for name in btf.asked_constants}
    for type_id in [type_id for type_id in btf.asked if type_id >= btf.first_id]:
        found = Btf.type(btf, type_id)
        word = words.get(type(found))
        if word is not None and found.name:
            position = list(Btf.find_all(btf, found.name, {type(found)})).index(type_id)
            keys.add(f"{word} {found.name}" + (f"#{position + 1}" if position else ""))
    return keys


def ids_of(btf: Btf, keys: Iterable[str]) -> set[int]:
    """The types that `type_keys` has named. Raises: ValueError: there is no such type."""
    return {_id_of(btf, key) for key in keys}


def _id_of(btf: Btf, key: str) -> int:
    word, _, name = key.partition(" ")
    if word == CONSTANT:
        found = Btf.find_constant(btf, name)
        ids = [] if found is None else [found[0]]
    else:
        name, _, position = name.partition("#")
        start = int(position or 1) - 1
        ids = list(Btf.find_all(btf, name, {named_kinds[word]}))[start : start + 1]
    if not ids:
        raise ValueError(f"no {key}, which is in the directory already")
    return ids[0]
