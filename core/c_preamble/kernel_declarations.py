"""Writes kernel types as C, for preambles that use them without saying what they are.

C needs them only to be right in size, alignment and layout: whoever asks for their members later gets BTF's own answer.
So typedefs and enums inside of structs are spelled out as what they are, function pointers are `void *`, and every
struct is packed with its gaps made visible. That keeps the number of names that could clash with the script's small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..target.btf_layout import Alignments
from ..target.btf_split import SplitBtf
from ..target.btf_types import (
    Array,
    BtfError,
    BtfType,
    Composite,
    Enum,
    Enum64,
    Enumeration,
    Float,
    FuncProto,
    Fwd,
    Int,
    Member,
    Ptr,
    Struct,
    Typedef,
    Union,
    Void,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..target.btf import Btf

_KINDS: dict[str, tuple[type, ...]] = {"struct": (Struct,), "union": (Union,), "enum": (Enum, Enum64), "": (Typedef,)}
_INTEGERS = {1: "char", 2: "short", 4: "int", 8: "long long", 16: "__int128"}
_FLOATS = {4: "float", 8: "double", 16: "long double"}
_MAX_DEPTH = 64


class KernelDeclarations:
    """C text that grows with each type that is asked for; what a type needs by value comes before it."""

    def __init__(self, readers: Callable[[], Iterable[Btf]]) -> None:
        self._readers = readers
        self._asked: set[tuple[str, str]] = set()
        self._declared: set[str] = set()
        self._homes: dict[str, tuple[Btf, int]] = {}
        self._lines: list[str] = []
        self._alignments: dict[Btf, Alignments] = {}
        self._gaps = 0

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self._lines)

    def add(self, tag: str, name: str) -> bool:
        """Declares `struct name`, `union name`, `enum name`, or for a tag of '' a typedef or a constant's enum.

        Tells whether that has added anything. Raises: BtfError: when the BTF is malformed.
        """
        if (tag, name) in self._asked:
            return False
        self._asked.add((tag, name))
        before = len(self._lines)
        for btf in self._readers():
            type_id = btf.find(name, _KINDS[tag])
            if type_id is not None:
                self._add_type(btf, type_id)
                break
            constant = None if tag else btf.find_constant(name)
            if constant is not None:
                self._add_enum(btf.type(constant[0]))
                break
        return len(self._lines) > before

    def _add_type(self, btf: Btf, type_id: int) -> None:
        match btf.type(type_id):
            case Composite():
                self._define(btf, type_id, 0)
            case Enumeration() as found:
                self._add_enum(found)
            case Typedef(name=name, type_id=target):
                if name not in self._declared:
                    self._declared.add(name)
                    if isinstance(btf.type(btf.resolve(target)), FuncProto):
                        self._lines.append(f"typedef void {name}(void);")
                    else:
                        self._lines.append(f"typedef {self._declaration(btf, target, name, 0)};")

    def _add_enum(self, found: BtfType) -> None:
        assert isinstance(found, Enumeration)
        key = f"enum {found.name}" if found.name else f"enum of {found.values[0][0]}"
        if key in self._declared:
            return
        self._declared.add(key)
        constants = ", ".join(f"{name} = {_literal(value)}" for name, value in found.values)
        self._lines.append(f"enum {found.name} : {_integer(found.size, found.signed)} {{ {constants} }};")

    def _define(self, btf: Btf, type_id: int, depth: int) -> bool:
        """The definition of a struct or union with a name, unless it is there.

        Tells whether the name means this one: some are private to a file of the kernel, and others are called the same.
        """
        found = btf.type(type_id)
        assert isinstance(found, Composite)
        key = f"{_word(found)} {found.name}"
        if isinstance(btf, SplitBtf) and type_id < btf.first_id:
            btf = btf.base
        if self._homes.setdefault(key, (btf, type_id)) != (btf, type_id):
            return False
        if key not in self._declared:
            self._declared.add(key)
            self._lines.append(f"{key} {self._body(btf, found, depth)};")
        return True

    def _body(self, btf: Btf, composite: Composite, depth: int) -> str:
        """Everything behind `struct NAME`."""
        if depth > _MAX_DEPTH:
            raise BtfError(f"{composite.name or 'a struct'} lies within itself")
        members = self._members(btf, composite, depth)
        if members is None:
            members = self._gap(0, composite.size * 8)
        align = self._alignments.setdefault(btf, Alignments(btf)).of_members(composite)
        return f"{{ {' '.join(members)} }} __attribute__((packed, aligned({align})))"

    def _members(self, btf: Btf, composite: Composite, depth: int) -> list[str] | None:
        """The members with the gaps between them; None when they lie over each other."""
        lines: list[str] = []
        is_union, at = isinstance(composite, Union), 0
        for member in composite.members:
            if is_union:
                at = 0
            elif member.bit_offset < at:
                return None
            lines += self._gap(at, member.bit_offset)
            line, bits = self._member(btf, member, depth)
            lines.append(line)
            at = max(at, member.bit_offset + bits)
        if is_union:
            lines += self._gap(0, composite.size * 8)
        elif at > composite.size * 8:
            return None
        else:
            lines += self._gap(at, composite.size * 8)
        return lines

    def _gap(self, start: int, end: int) -> list[str]:
        """Padding from one bit offset to another. A gap of bits lies within one byte, as bit fields leave it."""
        if start == end:
            return []
        if start % 8 or end % 8:
            first = min(end, start + 8 - start % 8)
            return [f"unsigned char : {first - start};", *self._gap(first, end)]
        self._gaps += 1  # members of nameless structs share one scope with those around them
        return [f"char __gap{self._gaps}[{(end - start) // 8}];"]

    def _member(self, btf: Btf, member: Member, depth: int) -> tuple[str, int]:
        """One member's declaration, and how many bits it takes."""
        type_id = btf.resolve(member.type_id)
        found = btf.type(type_id)
        width = member.bitfield_size
        if not width and isinstance(found, Int) and found.bits < found.size * 8:
            width = found.bits  # older compilers; the kernel's own BTF has not had it since 2019
        if width:
            return f"unsigned long long {member.name} : {width};", width
        return f"{self._declaration(btf, type_id, member.name, depth + 1)};", btf.size_of(type_id) * 8

    def _declaration(self, btf: Btf, type_id: int, name: str, depth: int) -> str:
        type_id = btf.resolve(type_id)
        match btf.type(type_id):
            case Int(is_bool=True):
                return f"_Bool {name}"
            case Int(size=size, signed=signed, name=own):
                return f"char {name}" if own == "char" else f"{_integer(size, signed)} {name}"
            case Enumeration(size=size, signed=signed):
                return f"{_integer(size, signed)} {name}"
            case Float(size=size):
                return f"{_FLOATS.get(size, 'double')} {name}"
            case Array(element_id=element, length=length):
                return self._declaration(btf, element, f"{name}[{length}]", depth)
            case Ptr(type_id=target):
                return f"{_pointee(btf.type(btf.resolve(target)))} *{name}"
            case Composite(name="") as found:
                return f"{_word(found)} {self._body(btf, found, depth)} {name}"
            case Composite() as found:
                if not self._define(btf, type_id, depth):
                    return f"{_word(found)} {self._body(btf, found, depth)} {name}"
                return f"{_word(found)} {found.name} {name}"
            case Void():
                return f"void {name}"
            case Fwd() as found:
                return f"{_pointee(found)} {name}"
        return f"char {name}[0]"


def _integer(size: int, signed: bool) -> str:
    if size not in _INTEGERS:
        raise BtfError(f"an integer of {size} bytes")
    return f"{'signed' if signed else 'unsigned'} {_INTEGERS[size]}"


def _literal(value: int) -> str:
    """C has no literal for the least integer of its widest type."""
    return f"{value}U" if value >= 0 else f"{value + 1} - 1"


def _word(found: Composite) -> str:
    return "union" if isinstance(found, Union) else "struct"


def _pointee(found: BtfType) -> str:
    match found:
        case Composite(name=name) if name:
            return f"{_word(found)} {name}"
        case Fwd(name=name, is_union=is_union):
            return f"{'union' if is_union else 'struct'} {name}"
    return "void"
