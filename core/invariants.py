"""What must hold of each stage's artifact, whatever plugin made it: the checks of `--verify-each`.

Each check yields one sentence per broken rule. A rule that is broken is a bug in the stage, never the user's mistake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from . import ast
from .artifact_file import ArtifactError, from_bytes, to_bytes
from .artifacts import CompiledProgram, ExpandedProgram, TypedProgram, Variant
from .disassembler import disassemble
from .dump_columns import place
from .records import record_layout
from .source import Span
from .types import Array, Nothing, Record, String, Struct, Tuple, Type, Void, settle, size_of

#: Nodes that type-check has replaced in the bodies of probes.
_REPLACED = (ast.Import, ast.Unroll, ast.PositionalParameter, ast.PositionalCount)


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
        span: Span | None = node.span
        while span is not None:
            if not 0 <= span.start <= span.end <= size:
                yield f"a {type(node).__name__} has the span {span.start}-{span.end} in a script of {size} bytes"
            span = span.expanded_from
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
        for type_ in (map_.key, map_.value):
            if type_ is not None and settle(type_) != type_:
                yield f"the sign of the integers in map {name} is still open: {type_}"
    for probe in typed.probes:
        for variant in probe.variants:
            yield from _check_variant(typed, probe.node, variant)


def _check_variant(typed: TypedProgram, probe: ast.Probe, variant: Variant) -> Iterator[str]:
    source = typed.program.source
    for name, type_ in variant.variables.items():
        if settle(type_) != type_:
            yield f"the sign of the integers in {name} is still open: {type_}"
    for node, has_value in _checked(probe, variant.constants):
        where = place(source, node.span)
        if isinstance(node, _REPLACED):
            yield f"the {type(node).__name__} at {where} is still there"
        elif isinstance(node, ast.Map) and node.name not in typed.maps:
            yield f"the map {node.name} at {where} has no types"
        if not has_value:
            continue
        # An identifier may be a word that a function takes by its name.
        if node not in variant.types and not isinstance(node, ast.Identifier):
            yield f"the {type(node).__name__} at {where} has no type"
        if isinstance(node, ast.Variable) and variant.bindings.get(node) not in variant.variables:
            yield f"the variable {node.name} at {where} has no slot"


def _checked(probe: ast.Probe, constants: Mapping[ast.Node, object]) -> Iterator[tuple[ast.Node, bool]]:
    """The nodes of a body that the type checker looks at, each with whether it stands where a value is wanted."""
    pending: list[tuple[ast.Node, bool]] = [(probe.body, False)]
    if probe.predicate is not None:
        pending.append((probe.predicate, True))
    while pending:
        node, has_value = pending.pop()
        yield node, has_value
        pending.extend(reversed(_below(node, has_value, constants)))


def _below(node: ast.Node, has_value: bool, constants: Mapping[ast.Node, object]) -> list[tuple[ast.Node, bool]]:
    """The nodes directly below one that the type checker goes on to, as `_checked` gives them."""
    match node:
        case ast.Block(statements=statements, value=value):
            last = [] if value is None else [(value, has_value or not _is_block(value))]
            return [*((statement, False) for statement in statements), *last]
        case ast.If(condition=condition, then=then, otherwise=otherwise):
            if isinstance(condition, ast.Comptime):
                kept = then if constants.get(condition) else otherwise
                return [] if kept is None else [(kept, has_value)]
            blocks = [then] if otherwise is None else [then, otherwise]
            return [(condition, True), *((block, has_value) for block in blocks)]
        case ast.ExpressionStatement(expression=expression):
            return [(expression, not _is_block(expression))]
        case ast.Let(variable=variable, value=value):
            # One that is never assigned never gets a type.
            return [] if value is None else [(variable, True), (value, True)]
        case ast.For(variable=variable, iterable=iterable, body=body):
            return [(variable, True), (iterable, False), (body, False)]
        case ast.While(condition=condition, body=body):
            return [(condition, True), (body, False)]
        case ast.Record(fields=fields):
            return [(field.value, True) for field in fields]
        case ast.Cast(operand=operand):
            return [(operand, True)]
        case ast.SizeOf() | ast.OffsetOf() | ast.TypeInfo() | ast.TypeOf() | ast.Unroll():
            return []
    return [(child, True) for child in ast.children(node)]


def _is_block(expression: ast.Expression) -> bool:
    """True for an expression that is a statement where it stands as one."""
    return isinstance(expression, ast.If | ast.Block)


def _check_probes(expanded: ExpandedProgram) -> Iterator[str]:
    yield from _repeated("program", (probe.program_name for probe in expanded.probes))
    known = {id(v): typed.node for typed in expanded.typed.probes for v in typed.variants}
    for probe in expanded.probes:
        bodies = [probe] if probe.on_return is None else [probe, probe.on_return]
        for body in bodies:
            if known.get(id(body.variant)) is not body.node:
                yield f"the program {probe.program_name} has a variant of another probe"
        # Where there are two bodies, the program's own point is made of their points.
        checked = bodies[-1]
        if checked.point not in checked.variant.points:
            yield f"the program {probe.program_name} is for {checked.point.name}, which its variant was not checked for"


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
        for type_ in event.fields:
            yield from (f"event {event.id}: {wrong}" for wrong in _unreadable(type_))
    for spec in compiled.maps:
        for stored in (spec.key_type, spec.value_type):
            if stored is not None:
                yield from (f"the map {spec.name}: {wrong}" for wrong in _unreadable(stored))
    try:
        data = to_bytes(compiled)
        again = to_bytes(from_bytes(data, "the program")[0])
    except (ArtifactError, ValueError) as error:
        yield f"it cannot be saved and loaded again: {error}"
    else:
        if data != again:
            yield "saving and loading it again changes it"


def _unreadable(type_: Type) -> Iterator[str]:
    """Why the output stage could not take a stored value apart."""
    match type_:
        case Void() | Nothing():
            yield f"no value is of type {type_}"
        case Array(element):
            yield from _unreadable(element)
        case Tuple() | Record():
            for element in type_.elements:
                yield from _unreadable(element)
        case Struct(by_name=True):
            yield f"the members of {type_} are not known"
        case Struct(fields=fields, size=size):
            for field in fields:
                # C's text need not end within its storage, and a C type that has no meaning here has no size either.
                bits = field.bit_shift + field.bit_width or 8 * (size_of(field.type) - isinstance(field.type, String))
                if not field.data_loc and field.offset * 8 + bits > size * 8:
                    yield f"the member {field.name} of {type_} lies outside of it"
                if not isinstance(field.type, Void):
                    yield from _unreadable(field.type)


def _repeated(what: str, names: Iterable[object]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{count} {what}s are called {name}"
