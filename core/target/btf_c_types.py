"""The kernel's C types out of BTF (`core.c_types.CTypes`), each made when it is asked for.

A struct with a name is made without its members, which are read when somebody asks for them: the kernel's types refer
to each other in circles. It knows BTF and the compiler's types, and nothing of the script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .. import types
from ..c_types import BASE_TYPES
from .btf import MAX_CHAIN, Btf
from .btf_layout import Alignments
from .btf_split import SplitBtf
from .btf_types import (
    Array,
    BtfError,
    BtfType,
    Composite,
    Const,
    Enum,
    Enum64,
    Enumeration,
    Float,
    Fwd,
    Int,
    Member,
    Ptr,
    Restrict,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)

_KINDS = {"struct": (Struct,), "union": (Union,), "enum": (Enum, Enum64)}
#: What a word without a tag may stand for, in this order.
_UNTAGGED: tuple[tuple[type, ...], ...] = ((Typedef,), (Int, Float), (Struct,), (Union,), (Enum, Enum64))
#: Tags of pointers that may be followed like any other (Documentation/bpf/btf.rst, BTF_KIND_TYPE_TAG).
_HARMLESS_TAGS = frozenset({"rcu"})


class BtfCTypes:
    """The types of one or more BTF readers: the kernel's, and where a name is not there, its modules'.

    `open_btf` is called at the first question; None from it means a kernel without BTF.
    """

    def __init__(self, open_btf: Callable[[], Btf | None], open_modules: Callable[[], Iterable[Btf]]) -> None:
        self._open_btf = open_btf
        self._open_modules = open_modules
        self._readers: list[Btf] | None = None
        self._modules_are_open = False
        self._homes: dict[str, tuple[Btf, int]] = {}
        self._members: dict[str, tuple[types.Field, ...]] = {}
        self._alignments: dict[Btf, Alignments] = {}
        self._names: dict[tuple[Btf, int], str] = {}
        self._depth = 0
        self._pointers = 0

    def named(self, tag: str, name: str) -> types.Type | None:
        if not tag and name in BASE_TYPES:
            return BASE_TYPES[name]
        for btf in self.readers():
            for kinds in (_KINDS[tag],) if tag else _UNTAGGED:
                type_id = btf.find(name, kinds)
                if type_id is not None:
                    return self._type(btf, type_id)
        if tag in ("struct", "union"):
            for btf in self.readers():
                if btf.find(name, (Fwd,)) is not None:
                    return types.Struct(f"{tag} {name}", by_name=True, alignment=1)
        return None

    def with_id(self, type_id: int, btf: Btf | None = None) -> types.Type:
        """The type that has this id in the kernel's BTF, or in `btf`, which is one of `readers()`. Raises BtfError."""
        return self._type(btf or next(self.readers()), type_id)

    def readers(self) -> Iterator[Btf]:
        """The kernel's BTF, then that of its modules, which is opened only when somebody goes on to ask."""
        if self._readers is None:
            btf = self._open_btf()
            self._readers = [] if btf is None else [btf]
        yield from self._readers[:1]
        if not self._modules_are_open:
            self._modules_are_open = True
            self._readers.extend(self._open_modules())
        yield from self._readers[1:]

    def members(self, struct: types.Struct) -> tuple[types.Field, ...] | None:
        if not struct.by_name:
            return struct.fields or None
        if struct.name not in self._homes:
            tag, _, name = struct.name.partition(" ")
            if tag not in _KINDS or self.named(tag, name) is None or struct.name not in self._homes:
                return None
        if struct.name not in self._members:
            btf, type_id = self._homes[struct.name]
            composite = btf.type(type_id)
            assert isinstance(composite, Composite)
            self._members[struct.name] = tuple(self._fields(btf, composite, 0))
        return self._members[struct.name]

    def constant(self, name: str) -> tuple[int, types.Enum] | None:
        for btf in self.readers():
            found = btf.find_constant(name)
            if found is not None:
                type_id, value = found
                enum = self._type(btf, type_id)
                return (value, enum) if isinstance(enum, types.Enum) else None
        return None

    def macro(self, name: str) -> str | None:
        return None

    def names(self) -> Iterable[str]:
        return ()

    # From BTF's types to ours

    def _type(self, btf: Btf, type_id: int, name: str = "") -> types.Type:
        """`name` is the typedef's that leads here, for a struct that has none of its own. Raises BtfError."""
        if self._depth >= MAX_CHAIN:
            raise BtfError(f"type {type_id} leads to itself without a name on the way")
        self._depth += 1
        try:
            return self._make(btf, type_id, name)
        finally:
            self._depth -= 1

    def _look(self, btf: Btf, type_id: int) -> BtfType:
        """A type's record. What a captured type points to is captured with it, so that looking there is no news."""
        return (btf.unwatched if self._pointers == 1 else btf).type(type_id)

    def _make(self, btf: Btf, type_id: int, name: str) -> types.Type:
        found = self._look(btf, type_id)
        match found:
            case Typedef():
                return self._type(btf, found.type_id, name or found.name)
            case Const() | Volatile() | Restrict() | TypeTag():
                return self._type(btf, found.type_id, name)
            case Int(size=size, signed=signed, is_bool=is_bool, is_char=is_char):
                if is_bool:
                    return types.BOOL
                return types.Int(size, signed or is_char or found.name == "char") if size <= 8 else types.VOID
            case Ptr():
                return self._pointer(btf, found)
            case Array(element_id=element_id, length=length):
                element = self._type(btf, element_id)
                if _is_char(btf, element_id) and length:
                    return types.String(length)
                return types.Array(element, length)
            case Composite():
                return self._composite(btf, type_id, found, name)
            case Enumeration(name=own, size=size, signed=signed, values=values):
                return types.Enum(f"enum {own or name}" if own or name else "enum", size, signed, values)
            case Fwd(name=own, is_union=is_union):
                return types.Struct(f"{'union' if is_union else 'struct'} {own}", by_name=True, alignment=1)
        return types.VOID  # floats, functions and void have no values here

    def _pointer(self, btf: Btf, pointer: Ptr) -> types.Pointer:
        space = "kernel"
        for tag in _tags(btf, pointer.type_id):
            if tag == "user":
                space = "user"
        self._pointers += 1
        try:
            return types.Pointer(self._type(btf, pointer.type_id), space)
        finally:
            self._pointers -= 1

    def _composite(self, btf: Btf, type_id: int, found: Composite, name: str) -> types.Struct:
        word = "union" if isinstance(found, Union) else "struct"
        alignment = self._alignments_of(btf).of(type_id)
        if found.name:
            full = self._name_of(btf, type_id, word, found.name)
            return types.Struct(full, found.size, (), True, alignment)
        fields = tuple(self._fields(btf, found, 0))
        inner = ",".join(str(field.type) for field in fields)
        return types.Struct(name or f"{word} {{{inner}}}", found.size, fields, False, alignment)

    def _name_of(self, btf: Btf, type_id: int, word: str, name: str) -> str:
        """'struct foo' for the one that this word stands for. Others of the same name, private to some file of the
        kernel, are 'struct foo#2' and so on: they have other members."""
        if isinstance(btf, SplitBtf) and type_id < btf.first_id:
            btf = btf.base
        full = self._names.get((btf, type_id))
        if full is None:
            full = f"{word} {name}"
            if btf is not next(self.readers()) or btf.unwatched.find(name, _KINDS[word]) != type_id:
                twins = [(reader, twin) for reader in self.readers() for twin in reader.find_all(name, _KINDS[word])]
                number = twins.index((btf, type_id)) + 1
                full = f"{full}#{number}" if number > 1 else full
            self._names[btf, type_id] = full
            self._homes[full] = btf, type_id
        return full

    def _alignments_of(self, btf: Btf) -> Alignments:
        if btf not in self._alignments:
            self._alignments[btf] = Alignments(btf)
        return self._alignments[btf]

    def _fields(self, btf: Btf, composite: Composite, base_bits: int) -> Iterator[types.Field]:
        for member in composite.members:
            at = base_bits + member.bit_offset
            inner = btf.type(btf.resolve(member.type_id))
            if not member.name and isinstance(inner, Composite):
                yield from self._fields(btf, inner, at)
            elif member.name:
                yield self._field(btf, member, at, inner)

    def _field(self, btf: Btf, member: Member, at: int, inner: BtfType) -> types.Field:
        type_ = self._type(btf, member.type_id)
        width = member.bitfield_size
        if not width and isinstance(inner, Int) and inner.bits < inner.size * 8:
            width = inner.bits  # how older compilers say it
            at += inner.bit_offset
        tag = ""
        if isinstance(inner, Ptr):
            tag = next((t for t in _tags(btf, inner.type_id) if t != "user" and t not in _HARMLESS_TAGS), "")
        if not width:
            return types.Field(member.name, type_, at // 8, tag=tag)
        return types.Field(member.name, type_, at // 8, bit_shift=at % 8, bit_width=width)


def _is_char(btf: Btf, type_id: int) -> bool:
    found = btf.type(btf.resolve(type_id))
    return isinstance(found, Int) and found.size == 1 and (found.is_char or found.name == "char")


def _tags(btf: Btf, type_id: int) -> Iterator[str]:
    """The type tags between a pointer and what it points to."""
    for _ in range(64):
        found = btf.unwatched.type(type_id)
        if isinstance(found, TypeTag):
            yield found.name
        elif not isinstance(found, Const | Volatile | Restrict):
            return
        type_id = found.type_id
