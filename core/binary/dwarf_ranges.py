"""Which addresses a unit or a function covers, and the unit that an address belongs to.

The linker's table .debug_aranges answers at once where the compiler has made one (gcc does, clang does not); else the
first entry of every unit is asked. Source: DWARF 5, sections 2.17, 6.1.2 and 7.25.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice

from . import dwarf_constants as dw
from .dwarf_forms import DwarfError, read_initial_length, uleb, unsigned
from .dwarf_units import DebugInfo, Entry, Unit

#: Lists may overlap in a corrupt file; no unit of a real one has as many pieces.
_MAX_RANGES = 1 << 18


def unit_of(info: DebugInfo, address: int) -> Unit | None:
    """The unit whose code holds `address`, a link-time one."""
    start = _in_table(info, address)
    for unit in info.units:
        if unit.start == start and covers(unit.top, address):
            return unit
    return next((unit for unit in info.units if _is_code(unit) and covers(unit.top, address)), None)


def _is_code(unit: Unit) -> bool:
    return unit.top.tag == dw.TAG_COMPILE_UNIT


def covers(entry: Entry, address: int) -> bool:
    return any(low <= address < high for low, high in ranges_of(entry))


def entry_address(entry: Entry) -> int | None:
    """Where a function begins; None for one that has no code of its own."""
    low = entry.address(dw.AT_LOW_PC)
    if low is None and dw.AT_RANGES in entry.attributes:
        low = next((low for low, _ in ranges_of(entry)), None)
    return low


def ranges_of(entry: Entry) -> Iterator[tuple[int, int]]:
    """(first address, first one behind), in the order of the file."""
    ranges = entry.attributes.get(dw.AT_RANGES)
    if ranges is not None and isinstance(ranges[1], int):
        read = _lists if entry.unit.version >= 5 else _pairs
        yield from islice(read(entry.unit, ranges[0], ranges[1]), _MAX_RANGES)
        return
    low, high = entry.address(dw.AT_LOW_PC), entry.attributes.get(dw.AT_HIGH_PC)
    if low is None or high is None or not isinstance(high[1], int):
        return
    # An address, or in any form of a constant the distance from low_pc.
    is_address = high[0] == dw.FORM_ADDR or dw.FORM_ADDRX1 <= high[0] <= dw.FORM_ADDRX4 or high[0] == dw.FORM_ADDRX
    yield low, entry.unit.address(*high) if is_address else low + high[1]


def _base_of(unit: Unit) -> int:
    return unit.top.address(dw.AT_LOW_PC) or 0


def _pairs(unit: Unit, form: int, at: int) -> Iterator[tuple[int, int]]:
    """.debug_ranges of DWARF 4: pairs of offsets from a base."""
    data, size, base = unit.info.sections[".debug_ranges"], unit.address_size, _base_of(unit)
    highest = (1 << 8 * size) - 1
    for _ in range(_MAX_RANGES):
        low, high = unsigned(data, at, size), unsigned(data, at + size, size)
        at += 2 * size
        if not low and not high:
            return
        if low == highest:
            base = high
        else:
            yield base + low, base + high


def _lists(unit: Unit, form: int, at: int) -> Iterator[tuple[int, int]]:
    """.debug_rnglists of DWARF 5."""
    data, size, base = unit.info.sections[".debug_rnglists"], unit.address_size, _base_of(unit)
    if form == dw.FORM_RNGLISTX:
        table = unit.top.number(dw.AT_RNGLISTS_BASE)
        if table is None:
            raise DwarfError("a list of ranges without DW_AT_rnglists_base: debug information is corrupt")
        at = table + unsigned(data, table + at * unit.offset_size, unit.offset_size)

    def address(at: int) -> tuple[int, int]:
        return unsigned(data, at, size), at + size

    def indexed(at: int) -> tuple[int, int]:
        index, at = uleb(data, at)
        return unit.indexed_address(index), at

    for _ in range(_MAX_RANGES):
        kind = data[at]
        at += 1
        match kind:
            case dw.RLE_END_OF_LIST:
                return
            case dw.RLE_BASE_ADDRESSX:
                base, at = indexed(at)
            case dw.RLE_BASE_ADDRESS:
                base, at = address(at)
            case dw.RLE_OFFSET_PAIR:
                low, at = uleb(data, at)
                high, at = uleb(data, at)
                yield base + low, base + high
            case dw.RLE_STARTX_ENDX:
                low, at = indexed(at)
                high, at = indexed(at)
                yield low, high
            case dw.RLE_START_END:
                low, at = address(at)
                high, at = address(at)
                yield low, high
            case dw.RLE_STARTX_LENGTH | dw.RLE_START_LENGTH:
                low, at = (indexed if kind == dw.RLE_STARTX_LENGTH else address)(at)
                length, at = uleb(data, at)
                yield low, low + length
            case _:
                raise DwarfError(f"a range of kind {kind}: debug information is corrupt")


def _in_table(info: DebugInfo, address: int) -> int | None:
    """The start of the unit that .debug_aranges gives for `address`."""
    return next((unit for low, high, unit in table_of_units(info) if low <= address < high), None)


def table_of_units(info: DebugInfo) -> Iterator[tuple[int, int, int]]:
    """(first address, first one behind, start of the unit) of all entries of .debug_aranges, in the file's order."""
    data = info.sections[".debug_aranges"]
    at = 0
    while at < len(data):
        length, start, offset_size = read_initial_length(data, at)
        end = start + length
        unit = unsigned(data, start + 2, offset_size)
        size = data[start + 2 + offset_size]
        if size not in (4, 8) or end > len(data):
            raise DwarfError(".debug_aranges is corrupt")
        pair = struct.Struct("<QQ" if size == 8 else "<II")
        # The first pair stands at a multiple of a pair's size from the start of the set.
        first = at + -(-(start + 4 + offset_size - at) // pair.size) * pair.size
        for low, length in pair.iter_unpack(data[first : first + (end - first) // pair.size * pair.size]):
            yield low, low + length, unit
        at = end
