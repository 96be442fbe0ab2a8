"""What a binary's debug information says of its functions, types and source lines: the questions probes ask.

Everything is found by address, in the one unit that holds it: whole binaries are never read. Traced binaries belong to
anybody, so what is wrong in one becomes a DwarfError. It must not know of probes, registers or targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..types import Field, Type
from . import dwarf_constants as dw
from .debug_files import DEBUG_DIRECTORIES
from .dwarf_forms import DwarfError, reading
from .dwarf_lines import find_line
from .dwarf_passing import passing
from .dwarf_ranges import entry_address, unit_of
from .dwarf_sections import DebugSections, find_debug_sections
from .dwarf_signature import NoFunction, Parameter, Passing, Signature, SourceError
from .dwarf_text import c_text
from .dwarf_types import COMPOSITES, MAX_DEPTH, Types
from .dwarf_units import DebugInfo, Entry, Unit
from .elf_format import PF_X, PT_LOAD

__all__ = ["Dwarf", "DwarfError", "NoFunction", "Parameter", "Passing", "Signature", "SourceError"]

_AT_CONTAINERS = (dw.TAG_NAMESPACE, dw.TAG_MODULE)
_MAX_PARAMETERS = 256


class Dwarf:
    """The debug information of one binary, open as long as this object lives."""

    def __init__(self, path: str, sections: DebugSections, looked_at: list[str]) -> None:
        self.path = path
        self.looked_at = looked_at  # files beside `path` on which the answers depend, missing ones too
        self._sections = sections
        self._info = DebugInfo(sections, looked_at)
        self._types = Types(self._info, path)
        self._signatures: dict[int, Signature] = {}

    @staticmethod
    def open(
        path: str, looked_at: list[str], debug_directories: Sequence[str] = DEBUG_DIRECTORIES
    ) -> Dwarf | None:
        """None for a binary without debug information. `looked_at` grows by every other file that was looked for.

        Raises OSError and ElfError.
        """
        sections = find_debug_sections(path, looked_at, debug_directories)
        return None if sections is None else Dwarf(path, sections, looked_at)

    def signature(self, address: int) -> Signature:
        """Of the function that begins at `address`. Raises NoFunction, DwarfError, OSError."""
        if address not in self._signatures:
            with reading(self.path):
                self._signatures[address] = self._signature(self._function(address))
        return self._signatures[address]

    def named(self, tag: str, name: str) -> Type | None:
        """The first type called `tag name` ('struct', 'union', 'enum'), or without tag a typedef or base type.

        Raises DwarfError, OSError.
        """
        with reading(self.path):
            return self._types.named(tag, name)

    def members(self, name: str) -> tuple[Field, ...] | None:
        """The members of the struct with this full name ('struct foo'); None when it is not defined.

        Raises DwarfError, OSError.
        """
        with reading(self.path):
            return self._types.members(name)

    def source_address(self, file: str, line: int, column: int | None) -> int:
        """Of the first instruction of a source line. Raises SourceError, DwarfError, OSError."""
        with reading(self.path):
            return find_line(self._info, file, line, column, self._is_code)

    def _is_code(self, address: int) -> bool:
        return any(
            header.type == PT_LOAD and header.flags & PF_X and 0 <= address - header.address < header.memory_size
            for header in self._sections.program_headers
        )

    def _function(self, address: int) -> Entry:
        unit = unit_of(self._info, address)
        if unit is not None:
            if dw.AT_DWO_NAME in unit.top.attributes or dw.AT_GNU_DWO_NAME in unit.top.attributes:
                raise DwarfError(f"{self.path}: split debug information (.dwo files) is not read")
            for functions in (functions_of, nested_functions_of):
                for entry in functions(unit):
                    if entry_address(entry) == address:
                        return entry
        raise NoFunction(f"{self.path}: no debug information for the function at {address:#x}")

    def _signature(self, function: Entry) -> Signature:
        return Signature(tuple(map(self._parameter, _parameters(function))), self._result(function))

    def _parameter(self, entry: Entry) -> Parameter:
        chain = list(origins_of(entry))
        name = next((name for link in chain if (name := link.string(dw.AT_NAME))), "")
        return self._described(name, _type_of(chain))

    def _result(self, function: Entry) -> Parameter | None:
        type_ = _type_of(list(origins_of(function)))
        return None if type_ is None else self._described("", type_)

    def _described(self, name: str, type_: Entry | None) -> Parameter:
        return Parameter(name, self._types.type(type_), c_text(type_), passing(type_))


def functions_of(unit: Unit) -> Iterator[Entry]:
    """The functions at the top of a unit and in namespaces."""
    return _within(unit.top, _AT_CONTAINERS, 0)


def nested_functions_of(unit: Unit) -> Iterator[Entry]:
    """These and the functions that other things hold, as the structs of Rust do."""
    return _within(unit.top, (*_AT_CONTAINERS, *COMPOSITES, dw.TAG_SUBPROGRAM, dw.TAG_LEXICAL_BLOCK), 0)


def _within(holder: Entry, holders: tuple[int, ...], depth: int) -> Iterator[Entry]:
    for child in holder.children():
        if child.tag == dw.TAG_SUBPROGRAM:
            yield child
        if child.tag in holders and child.has_children and depth < MAX_DEPTH:
            yield from _within(child, holders, depth + 1)


def _parameters(function: Entry) -> list[Entry]:
    """Of the function itself, or where it only refers to its declaration for them, of that."""
    for link in origins_of(function):
        found = [child for child in link.children() if child.tag == dw.TAG_PARAMETER]
        if found:
            return found[:_MAX_PARAMETERS]
    return []


def _type_of(chain: list[Entry]) -> Entry | None:
    return next((link.reference(dw.AT_TYPE) for link in chain if dw.AT_TYPE in link.attributes), None)


def origins_of(entry: Entry) -> Iterator[Entry]:
    """An entry, and those that it refers to for what it does not say itself."""
    link: Entry | None = entry
    for _ in range(MAX_DEPTH):
        if link is None:
            return
        yield link
        link = link.reference(dw.AT_ABSTRACT_ORIGIN) or link.reference(dw.AT_SPECIFICATION)
