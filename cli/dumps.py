"""The dumps: for each name what is shown, after which stage, and as what text or JSON. One row a dump.

How each artifact is written down is core's; where a dump goes is the observer's. This knows only which is which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import ast
from ..core.artifacts import CompiledProgram, ExpandedProgram, TypedProgram
from ..core.dump_assembly import assembly_to_data, dump_assembly
from ..core.dump_ast import dump_program, program_to_data
from ..core.dump_maps import dump_maps, maps_to_data
from ..core.dump_probes import dump_probes, probes_to_data
from ..core.dump_types import dump_types, types_to_data
from ..core.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Dump:
    """`subject` finds what is shown in an artifact of the stage or of one of its passes; None: it is not there."""

    name: str
    title: str
    stage: str
    subject: Callable[[object], Any]
    text: Callable[[Any], str]
    data: Callable[[Any], object]


def tree_of(artifact: object) -> ast.Program | None:
    """The tree that an artifact is, or that it points into."""
    found = getattr(artifact, "program", artifact)
    return found if isinstance(found, ast.Program) else None


def _only(kind: type) -> Callable[[object], Any]:
    return lambda artifact: artifact if isinstance(artifact, kind) else None


def _code(name: str, attribute: str) -> Callable[[object], Any]:
    """LLVM IR: among the dumps of a compiled program, or an attribute of what the code generator's passes hand on."""

    def subject(artifact: object) -> str | None:
        if isinstance(artifact, CompiledProgram):
            return artifact.dumps.get(name)
        text = getattr(artifact, attribute, None)
        return text if isinstance(text, str) and text else None

    return subject


def _same(text: str) -> str:
    return text


DUMPS = (
    Dump("ast", "AST", "parse", tree_of, dump_program, program_to_data),
    Dump("types", "Types", "typecheck", _only(TypedProgram), dump_types, types_to_data),
    Dump("probes", "Probes", "expand", _only(ExpandedProgram), dump_probes, probes_to_data),
    Dump("ir", "LLVM IR", "codegen", _code("ir", "ir"), _same, _same),
    Dump("ir-opt", "Optimised LLVM IR", "codegen", _code("ir-opt", "optimized"), _same, _same),
    Dump("asm", "BPF instructions", "codegen", _only(CompiledProgram), dump_assembly, assembly_to_data),
    Dump("maps", "Maps and events", "codegen", _only(CompiledProgram), dump_maps, maps_to_data),
)


def sections(artifact: object) -> dict[str, str]:
    """Every dump that an artifact has something for: its title and its text."""
    found = ((dump, dump.subject(artifact)) for dump in DUMPS)
    return {dump.title: dump.text(subject) for dump, subject in found if subject is not None}
