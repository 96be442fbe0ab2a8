"""What an instruction was compiled from: its line, and the functions that the compiler has put inline around it.

Only the units that addresses are in are read, each once. Traced binaries belong to anybody: where debug information is
corrupt there is none. This file must not know of processes, nor how frames are shown. Source: DWARF 5, sections 2.17,
3.3.8 and 6.2.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property

from ..output import CodePlace
from . import dwarf_constants as dw
from .debug_files import DEBUG_DIRECTORIES
from .dwarf import functions_of, nested_functions_of, origins_of
from .dwarf_forms import DwarfError
from .dwarf_lines import LineTable, Row
from .dwarf_ranges import covers, ranges_of, table_of_units
from .dwarf_sections import find_debug_sections
from .dwarf_units import DebugInfo, Entry, Unit
from .elf_format import ElfError
from .symbol_names import SymbolNames

_MAX_KNOWN, _MAX_INLINED, _MAX_BLOCKS = 1 << 16, 128, 64
#: What a corrupt file makes of reading it.
_CORRUPT = (DwarfError, ElfError, OSError, IndexError, ValueError, struct.error)

#: First address, first one behind, entry.
_Function = tuple[int, int, Entry]


class SourceFrames:
    """The debug information of one binary, open as long as this object lives. Names are shown as `names` does."""

    def __init__(self, info: DebugInfo, names: SymbolNames) -> None:
        self._info = info
        self._names = names
        self._units: dict[int, _UnitCode | None] = {}
        self._known: dict[int, tuple[CodePlace, ...]] = {}

    @staticmethod
    def open(
        path: str,
        names: SymbolNames,
        directories: Sequence[str] = DEBUG_DIRECTORIES,
        *,
        root: str = "",
        place: str | None = None,
    ) -> SourceFrames | None:
        """None for a binary without debug information; `directories`, `root` and `place` are as in `debug_files`."""
        looked_at: list[str] = []
        try:
            sections = find_debug_sections(path, looked_at, directories, root=root, place=place)
        except _CORRUPT:
            return None
        return None if sections is None else SourceFrames(DebugInfo(sections, looked_at), names)

    def places(self, address: int) -> tuple[CodePlace, ...]:
        """Of a link-time address: the inlined functions, innermost first, and last the function itself."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            try:
                found = self._find(address)
            except _CORRUPT:
                found = ()
            self._known[address] = found
        return found

    def _find(self, address: int) -> tuple[CodePlace, ...]:
        lows, spans = self._spans
        index = bisect_right(lows, address) - 1
        if index < 0 or address >= spans[index][1]:
            return ()
        start = spans[index][2]
        if start not in self._units:
            self._units[start] = None  # for good where reading it fails
            unit = next((unit for unit in self._info.units if unit.start == start), None)
            if unit is not None and dw.AT_DWO_NAME not in unit.top.attributes:
                self._units[start] = _UnitCode(unit, self._names)
        code = self._units[start]
        return () if code is None else code.places(address)

    @cached_property
    def _spans(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        """(first address, first one behind, start of the unit) of all code, by address, and the first of these alone.

        Units that the linker's table leaves out, as clang's, are asked themselves.
        """
        spans: list[tuple[int, int, int]] = []
        with suppress(*_CORRUPT):  # what was read before is as good as the rest of the file
            spans += (span for span in table_of_units(self._info) if span[0] < span[1])
        try:
            units = self._info.units
        except _CORRUPT:
            return [], []
        listed = {unit for _, _, unit in spans}
        for unit in units:
            if unit.start not in listed:
                try:
                    is_code = unit.top.tag == dw.TAG_COMPILE_UNIT
                    spans += [(low, high, unit.start) for low, high in ranges_of(unit.top) if low and is_code]
                except _CORRUPT:
                    continue  # the others may be sound
        spans.sort()
        return [low for low, _, _ in spans], spans


class _UnitCode:
    """The functions and lines of one unit. Raises what corrupt files do."""

    def __init__(self, unit: Unit, names: SymbolNames) -> None:
        self._names = names
        self._lines = LineTable(unit)
        self._rows = sorted(
            (rows for rows in self._lines.sequences() if rows[0].address), key=lambda rows: rows[0].address
        )
        self._starts = [rows[0].address for rows in self._rows]
        self._unit = unit

    def places(self, address: int) -> tuple[CodePlace, ...]:
        row = self._row(address)
        file, line = ("", 0) if row is None else (self._lines.file(row.file), max(0, row.line))
        function = _at(self._functions, address) or _at(self._nested_functions, address)
        if function is None:
            return (CodePlace("", file, line),) if row is not None else ()
        places = []
        for inlined in reversed(list(_inlined(function, address))):
            places.append(CodePlace(self._name(inlined), file, line))
            file = self._lines.file(inlined.number(dw.AT_CALL_FILE) or 0)
            line = max(0, inlined.number(dw.AT_CALL_LINE) or 0)
        return (*places, CodePlace(self._name(function), file, line))

    @cached_property
    def _functions(self) -> list[_Function]:
        return _by_address(functions_of(self._unit))

    @cached_property
    def _nested_functions(self) -> list[_Function]:
        """Those inside of other things than namespaces, as Rust has them; reading them takes the whole unit."""
        return _by_address(nested_functions_of(self._unit))

    def _row(self, address: int) -> Row | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        rows = self._rows[index]
        # Of several rows of one address the last says what the instruction is; the very last row is the end.
        at = bisect_right(rows, address, key=lambda row: row.address) - 1
        return rows[at] if at < len(rows) - 1 else None

    def _name(self, entry: Entry) -> str:
        chain = list(origins_of(entry))
        for attribute in (dw.AT_LINKAGE_NAME, dw.AT_MIPS_LINKAGE_NAME, dw.AT_NAME):
            for link in chain:
                if name := link.string(attribute):
                    return self._names.shown(name)
        return "?"


def _by_address(functions: Iterable[Entry]) -> list[_Function]:
    found = ((low, high, entry) for entry in functions for low, high in ranges_of(entry) if low)
    return sorted(found, key=lambda function: function[0])


def _at(functions: list[_Function], address: int) -> Entry | None:
    index = bisect_right(functions, address, key=lambda function: function[0]) - 1
    return functions[index][2] if index >= 0 and address < functions[index][1] else None


def _inlined(function: Entry, address: int) -> Iterator[Entry]:
    """The entries of the functions that are inlined at an address, outermost first."""
    holder: Entry | None = function
    for _ in range(_MAX_INLINED):
        holder = None if holder is None else _inlined_within(holder, address, 0)
        if holder is None:
            return
        yield holder


def _inlined_within(holder: Entry, address: int, depth: int) -> Entry | None:
    """The outermost one in an entry. Blocks of the source are looked into, which may have no addresses of their own."""
    for child in holder.children():
        if child.tag == dw.TAG_INLINED and covers(child, address):
            return child
        if child.tag == dw.TAG_LEXICAL_BLOCK and depth < _MAX_BLOCKS:
            has_code = dw.AT_LOW_PC in child.attributes or dw.AT_RANGES in child.attributes
            if has_code and not covers(child, address):
                continue
            found = _inlined_within(child, address, depth + 1)
            if found is not None:
                return found
    return None
