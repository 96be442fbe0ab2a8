"""The units of .debug_info, their entries, and which unit an address belongs to.

Only what is asked for is read: finding a unit costs its header and its first entry, finding an entry skips over those
in front of it. It knows the shape of entries, not what types or functions are. Source: DWARF 5, section 7.5.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property

from . import dwarf_constants as dw
from .dwarf_abbreviations import Abbreviation, Abbreviations
from .dwarf_forms import (
    DwarfError,
    Value,
    fixed_sizes,
    read_initial_length,
    read_value,
    skip_value,
    text,
    u16,
    u64,
    uleb,
    unsigned,
)
from .dwarf_sections import DebugSections

#: Entries that one file's questions may read, half a minute's work: corrupt types can lead to each other without end.
_MAX_READS = 1 << 23
_STRX = (dw.FORM_STRX, dw.FORM_STRX1, dw.FORM_STRX2, dw.FORM_STRX3, dw.FORM_STRX4, dw.FORM_GNU_STR_INDEX)
_ADDRX = (dw.FORM_ADDRX, dw.FORM_ADDRX1, dw.FORM_ADDRX2, dw.FORM_ADDRX3, dw.FORM_ADDRX4, dw.FORM_GNU_ADDR_INDEX)
_ALTERNATE_STRINGS = (dw.FORM_GNU_STRP_ALT, dw.FORM_STRP_SUP)
_ALTERNATE_REFERENCES = (dw.FORM_GNU_REF_ALT, dw.FORM_REF_SUP4, dw.FORM_REF_SUP8)
_OWN_REFERENCES = (dw.FORM_REF1, dw.FORM_REF2, dw.FORM_REF4, dw.FORM_REF8, dw.FORM_REF_UDATA)


class Entry:
    """A debugging information entry; `attributes`: attribute -> (form, value as stored). `end` is behind them."""

    __slots__ = ("attributes", "end", "has_children", "offset", "tag", "unit")

    def __init__(self, unit: Unit, offset: int, abbreviation: Abbreviation) -> None:
        self.unit = unit
        self.offset = offset
        self.tag = abbreviation.tag
        self.has_children = abbreviation.has_children
        self.attributes: dict[int, tuple[int, Value]] = {}
        self.end = offset

    def number(self, attribute: int) -> int | None:
        """An attribute's number as it is stored; None for one that is not there or is a block."""
        found = self.attributes.get(attribute)
        return found[1] if found is not None and isinstance(found[1], int) else None

    def flag(self, attribute: int) -> bool:
        found = self.attributes.get(attribute)
        return found is not None and (found[0] == dw.FORM_FLAG_PRESENT or found[1] != 0)

    def string(self, attribute: int) -> str:
        """'' for one that is not there."""
        found = self.attributes.get(attribute)
        return "" if found is None else os.fsdecode(self.unit.string(*found))

    def address(self, attribute: int) -> int | None:
        found = self.attributes.get(attribute)
        return None if found is None or not isinstance(found[1], int) else self.unit.address(*found)

    def reference(self, attribute: int) -> Entry | None:
        """The entry that an attribute points to."""
        found = self.attributes.get(attribute)
        return None if found is None or not isinstance(found[1], int) else self.unit.referred(*found)

    def children(self) -> Iterator[Entry]:
        return self.unit.children(self)


class Unit:
    """One unit: `start` is that of its header, `first` that of its first entry, `end` behind the last, all offsets in
    the section. `signature` and `type_offset` are a type unit's."""

    def __init__(self, info: DebugInfo, section: str, start: int) -> None:
        self.info = info
        self.data = data = info.sections[section]
        self.start = start
        length, at, self.offset_size = read_initial_length(data, start)
        self.end = at + length
        if self.end > len(data):
            raise DwarfError(f"a unit of {length} bytes at {start} of {len(data)}: debug information is corrupt")
        self.version = u16(data, at)
        at += 2
        if not 2 <= self.version <= 5:
            raise DwarfError(f"DWARF of version {self.version} is not read")
        self.kind = dw.UT_TYPE if section == ".debug_types" else 0
        if self.version >= 5:
            self.kind, self.address_size = data[at], data[at + 1]
            self._abbreviations_at = unsigned(data, at + 2, self.offset_size)
            at += 2 + self.offset_size
        else:
            self._abbreviations_at = unsigned(data, at, self.offset_size)
            self.address_size = data[at + self.offset_size]
            at += self.offset_size + 1
        self.signature = self.type_offset = 0
        if self.kind in (dw.UT_TYPE, dw.UT_SPLIT_TYPE):
            self.signature, self.type_offset = u64(data, at), start + unsigned(data, at + 8, self.offset_size)
            at += 8 + self.offset_size
        elif self.kind in (dw.UT_SKELETON, dw.UT_SPLIT_COMPILE):
            at += 8
        if self.address_size not in (4, 8):
            raise DwarfError(f"addresses of {self.address_size} bytes: debug information is corrupt")
        self.first = at
        self.sizes = fixed_sizes(self.address_size, self.offset_size, self.version)
        self._behind: dict[int, int] = {}

    @cached_property
    def abbreviations(self) -> Abbreviations:
        return self.info.abbreviations(self._abbreviations_at)

    @cached_property
    def top(self) -> Entry:
        found = self.entry(self.first)
        if found is None:
            raise DwarfError(f"the unit at {self.start} is empty: debug information is corrupt")
        return found

    @property
    def path(self) -> str:
        """The source file that was compiled."""
        return os.path.normpath(os.path.join(self.top.string(dw.AT_COMP_DIR), self.top.string(dw.AT_NAME)))

    def entry(self, offset: int) -> Entry | None:
        """The entry at an offset of the section; None for the null entry that ends a list of children."""
        if not self.first <= offset < self.end:
            raise DwarfError(f"no entry at {offset} in the unit at {self.start}: debug information is corrupt")
        self.info.count_read()
        code, at = uleb(self.data, offset)
        if not code:
            return None
        abbreviation = self.abbreviations.get(code)
        entry = Entry(self, offset, abbreviation)
        for attribute, form, constant in abbreviation.specs:
            if form == dw.FORM_IMPLICIT_CONST:
                entry.attributes[attribute] = form, constant
                continue
            form, value, at = read_value(self.data, at, form, self.sizes)
            entry.attributes[attribute] = form, value
        entry.end = self._inside(at)
        return entry

    def _inside(self, at: int) -> int:
        if at > self.end:
            raise DwarfError(f"the unit at {self.start} ends within an entry: debug information is corrupt")
        return at

    def children(self, entry: Entry) -> Iterator[Entry]:
        at = entry.end
        while entry.has_children and at < self.end:
            child = self.entry(at)
            if child is None:
                return
            yield child
            at = self._after(child)

    def _after(self, entry: Entry) -> int:
        """Where the next sibling begins."""
        if not entry.has_children:
            return entry.end
        sibling = entry.attributes.get(dw.AT_SIBLING)
        if sibling is not None and sibling[0] in _OWN_REFERENCES and isinstance(sibling[1], int):
            behind = self._inside(self.start + sibling[1])
            if behind < entry.end:
                raise DwarfError(f"the sibling of the entry at {entry.offset} is before it: corrupt")
            return behind
        if entry.offset not in self._behind:
            self._behind[entry.offset] = self._skip_children(entry.end)
        return self._behind[entry.offset]

    def _skip_children(self, at: int) -> int:
        depth, data, sizes, abbreviations = 1, self.data, self.sizes, self.abbreviations
        while depth and at < self.end:
            code, at = uleb(data, at)
            if not code:
                depth -= 1
                continue
            abbreviation = abbreviations.get(code)
            for _, form, _ in abbreviation.specs:
                at = skip_value(data, at, form, sizes)
            depth += abbreviation.has_children
        return self._inside(at)

    # Values that need the unit

    def string(self, form: int, value: Value) -> bytes:
        if isinstance(value, bytes):
            return value
        sections = self.info.sections
        if form == dw.FORM_STRP:
            return text(sections[".debug_str"], value)
        if form == dw.FORM_LINE_STRP:
            return text(sections[".debug_line_str"], value)
        if form in _STRX:
            base = self._base(dw.AT_STR_OFFSETS_BASE, 2 * self.offset_size if self.version >= 5 else 0)
            at = unsigned(sections[".debug_str_offsets"], base + value * self.offset_size, self.offset_size)
            return text(sections[".debug_str"], at)
        if form in _ALTERNATE_STRINGS:
            return text(self.info.alternate.sections[".debug_str"], value)
        raise DwarfError(f"form {form:#x} is no string: debug information is corrupt")

    def _base(self, attribute: int, default: int) -> int:
        found = self.top.number(attribute)
        return default if found is None else found

    def address(self, form: int, value: Value) -> int:
        if not isinstance(value, int):
            raise DwarfError(f"form {form:#x} is no address: debug information is corrupt")
        return self.indexed_address(value) if form in _ADDRX else value

    def indexed_address(self, index: int) -> int:
        base = self._base(dw.AT_ADDR_BASE, 8)
        return unsigned(self.info.sections[".debug_addr"], base + index * self.address_size, self.address_size)

    def referred(self, form: int, value: Value) -> Entry:
        """The entry that a reference points to; where that only gives the signature of a type, the type."""
        found = self._referred(form, value)
        signature = found.attributes.get(dw.AT_SIGNATURE)
        return found if signature is None else found.unit._referred(*signature)

    def _referred(self, form: int, value: Value) -> Entry:
        if isinstance(value, int):
            if form in _OWN_REFERENCES:
                found = self.entry(self.start + value)
            elif form == dw.FORM_REF_ADDR:
                found = self.info.entry(value)
            elif form in _ALTERNATE_REFERENCES:
                found = self.info.alternate.entry(value)
            elif form == dw.FORM_REF_SIG8:
                unit = self.info.type_unit(value)
                found = unit.entry(unit.type_offset)
            else:
                found = None
            if found is not None:
                return found
        raise DwarfError(f"form {form:#x} points to no entry: debug information is corrupt")


class DebugInfo:
    """All units of one file. `alternate` is the file that dwz has put shared parts into."""

    def __init__(self, sections: DebugSections, looked_at: list[str]) -> None:
        self.sections = sections
        self._looked_at = looked_at
        self._tables: dict[int, Abbreviations] = {}
        self._reads = 0

    def count_read(self) -> None:
        self._reads += 1
        if self._reads > _MAX_READS:
            raise DwarfError(f"{self.sections.name}: more than {_MAX_READS} entries to be read: corrupt, or too large")

    def abbreviations(self, offset: int) -> Abbreviations:
        if offset not in self._tables:
            self._tables[offset] = Abbreviations(self.sections[".debug_abbrev"], offset)
        return self._tables[offset]

    @cached_property
    def units(self) -> list[Unit]:
        """In the order of the section; type units of DWARF 5 among them."""
        return list(self._units(".debug_info"))

    def _units(self, section: str) -> Iterator[Unit]:
        at, end = 0, len(self.sections[section])
        while at < end:
            unit = Unit(self, section, at)
            yield unit
            at = unit.end

    def every_unit(self) -> Iterator[Unit]:
        """The type units of DWARF 4, which have a section of their own, after all others."""
        yield from self.units
        yield from self._units(".debug_types")

    @cached_property
    def _starts(self) -> list[int]:
        return [unit.start for unit in self.units]

    @cached_property
    def _type_units(self) -> dict[int, Unit]:
        kinds = (dw.UT_TYPE, dw.UT_SPLIT_TYPE)
        return {unit.signature: unit for unit in self.every_unit() if unit.kind in kinds}

    @cached_property
    def alternate(self) -> DebugInfo:
        from .dwarf_sections import find_alternate

        found = find_alternate(self.sections, self._looked_at)
        if found is None:
            raise DwarfError(f"{self.sections.name}: the file that .gnu_debugaltlink names is not there")
        return DebugInfo(found, self._looked_at)

    def entry(self, offset: int) -> Entry | None:
        from bisect import bisect_right

        index = bisect_right(self._starts, offset) - 1
        return self.units[index].entry(offset) if index >= 0 else None

    def type_unit(self, signature: int) -> Unit:
        if signature not in self._type_units:
            raise DwarfError(f"{self.sections.name}: no type with signature {signature:#x}: it is in another file")
        return self._type_units[signature]
