"""Builds all C files of a program, and says at their imports what is wrong with them.

What one file declares another one may define, so only all of them together show what is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..binary.elf_format import ElfError
from ..c_functions import CModule
from ..c_preamble.search_facts import search_facts
from ..source import printable
from ..target.btf_types import BtfError
from .clang import Build, BuildError, ClangMissing, compile_file
from .contents import Contents, read_contents

if TYPE_CHECKING:
    from .. import ast
    from ..compilation import Compilation

#: Where clang looks for headers after all other directories.
_SYSTEM = ("-isystem", "/usr/local/include", "-isystem", "/usr/include")
_STATIC = re.compile(r"\bstatic\b[^;{}()=]*\b(\w+)\s*\(")
FAILED, WARNINGS = "failed to build", "found external warnings"
_INSTALL = "install clang (Debian: apt-get install clang), or run a program that was saved with --emit elsewhere"
_MISSING = "kernel functions (kfuncs), kernel variables and other objects cannot be linked into a script's programs"


def build(files: Sequence[ast.CFile], compilation: Compilation) -> tuple[CModule, ...]:
    built = [(file, found) for file in files if (found := _compile(file, compilation)) is not None]
    known = {name for _, (_, contents) in built for name in contents.defined}
    homes: dict[str, str] = {}
    modules = []
    for file, (result, contents) in built:
        problems = list(contents.refused)
        missing = [name for name in contents.missing if name not in known]
        problems += [f"`{name}` is declared and nowhere defined; {_MISSING}" for name in missing]
        for name in contents.defined:
            if name in homes:
                problems.append(f"`{name}` is defined in {homes[name]} too")
            homes.setdefault(name, _short(file.path))
        for problem in problems:
            compilation.diagnostics.error(f"cannot import {_short(file.path)}: {problem}", file.span)
        modules.append(CModule(os.path.abspath(file.path), result.bitcode, contents.functions, _private(file)))
    return tuple(modules)


def _compile(file: ast.CFile, compilation: Compilation) -> tuple[Build, Contents] | None:
    """The file compiled and looked at; None after an error."""
    diagnostics, target = compilation.diagnostics, compilation.target
    path = os.path.abspath(file.path)
    try:
        result = compile_file(path, compilation.options.include_directories, target.architecture)
        contents = read_contents(result.object, path)
    except ClangMissing as error:
        diagnostics.error(f"cannot import {_short(path)}: {error}", file.span, hints=(_INSTALL,))
        return None
    except BuildError as error:
        diagnostics.error(FAILED, file.span, hints=(_said(str(error)),))
        return None
    except (ElfError, BtfError, OSError) as error:
        diagnostics.error(f"cannot import {_short(path)}: {error}", file.span)
        return None
    searched = (os.path.dirname(path), *compilation.options.include_directories)
    arguments = [*(f"-I{directory}" for directory in searched), *_SYSTEM]
    for fact in search_facts(result.includes, arguments, target.kernel_release):
        target.remember(fact)
    if result.warnings.strip():
        diagnostics.warning(WARNINGS, file.span, hints=(_said(result.warnings),))
    return result, contents


def _private(file: ast.CFile) -> tuple[str, ...]:
    """Names that the file declares as static functions."""
    with open(file.path, encoding="latin-1") as text:
        return tuple(dict.fromkeys(_STATIC.findall(text.read())))


def _said(text: str) -> str:
    """What clang wrote, fit for a terminal."""
    return "\n".join(printable(line.encode().decode("latin-1")) for line in text.strip().expandtabs().split("\n"))


def _short(path: str) -> str:
    return repr(os.path.basename(path))
