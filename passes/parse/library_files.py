"""How library macros come into a script: the files that it needs are put behind its text, as imports are.

A file is parsed once for all scripts: its tree is kept in the user's cache directory, read only from a file that nobody
else can have written and only when its digest says that this text, this parser and this Python made it. Which macro a
call means is told in `macro_table.py`.
"""

from __future__ import annotations

import marshal
import os
import sys
from contextlib import suppress
from typing import TypeAlias

from ...core import ast
from ...core.cache import source_stamps
from ...core.compilation import Compilation
from ...core.digest import digest
from ...core.library import MacroFile
from ...core.source import Source
from ...core.target.cache_directory import cache_directory, read_private_file, write_private_file
from .control_flow import checked_macro
from .kept_trees import Rows, from_rows, to_rows
from .syntax import parse_file

_MACROS_ALONE = "a library file can hold macros and nothing else"
#: Files in the cache directory: 32 hexadecimal digits, then the trees as `marshal` writes them.
_KEPT = "macros-"
_DIGEST_LENGTH = 32

#: The definitions of a file in its order: (name, tree).
_Definitions: TypeAlias = "list[tuple[str, Rows]]"


class LibraryFiles:
    """The library as one script sees it. `source` has the files that were needed so far."""

    def __init__(self, source: Source, compilation: Compilation) -> None:
        self.source = source
        self._library = compilation.library
        self._diagnostics = compilation.diagnostics
        self._definitions: dict[MacroFile, tuple[int, _Definitions]] = {}
        self._macros: dict[str, tuple[ast.Macro, ...]] = {}

    def has(self, name: str) -> bool:
        return bool(self._library.files(name))

    def macros(self, name: str) -> tuple[ast.Macro, ...]:
        """All library macros of a name. Their files are part of the source from now on."""
        known = self._macros.get(name)
        if known is None:
            known = self._macros[name] = tuple(
                macro for file in self._library.files(name) for macro in self._from_file(file, name)
            )
        return known

    def _from_file(self, file: MacroFile, name: str) -> list[ast.Macro]:
        if file not in self._definitions:
            self.source, offset = self.source.with_file(file.name, file.text, library=True)
            # Spans reach into this source now, also those of errors that come before the pass has ended.
            self._diagnostics.source = self.source
            self._definitions[file] = offset, self._kept_or_parsed(file, offset)
        offset, definitions = self._definitions[file]
        trees = [from_rows(rows, offset) for defined, rows in definitions if defined == name]
        return [tree for tree in trees if isinstance(tree, ast.Macro)]

    def _kept_or_parsed(self, file: MacroFile, offset: int) -> _Definitions:
        directory = cache_directory()
        path = os.path.join(directory, _KEPT + digest(file.name.encode())) if directory else None
        made_by = f"{_parser()} {file.text}".encode("latin-1")
        kept = read_private_file(path) if path else None
        if kept is not None and kept[:_DIGEST_LENGTH] == _seal(made_by, kept[_DIGEST_LENGTH:]):
            definitions: _Definitions = marshal.loads(kept[_DIGEST_LENGTH:])
            return definitions
        said = len(self._diagnostics.recorded)
        definitions = self._parsed(offset)
        if path and len(self._diagnostics.recorded) == said:
            data = marshal.dumps(definitions)
            with suppress(OSError):  # a cache is a convenience: without one everything works, only later
                write_private_file(path, _seal(made_by, data) + data, flush=False)
        return definitions

    def _parsed(self, offset: int) -> _Definitions:
        program = parse_file(self.source, offset, self._diagnostics)
        for member in ast.children(program):
            if not isinstance(member, ast.Macro):
                self._diagnostics.error(_MACROS_ALONE, member.span)
        for node in ast.walk(program):
            if isinstance(node, ast.Import) and node not in program.imports:
                self._diagnostics.error(_MACROS_ALONE, node.span)
        macros = [checked_macro(macro, self._diagnostics) for macro in program.macros]
        return [(macro.name, to_rows(macro, offset)) for macro in macros]


def _parser() -> str:
    """Changes with whatever decides what a text is parsed to."""
    parser, tree = os.path.dirname(os.path.abspath(__file__)), os.stat(ast.__file__)
    return f"{sys.version} {source_stamps(parser)} {tree.st_size} {tree.st_mtime_ns}"


def _seal(made_by: bytes, trees: bytes) -> bytes:
    return digest(made_by + b"\0" + trees).encode("ascii")
