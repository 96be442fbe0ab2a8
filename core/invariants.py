"""What must hold of each stage's artifact, whatever plugin made it: the checks of `--verify-each`.

Each check yields one sentence per broken rule. A rule that is broken is a bug in the stage, never the user's mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from . import ast
from .artifact_file import ArtifactError, from_bytes, to_bytes
from .artifacts import CompiledProgram, ExpandedProgram, TypedProgram, Variant
from .disassembler import disassemble
from .dump_columns import place
from .records import record_layout

#: Expressions that stand for a name or a setting and so have no value of their own.
_NAMES_ONLY = (ast.Identifier,)


def check(artifact: object) -> list[str]:
    """The broken rules of an artifact; an artifact of a kind that has no rules here is fine."""
    match artifact:
        case ast.Program():
            return list(_check_tree(artifact))
        case TypedProgram():
            return list(_check_types(artifact))
        case ExpandedProgram():
            return list(_check_probes(artifact))
        case CompiledProgram():
            return list(_check_compiled(artifact))
    return []


def _check_tree(program: ast.Program) -> Iterator[str]:
    size = len(program.source.text)
    for node in ast.walk(program):
        if not 0 <= node.span.start <= node.span.end <= size:
            yield f"a {type(node).__name__} has the span {node.span.start}-{node.span.end} in a script of {size} bytes"
    for probe in program.probes:
        for point in probe.attach_points:
            if not point.parts:
                yield f"the attach point at {place(program.source, point.span)} was not cut into its parts"


def _check_types(typed: TypedProgram) -> Iterator[str]:
    yield from _check_tree(typed.program)
    if [probe.node for probe in typed.probes] != list(typed.program.probes):
        yield "the probes are not those of the tree"
    if list(typed.maps) != sorted(typed.maps):
        yield "the maps are not ordered by name"
    for name, map_ in typed.maps.items():
        if map_.name != name:
            yield f"the map {map_.name} is listed as {name}"
    for probe in typed.probes:
        for variant in probe.variants:
            yield from _check_variant(typed, probe.node, variant)


def _check_variant(typed: TypedProgram, probe: ast.Probe, variant: Variant) -> Iterator[str]:
    source = typed.program.source
    for node in _expressions(probe):
        where = place(source, node.span)
        if node not in variant.types and not isinstance(node, _NAMES_ONLY):
            yield f"the {type(node).__name__} at {where} has no type"
        if isinstance(node, ast.Variable):
            slot = variant.bindings.get(node)
            if slot is None or slot not in variant.variables:
                yield f"the variable {node.name} at {where} has no slot"
        if isinstance(node, ast.Map) and node.name not in typed.maps:
            yield f"the map {node.name} at {where} has no types"


def _expressions(probe: ast.Probe) -> Iterator[ast.Node]:
    other = (ast.Probe, ast.AttachPoint, ast.Block, ast.ExpressionStatement, ast.Assignment, ast.If, ast.Return)
    return (node for node in ast.walk(probe) if not isinstance(node, other))


def _check_probes(expanded: ExpandedProgram) -> Iterator[str]:
    yield from _repeated("program", (probe.program_name for probe in expanded.probes))
    known = {id(v): typed.node for typed in expanded.typed.probes for v in typed.variants}
    for probe in expanded.probes:
        if known.get(id(probe.variant)) is not probe.node:
            yield f"the program {probe.program_name} has a variant of another probe"
        if probe.point not in probe.variant.points:
            yield f"the program {probe.program_name} is for {probe.point.name}, which its variant was not checked for"


def _check_compiled(compiled: CompiledProgram) -> Iterator[str]:
    yield from _repeated("program", (program.name for program in compiled.programs))
    yield from _repeated("map", (spec.name for spec in compiled.maps))
    yield from _repeated("event", (event.id for event in compiled.events))
    yield from _repeated("failure site", (site.index for site in compiled.failures))
    for program in compiled.programs:
        for item in disassemble(program.instructions):
            if item.text.startswith("<"):
                yield f"instruction {item.index} of {program.name} does not decode: {item.text}"
        if [line.index for line in program.lines] != sorted({line.index for line in program.lines}):
            yield f"the lines of {program.name} are not in order"
        if f"probe:{program.point.probe_type}" not in compiled.origins:
            yield f"the probe type {program.point.probe_type} has no origin"
    for event in compiled.events:
        record_layout(event.fields)
        if event.function not in compiled.origins:
            yield f"the function {event.function} has no origin"
    try:
        data = to_bytes(compiled)
        again = to_bytes(from_bytes(data, "the program")[0])
    except (ArtifactError, ValueError) as error:
        yield f"it cannot be saved and loaded again: {error}"
    else:
        if data != again:
            yield "saving and loading it again changes it"


def _repeated(what: str, names: Iterable[object]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{count} {what}s are called {name}"
