"""The address of a source line and the lines of addresses, out of the line tables of units.

Knows line tables, and how much of a path a user has to write; types and functions are none of its business. Source:
DWARF 5, section 6.2.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ..frozen import dataclass
from . import dwarf_constants as dw
from .dwarf_forms import (
    DwarfError,
    fixed_sizes,
    read_initial_length,
    read_value,
    sleb,
    text,
    u16,
    uleb,
    unsigned,
)
from .dwarf_signature import SourceError
from .dwarf_units import DebugInfo, Unit

END = -1


@dataclass(frozen=True, slots=True)
class Row:
    """The instruction at `address` belongs to line `line`, column `column` (0: unknown) of file number `file`.

    A `file` of `END` says that the code before `address` ends there.
    """

    address: int
    file: int
    line: int
    column: int


def find_line(
    info: DebugInfo, file: str, line: int, column: int | None, is_code: Callable[[int], bool]
) -> int:
    """The first address of the line table for a line of the one compiled file whose path ends in `file`.

    `is_code` tells which addresses are in the program: the linker drops functions, their lines stay. Raises
    SourceError, DwarfError.
    """
    wanted = _components(file)
    units = [unit for unit in info.units if unit.top.tag == dw.TAG_COMPILE_UNIT]
    units = [unit for unit in units if wanted and _components(unit.path)[-len(wanted) :] == wanted]
    paths = sorted({unit.path for unit in units})
    if not paths:
        raise SourceError(f"No compilation unit matches {file}")
    if len(paths) > 1:
        raise SourceError(f"Ambiguous source path, matches multiple files: {', '.join(paths)}")
    for unit in units:
        for row in LineTable(unit).rows_of(unit.path):
            if row.line == line and column in (None, row.column) and is_code(row.address):
                return row.address
    place = f"{file}:{line}" + ("" if column is None else f":{column}")
    raise SourceError(f"Unable to map '{place}' to address")


def _components(path: str) -> list[str]:
    return [part for part in os.path.normpath(path).split("/") if part] if path else []


class LineTable:
    """The line table of a unit. Raises DwarfError."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._data = data = unit.info.sections[".debug_line"]
        start = unit.top.number(dw.AT_STMT_LIST)
        self._end = self._at = self._first_file = 0
        self._files: list[str] = []
        if start is None:
            return
        length, at, offset_size = read_initial_length(data, start)
        self._end = at + length
        if self._end > len(data):
            raise DwarfError(f"a line table of {length} bytes at {start} of {len(data)}: corrupt")
        version = u16(data, at)
        at += 2
        if not 2 <= version <= 5:
            raise DwarfError(f"a line table of version {version} is not read")
        if version >= 5:
            at += 2  # sizes of addresses and of segment selectors
        header = unsigned(data, at, offset_size)
        at += offset_size
        self._at = at + header
        self._step = data[at]
        at += 2 if version >= 4 else 1  # operations of an instruction: more than one on VLIW machines only
        line_base, self._line_range, self._first_special = data[at + 1], data[at + 2], data[at + 3]
        self._line_base = line_base - 256 if line_base >= 128 else line_base
        if not self._line_range or not self._first_special:
            raise DwarfError(f"the line table at {start} is corrupt")
        at += 4
        self._operands = data[at : at + self._first_special - 1]
        at += self._first_special - 1
        sizes = fixed_sizes(unit.address_size, offset_size, version)
        self._first_file = 0 if version >= 5 else 1
        self._files = list(self._named_files(at, sizes) if version >= 5 else self._listed_files(at))

    def rows_of(self, path: str) -> Iterator[Row]:
        """The rows of the source file at `path`, in the order of the table."""
        if not self._end:
            return
        numbers = {number for number, name in enumerate(self._files, self._first_file) if name == path}
        for row in self._rows():
            if row.file in numbers:
                yield row

    def sequences(self) -> Iterator[list[Row]]:
        """The rows of each stretch of code, by address, the last of which is its end."""
        rows: list[Row] = []
        for row in self._rows() if self._end else ():
            rows.append(row)
            if row.file == END:
                yield rows
                rows = []

    def file(self, number: int) -> str:
        """The full path of a file of the table; '' for one that is not in it."""
        index = number - self._first_file
        return self._files[index] if 0 <= index < len(self._files) else ""

    def _full(self, directory: str, name: str) -> str:
        return os.path.normpath(os.path.join(self._unit.top.string(dw.AT_COMP_DIR), directory, name))

    def _listed_files(self, at: int) -> Iterator[str]:
        """Up to DWARF 4: directories, then (name, number of directory, time, size), each list with an empty last."""
        directories = [""]
        while self._data[at]:
            name = text(self._data, at)
            directories.append(os.fsdecode(name))
            at += len(name) + 1
        at += 1
        while self._data[at]:
            name = text(self._data, at)
            directory, at = uleb(self._data, at + len(name) + 1)
            for _ in ("time", "size"):
                _, at = uleb(self._data, at)
            yield self._full(_at(directories, directory), os.fsdecode(name))

    def _named_files(self, at: int, sizes: dict[int, int]) -> Iterator[str]:
        """DWARF 5: two tables that each say of what they consist."""
        directories, at = self._table(at, sizes)
        files, at = self._table(at, sizes)
        names = [name for name, _ in directories]
        for name, directory in files:
            yield self._full(_at(names, directory), name)

    def _table(self, at: int, sizes: dict[int, int]) -> tuple[list[tuple[str, int]], int]:
        data = self._data
        formats = []
        count = data[at]
        at += 1
        for _ in range(count):
            content, at = uleb(data, at)
            form, at = uleb(data, at)
            formats.append((content, form))
        count, at = uleb(data, at)
        rows: list[tuple[str, int]] = []
        for _ in range(count):
            name, directory, start = "", 0, at
            for content, form in formats:
                form, value, at = read_value(data, at, form, sizes)
                if content == dw.LNCT_PATH:
                    name = os.fsdecode(self._unit.string(form, value))
                elif content == dw.LNCT_DIRECTORY_INDEX and isinstance(value, int):
                    directory = value
            if at == start:
                raise DwarfError("a line table with files of no bytes: debug information is corrupt")
            rows.append((name, directory))
        return rows, at

    def _rows(self) -> Iterator[Row]:
        data, at, end = self._data, self._at, self._end
        address, file, line, column = 0, 1, 1, 0
        while at < end:
            opcode = data[at]
            at += 1
            if opcode >= self._first_special:
                advance, more_lines = divmod(opcode - self._first_special, self._line_range)
                address += advance * self._step
                line += self._line_base + more_lines
                yield Row(address, file, line, column)
                continue
            match opcode:
                case 0:
                    length, at = uleb(data, at)
                    kind = data[at] if length else 0
                    if kind == dw.LNE_END_SEQUENCE:
                        yield Row(address, END, 0, 0)
                        address, file, line, column = 0, 1, 1, 0
                    elif kind == dw.LNE_SET_ADDRESS and length - 1 in (4, 8):
                        address = unsigned(data, at + 1, length - 1)
                    at += length
                case dw.LNS_COPY:
                    yield Row(address, file, line, column)
                case dw.LNS_ADVANCE_PC:
                    advance, at = uleb(data, at)
                    address += advance * self._step
                case dw.LNS_ADVANCE_LINE:
                    more_lines, at = sleb(data, at)
                    line += more_lines
                case dw.LNS_SET_FILE:
                    file, at = uleb(data, at)
                case dw.LNS_SET_COLUMN:
                    column, at = uleb(data, at)
                case dw.LNS_CONST_ADD_PC:
                    address += (255 - self._first_special) // self._line_range * self._step
                case dw.LNS_FIXED_ADVANCE_PC:
                    address += u16(data, at)
                    at += 2
                case _:
                    for _ in range(self._operands[opcode - 1]):
                        _, at = uleb(data, at)


def _at(names: list[str], index: int) -> str:
    return names[index] if index < len(names) else ""
