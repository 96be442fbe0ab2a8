"""The types that DWARF entries describe, as types of the language (`core.types`).

User types refer to each other in circles, so a struct carries only its name and its `home`, the binary that knows it;
its members are asked for by that name here. Members of base classes and of anonymous structs count as members of the
struct itself. It must not know functions, registers or where debug information is looked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from .. import types
from . import dwarf_constants as dw
from .dwarf_forms import DwarfError, uleb
from .dwarf_units import DebugInfo, Entry, Unit

MAX_DEPTH = 64
_MAX_ALIGNMENTS = 1 << 16
_MAX_INDEXED = 1 << 18  # about a second's work
_MAX_NAME = 200

COMPOSITES = {dw.TAG_STRUCTURE: "struct", dw.TAG_CLASS: "struct", dw.TAG_UNION: "union"}
#: Words in front of another type that change nothing of its values.
QUALIFIERS = {dw.TAG_CONST: "const", dw.TAG_VOLATILE: "volatile", dw.TAG_RESTRICT: "restrict",
              dw.TAG_ATOMIC: "_Atomic", dw.TAG_PACKED: "", dw.TAG_IMMUTABLE: ""}  # fmt: skip
ADDRESSES = {dw.TAG_POINTER: "*", dw.TAG_REFERENCE: "&", dw.TAG_RVALUE_REFERENCE: "&&"}
_SCOPES = (dw.TAG_NAMESPACE, dw.TAG_MODULE)


class Types:
    """The types of one binary. `home` is what its structs are marked with, so that they clash with no others."""

    def __init__(self, info: DebugInfo, home: str) -> None:
        self._info = info
        self._home = home
        self._made: dict[tuple[Unit, int], types.Type] = {}
        self._alignments: dict[tuple[Unit, int], int] = {}
        self._twins: dict[str, list[Entry]] = {}
        self._homes: dict[str, Entry] = {}
        self._members: dict[str, tuple[types.Field, ...]] = {}
        self._index: dict[tuple[str, str], Entry] = {}
        self._unindexed = info.every_unit()
        self._depth = 0

    def type(self, entry: Entry | None) -> types.Type:
        """The type of an entry; no entry stands for void. Raises DwarfError."""
        return types.VOID if entry is None else self._type(entry, "")

    def named(self, tag: str, name: str) -> types.Type | None:
        """The first type called `tag name` ('struct', 'union', 'enum'), or without tag a typedef or base type."""
        found = self._definition(tag, name)
        return None if found is None else self.type(found)

    def members(self, name: str) -> tuple[types.Field, ...] | None:
        """The members of a struct that this object has given out under `name`, or that can be found; None for one that
        is only declared."""
        if name not in self._members:
            entry = self._homes.get(name)
            if entry is None:
                tag, _, plain = name.partition(" ")
                entry = self._definition(tag, plain)
            if entry is None:
                return None
            self._members[name] = tuple(_visible(self._fields(entry, 0, 0)))
        return self._members[name]

    # From entries to types

    def _type(self, entry: Entry, name: str) -> types.Type:
        """`name` is the typedef's that leads here, for a struct that has none of its own."""
        key = entry.unit, entry.offset
        if key not in self._made:
            if self._depth >= MAX_DEPTH:
                raise DwarfError(f"{self._home}: the type at {entry.offset} is nested too deeply, or in itself")
            self._depth += 1
            try:
                self._made[key] = self._make(entry, name)
            finally:
                self._depth -= 1
        return self._made[key]

    def _make(self, entry: Entry, name: str) -> types.Type:
        tag = entry.tag
        if tag == dw.TAG_TYPEDEF or tag in QUALIFIERS:
            inner = entry.reference(dw.AT_TYPE)
            return types.VOID if inner is None else self._type(inner, name or entry.string(dw.AT_NAME))
        if tag in ADDRESSES:
            pointee = self.type(entry.reference(dw.AT_TYPE))
            return types.Pointer(pointee, "user") if entry.unit.address_size == 8 else types.UINT32
        if tag in COMPOSITES:
            return self._composite(entry, name)
        if tag == dw.TAG_BASE:
            return _base(entry)
        if tag == dw.TAG_ENUMERATION:
            return _enum(entry, name)
        if tag == dw.TAG_ARRAY:
            return self._array(entry)
        if tag == dw.TAG_PTR_TO_MEMBER and not is_function(entry.reference(dw.AT_TYPE)):
            return types.INT64
        return types.VOID  # functions, nullptr_t and what is too new have no values here

    def _array(self, entry: Entry) -> types.Type:
        element = entry.reference(dw.AT_TYPE)
        counts = [_count(child) for child in entry.children() if child.tag == dw.TAG_SUBRANGE] or [0]
        made = self.type(element)
        if counts[-1] and _is_char(element):
            made = types.String(counts.pop())
        for count in reversed(counts):
            made = types.Array(made, count)
        return made

    def _composite(self, entry: Entry, name: str) -> types.Struct:
        word = COMPOSITES[entry.tag]
        own = entry.string(dw.AT_NAME)
        if entry.flag(dw.AT_DECLARATION):
            defined = self._definition(word, own, only_known=True)
            if defined is None:
                return types.Struct(f"{word} {own}", by_name=True, alignment=1, home=self._home)
            entry = defined
        full = f"{word} {own}" if own else name or self._anonymous(entry, word)
        return types.Struct(
            self._unique(full, entry), entry.number(dw.AT_BYTE_SIZE) or 0, (), True, self.alignment(entry), self._home
        )

    def _anonymous(self, entry: Entry, word: str) -> str:
        """'struct {int32,int8 *}'."""
        inner = ",".join(str(field.type) for field in self._fields(entry, 0, 0))
        return f"{word} {{{inner[:_MAX_NAME]}}}"

    def _unique(self, name: str, entry: Entry) -> str:
        """`name` for the first struct of that name; another one that looks different, which a program may have in
        another source file, is 'struct foo#2' and so on."""
        twins = self._twins.setdefault(name, [])
        number = next((at for at, twin in enumerate(twins, 1) if _is_same(twin, entry)), 0)
        if not number:
            twins.append(entry)
            number = len(twins)
        full = f"{name}#{number}" if number > 1 else name
        self._homes.setdefault(full, entry)
        return full

    def alignment(self, entry: Entry | None) -> int:
        """Bytes. DWARF does not tell it, but members in places that are no multiples of theirs tell a packed struct."""
        entry = stripped(entry)
        if entry is None:
            return 1
        key = entry.unit, entry.offset
        if key not in self._alignments:
            self._alignments[key] = 1  # for a corrupt file's struct that lies within itself
            self._alignments[key] = self._find_alignment(entry)
        return self._alignments[key]

    def _find_alignment(self, entry: Entry) -> int:
        if entry.tag == dw.TAG_ARRAY:
            return self.alignment(entry.reference(dw.AT_TYPE))
        size = entry.number(dw.AT_BYTE_SIZE) or 0
        if entry.tag not in COMPOSITES:
            size = size or (entry.unit.address_size if entry.tag in ADDRESSES else 1)
            return size if size in (1, 2, 4, 8, 16) else 1
        if len(self._alignments) > _MAX_ALIGNMENTS:
            return 1
        found = 1
        for child in entry.children():
            if child.tag in (dw.TAG_MEMBER, dw.TAG_INHERITANCE) and not _is_static(child):
                needed = self.alignment(child.reference(dw.AT_TYPE))
                at = child.number(dw.AT_DATA_MEMBER_LOCATION) or 0
                found = max(found, needed if not at % needed else 1)
        return found if not size % found else 1

    # Members

    def _fields(self, entry: Entry, base_bits: int, depth: int) -> Iterator[types.Field]:
        if depth > MAX_DEPTH:
            raise DwarfError(f"{self._home}: the struct at {entry.offset} is nested too deeply, or in itself")
        for child in entry.children():
            if child.tag not in (dw.TAG_MEMBER, dw.TAG_INHERITANCE) or _is_static(child):
                continue
            at = _bit_offset(child)
            if at is None:
                continue  # a virtual base is where the object says
            inner = stripped(child.reference(dw.AT_TYPE))
            name = "" if child.tag == dw.TAG_INHERITANCE else child.string(dw.AT_NAME)
            if not name and inner is not None and inner.tag in COMPOSITES:
                yield from self._fields(inner, base_bits + at, depth + 1)
            elif name and not child.flag(dw.AT_ARTIFICIAL):
                yield self._field(child, name, base_bits + at)

    def _field(self, child: Entry, name: str, at: int) -> types.Field:
        type_ = self.type(child.reference(dw.AT_TYPE))
        width = child.number(dw.AT_BIT_SIZE) or 0
        if not width:
            return types.Field(name, type_, at // 8)
        return types.Field(name, type_ if 0 < width <= 64 else types.VOID, at // 8, bit_shift=at % 8, bit_width=width)

    # By name

    def _definition(self, tag: str, name: str, *, only_known: bool = False) -> Entry | None:
        """The first definition of that name. Units are looked through one after the other, each once, and only for a
        name that is somewhere in the file; in a file with very many types the last ones are not found."""
        if (tag, name) not in self._index and not only_known and self._is_mentioned(name):
            while (tag, name) not in self._index and len(self._index) < _MAX_INDEXED:
                unit = next(self._unindexed, None)
                if unit is None:
                    return None
                self._note(unit.top, 0)
        return self._index.get((tag, name))

    def _is_mentioned(self, name: str) -> bool:
        text = os.fsencode(name) + b"\0"
        sections = self._info.sections
        places = (".debug_str", ".debug_info", ".debug_types")  # short ones stand in the entries themselves
        return any(text in sections[place] for place in places) or bool(sections[".gnu_debugaltlink"])

    def _note(self, scope: Entry, depth: int) -> None:
        for child in scope.children():
            if child.tag in _SCOPES and depth < MAX_DEPTH:
                self._note(child, depth + 1)
            elif child.tag in _WORDS and not child.flag(dw.AT_DECLARATION):
                self._index.setdefault((_WORDS[child.tag], child.string(dw.AT_NAME)), child)


_WORDS = {**COMPOSITES, dw.TAG_ENUMERATION: "enum", dw.TAG_TYPEDEF: "", dw.TAG_BASE: ""}


def stripped(entry: Entry | None) -> Entry | None:
    """The type under all typedefs and qualifiers. Raises DwarfError when there is no end to them."""
    for _ in range(MAX_DEPTH):
        if entry is None or (entry.tag != dw.TAG_TYPEDEF and entry.tag not in QUALIFIERS):
            return entry
        entry = entry.reference(dw.AT_TYPE)
    raise DwarfError("a type is a name of itself: debug information is corrupt")


def is_function(entry: Entry | None) -> bool:
    inner = stripped(entry)
    return inner is not None and inner.tag == dw.TAG_SUBROUTINE_TYPE


def is_float(entry: Entry) -> bool:
    kinds = (dw.ATE_FLOAT, dw.ATE_COMPLEX_FLOAT, dw.ATE_IMAGINARY_FLOAT, dw.ATE_DECIMAL_FLOAT)
    return entry.tag == dw.TAG_BASE and entry.number(dw.AT_ENCODING) in kinds


def _base(entry: Entry) -> types.Type:
    size = entry.number(dw.AT_BYTE_SIZE)
    if size not in (1, 2, 4, 8) or is_float(entry):
        return types.VOID
    return types.Int(size, entry.number(dw.AT_ENCODING) in (dw.ATE_SIGNED, dw.ATE_SIGNED_CHAR))


def _is_char(entry: Entry | None) -> bool:
    inner = stripped(entry)
    if inner is None or inner.tag != dw.TAG_BASE or inner.number(dw.AT_BYTE_SIZE) != 1:
        return False
    return inner.number(dw.AT_ENCODING) == dw.ATE_SIGNED_CHAR or inner.string(dw.AT_NAME) == "char"


def _enum(entry: Entry, name: str) -> types.Enum:
    size = entry.number(dw.AT_BYTE_SIZE)
    size = size if size in (1, 2, 4, 8) else 4
    under = stripped(entry.reference(dw.AT_TYPE))
    signed = under is not None and under.number(dw.AT_ENCODING) in (dw.ATE_SIGNED, dw.ATE_SIGNED_CHAR)
    constants = []
    for child in entry.children():
        value = child.number(dw.AT_CONST_VALUE)
        if child.tag == dw.TAG_ENUMERATOR and value is not None:
            form = child.attributes[dw.AT_CONST_VALUE][0]
            bits = 8 * entry.unit.sizes.get(form, 0)  # data1 and so on carry no sign
            if signed and bits and value >> (bits - 1):
                value -= 1 << bits
            constants.append((child.string(dw.AT_NAME), value))
    own = entry.string(dw.AT_NAME) or name
    return types.Enum(f"enum {own}" if own else "enum", size, any(v < 0 for _, v in constants), tuple(constants))


def _count(subrange: Entry) -> int:
    """The number of elements; 0 where the declaration leaves it open or the program decides."""
    count, upper = subrange.number(dw.AT_COUNT), subrange.number(dw.AT_UPPER_BOUND)
    forms = [subrange.attributes[a][0] for a in (dw.AT_COUNT, dw.AT_UPPER_BOUND) if a in subrange.attributes]
    if any(dw.FORM_REF1 <= form <= dw.FORM_REF_UDATA or form == dw.FORM_REF_ADDR for form in forms):
        return 0
    if count is None:
        count = 0 if upper is None else upper + 1
    return count if 0 <= count < 1 << 31 else 0  # [] has an upper bound of -1 with some compilers


def _is_static(member: Entry) -> bool:
    return member.flag(dw.AT_EXTERNAL) or member.flag(dw.AT_DECLARATION)


def _bit_offset(member: Entry) -> int | None:
    """Where a member begins in its struct, in bits; None where only the running program knows."""
    bits = member.number(dw.AT_DATA_BIT_OFFSET)
    if bits is not None:
        return bits
    at = 0
    if dw.AT_DATA_MEMBER_LOCATION in member.attributes:
        location = member.attributes[dw.AT_DATA_MEMBER_LOCATION][1]
        if isinstance(location, bytes):
            if not location or location[0] != dw.OP_PLUS_UCONST:
                return None
            location = uleb(location, 1)[0]
        at = location * 8
    from_top, width = member.number(dw.AT_BIT_OFFSET), member.number(dw.AT_BIT_SIZE)
    if from_top is None or width is None:
        return at
    # DWARF 3 counts from the highest bit of a unit of storage, whose size may be left to the type.
    size = member.number(dw.AT_BYTE_SIZE)
    if size is None:
        inner = stripped(member.reference(dw.AT_TYPE))
        size = (inner.number(dw.AT_BYTE_SIZE) if inner is not None else None) or 4
    return at + size * 8 - from_top - width


def _shape(entry: Entry) -> tuple[object, ...]:
    """What tells two structs of one name apart."""
    members = [(child.string(dw.AT_NAME), _bit_offset(child), child.number(dw.AT_BIT_SIZE))
               for child in entry.children() if child.tag in (dw.TAG_MEMBER, dw.TAG_INHERITANCE)]  # fmt: skip
    return entry.number(dw.AT_BYTE_SIZE), *members


def _is_same(one: Entry, other: Entry) -> bool:
    return (one.unit is other.unit and one.offset == other.offset) or _shape(one) == _shape(other)


def _visible(fields: Iterator[types.Field]) -> Iterator[types.Field]:
    """A derived class's member hides that of the same name in a base, which stands in front of it in memory."""
    found = list(fields)
    last = {field.name: index for index, field in enumerate(found)}
    return (field for index, field in enumerate(found) if last[field.name] == index)
