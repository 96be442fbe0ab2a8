"""Symbol tables: the rows of one, their names, and the function at an address.

Binaries have up to millions of symbols, so rows stay plain tuples read in one pass and names are decoded when asked
for. This file is given bytes that were bounds-checked and must not know of files, sections' places or processes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from ..frozen import dataclass
from .elf_format import (
    CLASS_64,
    LAYOUTS,
    SHN_UNDEF,
    STT_FILE,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_SECTION,
    STT_TLS,
    ElfError,
)

#: C++ mangles to some ten thousand characters at most; without a limit every symbol could name the whole table.
_MAX_NAME = 1 << 16
#: Names may share their tails, so together they can be longer than the string table, but not many times as long.
_MAX_SHARING = 16
_MAX_ADDRESS = 2**64 - 1
#: Functions are hardly ever nested or aliased more than a few deep: a hostile table must not make a look-up linear.
_MAX_NESTING = 256

_FUNCTION_TYPES = frozenset((STT_FUNC, STT_GNU_IFUNC))
#: A symbol's info byte has its type in the low four bits, its binding above.
_IS_FUNCTION = bytes(info & 15 in _FUNCTION_TYPES for info in range(256))
_HAS_ADDRESS = bytes(info & 15 not in (STT_SECTION, STT_FILE, STT_TLS) for info in range(256))

#: Link-time address, size in bytes, where the name begins in the string table, index of the section.
Row = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Symbol:
    """`address` is as linked, before a PIE or shared object is moved; `size` in bytes, 0 where it is unknown."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True, slots=True)
class SymbolData:
    """The bytes of one symbol table, and those of its string table.

    `section_ends[i]` is the address after the file's section i; `name` is the file's, for messages.
    """

    elf_class: int
    symbols: bytes
    strings: bytes
    section_ends: tuple[int, ...]
    name: str

    def functions(self) -> list[Row]:
        """The defined functions (FUNC and GNU_IFUNC) in the table's order."""
        rows = LAYOUTS[self.elf_class].symbol.iter_unpack(self.symbols)
        # The fields are named in the loop, once per class: reordering them first would double the time.
        if self.elf_class == CLASS_64:
            return [
                (value, size, name, section)
                for name, info, _, section, value, size in rows
                if _IS_FUNCTION[info] and section != SHN_UNDEF
            ]
        return [
            (value, size, name, section)
            for name, value, size, info, _, section in rows
            if _IS_FUNCTION[info] and section != SHN_UNDEF
        ]

    def find(self, name: str) -> Symbol | None:
        """The first function of that name, else the first other thing that has an address."""
        wanted = self._places_of(name)
        if not wanted:
            return None
        fallback = None
        for row in LAYOUTS[self.elf_class].symbol.iter_unpack(self.symbols):
            if row[0] not in wanted:
                continue
            if self.elf_class == CLASS_64:
                _, info, _, section, value, size = row
            else:
                _, value, size, info, _, section = row
            if section == SHN_UNDEF or not _HAS_ADDRESS[info]:
                continue
            if _IS_FUNCTION[info]:
                return Symbol(name, value, size, True)
            if fallback is None:
                fallback = Symbol(name, value, size, False)
        return fallback

    def addresses(self, name: str) -> set[int]:
        """The link-time addresses of everything of that name: local symbols of several source files may share it."""
        wanted = self._places_of(name)
        if not wanted:
            return set()
        found = set()
        info, section, value = (1, 3, 4) if self.elf_class == CLASS_64 else (3, 5, 1)
        for row in LAYOUTS[self.elf_class].symbol.iter_unpack(self.symbols):
            if row[0] in wanted and row[section] != SHN_UNDEF and _HAS_ADDRESS[row[info]]:
                found.add(row[value])
        return found

    def _places_of(self, name: str) -> set[int]:
        """Every place in the string table that reads as `name`: names share tails, so it may be inside another."""
        if not name or "\0" in name:
            return set()
        needle = name.encode("utf-8", "surrogateescape") + b"\0"
        places = set()
        at = self.strings.find(needle)
        while at >= 0:
            places.add(at)
            # The next one cannot begin before this one's NUL, since a name has no NUL in it.
            at = self.strings.find(needle, at + len(needle))
        return places

    def named(self, rows: Sequence[Row]) -> list[tuple[int, int, str]]:
        """Rows as (address, size, name), without the nameless. Raises ElfError for names outside the string table."""
        names = names_at(self.strings, (row[2] for row in rows), self.name)
        return [(address, size, names[place]) for address, size, place, _ in rows if names[place]]


def name_at(strings: bytes, place: int, file_name: str) -> str:
    """The NUL-terminated name at `place`. Raises ElfError where it is outside the table or without end."""
    if place >= len(strings):
        raise ElfError(f"{file_name}: name at {place} of a string table of {len(strings)} bytes")
    end = strings.find(b"\0", place, place + _MAX_NAME)
    if end < 0:
        raise ElfError(f"{file_name}: name at {place} of the string table has no end")
    return strings[place:end].decode("utf-8", "surrogateescape")


def names_at(strings: bytes, places: Iterable[int], file_name: str) -> dict[int, str]:
    """The names at many places. Raises ElfError also where they are together far longer than the table can hold."""
    budget = _MAX_SHARING * len(strings) + _MAX_NAME
    names: dict[int, str] = {}
    for place in places:
        if place not in names:
            names[place] = text = name_at(strings, place, file_name)
            budget -= len(text)
            if budget < 0:
                raise ElfError(f"{file_name}: names together are far longer than their string table")
    return names


class FunctionTable:
    """The functions of a binary by link-time address.

    Takes several symbol tables (a binary's own and its debug file's) as one. A function of unknown size (assembler)
    reaches to the next function, but never out of its section.
    """

    def __init__(self, tables: Sequence[SymbolData]) -> None:
        self._tables = tables
        rows = [(*row, table) for table, data in enumerate(tables) for row in data.functions()]
        rows.sort(key=lambda row: row[0])
        self._starts = array("Q", [row[0] for row in rows])
        self._names = array("Q", [row[2] for row in rows])
        self._origins = bytes(row[4] for row in rows)
        self._ends = array("Q", _ends(rows, [data.section_ends for data in tables]))
        #: The highest end so far: tells when no function further down can reach an address.
        self._reach = array("Q", accumulate(self._ends, max))
        self._best_names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def find(self, address: int) -> tuple[str, int] | None:
        """The name of the innermost function around a link-time address, and how many bytes it lies after its start.

        Of several names for one place that with the fewest leading underscores, then the first, is given. Raises
        ElfError where the name is corrupt.
        """
        last = bisect_right(self._starts, address) - 1
        for index in range(last, max(-1, last - _MAX_NESTING), -1):
            if self._reach[index] <= address:
                return None
            if self._ends[index] > address:
                return self._best_name(index), address - self._starts[index]
        return None

    def _best_name(self, index: int) -> str:
        name = self._best_names.get(index)
        if name is None:
            names = [self._name(i) for i in self._aliases(index)]
            # The table's order was kept by the sort, and min() keeps the first of equals.
            name = min(reversed(names), key=lambda name: len(name) - len(name.lstrip("_")))
            self._best_names[index] = name
        return name

    def _aliases(self, index: int) -> Iterator[int]:
        """Functions that start where the one at `index` does, from it downwards."""
        start = self._starts[index]
        for i in range(index, max(-1, index - _MAX_NESTING), -1):
            if self._starts[i] != start:
                return
            yield i

    def _name(self, index: int) -> str:
        data = self._tables[self._origins[index]]
        return name_at(data.strings, self._names[index], data.name)


def _ends(rows: Sequence[tuple[int, int, int, int, int]], section_ends: Sequence[tuple[int, ...]]) -> list[int]:
    ends = []
    following = _MAX_ADDRESS  # the lowest start above the row's own
    above = _MAX_ADDRESS
    for address, size, _, section, table in reversed(rows):
        if address != above:
            following, above = above, address
        if size:
            end = address + size
        else:
            sections = section_ends[table]
            end = min(following, sections[section]) if section < len(sections) else address
        ends.append(min(end, _MAX_ADDRESS))
    ends.reverse()
    return ends
