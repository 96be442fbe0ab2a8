"""Parses a script's C preamble until nothing is missing that the kernel could give.

The C compiler's complaints about unknown types are the list of what to declare for it; a preamble that says itself
what the kernel has said, and says it differently, does without the kernel.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..c_types import CTypes, NoCTypes
from ..target.btf_types import BtfError
from .clang_types import ClangTypes
from .kernel_declarations import KernelDeclarations
from .script_types import ScriptTypes
from .search_facts import search_facts
from .search_path import TYPES_GUARD, clang_arguments
from .translation_unit import CONFLICT, Complaint, TranslationUnit
from .unit_text import UnitText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .. import ast
    from ..compilation import Compilation
    from ..target.btf_c_types import BtfCTypes

#: A preamble that uses a chain of constants and types might need as many rounds as the chain has links.
_MAX_ROUNDS = 16
_QUOTED = re.compile(r"'([^']+)'")
_TAGGED = re.compile(r"(?:const |volatile )*(struct|union|enum) (\w+)")


def parse_preamble(program: ast.Program, compilation: Compilation, kernel: BtfCTypes) -> CTypes:
    target, diagnostics = compilation.target, compilation.diagnostics
    text = UnitText(program.preamble, program.source.text)
    has_btf = target.btf is not None
    arguments = clang_arguments(compilation.options, target.architecture, target.kernel_release, has_btf)
    try:
        unit, clashes = _parse(text, arguments, KernelDeclarations(kernel.readers))
    except (BtfError, ImportError, OSError, ValueError) as error:
        diagnostics.error(f"C definitions: {error}", program.preamble[0].span if program.preamble else None)
        return kernel
    for dependency in search_facts(unit.included_files(), arguments, target.kernel_release):
        target.remember(dependency)
    if unit.complaints:
        if clashes:
            diagnostics.warning(CONFLICT)
        unit.report(diagnostics)
        return kernel
    below: CTypes = NoCTypes() if clashes else kernel
    return ScriptTypes(ClangTypes(unit, below), below, diagnostics)


def _parse(text: UnitText, arguments: list[str], kernel: KernelDeclarations) -> tuple[TranslationUnit, bool]:
    """The unit, and whether the kernel's types had to stay out of it. Raises: BtfError, ImportError, ValueError."""
    alone = unit = TranslationUnit(text, arguments)
    for _ in range(_MAX_ROUNDS):
        requests = {request for complaint in unit.complaints for request in _missing(complaint)}
        # Every request is made: `any` would stop at the first that adds something.
        if not [request for request in sorted(requests) if kernel.add(*request)]:
            break
        unit = TranslationUnit(text, arguments, kernel.text)
        if any(c.is_redefinition for c in unit.complaints) and not any(c.is_redefinition for c in alone.complaints):
            # Headers that were to be spared what the kernel says have to say it themselves now.
            return TranslationUnit(text, [word for word in arguments if word != f"-D{TYPES_GUARD}"]), True
    return unit, False


def _missing(complaint: Complaint) -> Iterator[tuple[str, str]]:
    """The (tag, name) pairs that a complaint may be about."""
    words = _QUOTED.findall(complaint.message)
    if complaint.message.startswith(("unknown type name", "use of undeclared identifier")) and words:
        yield "", words[0]
    elif complaint.misses_type or "incomplete" in complaint.message:
        yield from (tag.groups() for word in words if (tag := _TAGGED.match(word)))  # type: ignore[misc]  # two groups
