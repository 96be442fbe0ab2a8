"""The tables of .debug_abbrev: what the entries of .debug_info look like. Source: DWARF 5, section 7.5.3.

A table is read only as far as somebody has asked. It knows the shape of entries, not what their attributes say.
"""

from __future__ import annotations

from . import dwarf_constants as dw
from .dwarf_forms import DwarfError, sleb, uleb

_MAX_ATTRIBUTES = 256


class Abbreviation:
    """What entries of one code look like. `specs`: (attribute, form, the value of an implicit constant)."""

    __slots__ = ("has_children", "specs", "tag")

    def __init__(self, tag: int, has_children: bool, specs: tuple[tuple[int, int, int], ...]) -> None:
        self.tag = tag
        self.has_children = has_children
        self.specs = specs


class Abbreviations:
    """The table at one offset of .debug_abbrev, read as far as somebody has asked."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._at = offset
        self._known: dict[int, Abbreviation] = {}

    def get(self, code: int) -> Abbreviation:
        while code not in self._known:
            number, at = uleb(self._data, self._at)
            if not number:
                raise DwarfError(f"abbreviation {code} is not there: debug information is corrupt")
            tag, at = uleb(self._data, at)
            has_children = bool(self._data[at])
            at += 1
            specs = []
            while True:
                attribute, at = uleb(self._data, at)
                form, at = uleb(self._data, at)
                constant = 0
                if form == dw.FORM_IMPLICIT_CONST:
                    constant, at = sleb(self._data, at)
                if not attribute and not form:
                    break
                specs.append((attribute, form, constant))
                if len(specs) > _MAX_ATTRIBUTES:
                    raise DwarfError(f"more than {_MAX_ATTRIBUTES} attributes: debug information is corrupt")
            self._at = at
            self._known.setdefault(number, Abbreviation(tag, has_children, tuple(specs)))
        return self._known[code]
