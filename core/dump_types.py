"""The type-check artifact as text and as JSON: every expression of every variant with its type, by place."""

from __future__ import annotations

from . import ast
from .artifacts import TypedProbe, TypedProgram, Variant
from .dump_columns import columns, excerpt, place, plain, type_data, type_text
from .source import Source


def dump_types(typed: TypedProgram) -> str:
    """Maps first, then each probe's variants: the points, the variables, and a row per expression in source order."""
    source = typed.program.source
    text = "maps\n" if typed.maps else ""
    text += "".join(
        f"  {m.name}{'' if m.key is None else f'[{type_text(m.key)}]'}: {type_text(m.value)}\n"
        for _, m in sorted(typed.maps.items())
    )
    for probe in typed.probes:
        for number, variant in enumerate(probe.variants):
            text += _variant_text(source, probe, number, variant)
    return text


def _variant_text(source: Source, probe: TypedProbe, number: int, variant: Variant) -> str:
    names = [point.name for point in variant.points]
    shown = names[0] if len(names) == 1 else f"{len(names)} points from {names[0]} to {names[-1]}"
    text = f"probe {place(source, probe.node.span)} variant {number}: {plain(shown)}\n"
    text += "".join(f"  {name}: {type_text(type_)}\n" for name, type_ in sorted(variant.variables.items()))
    rows = [
        (place(source, node.span), type_text(variant.types[node]), plain(excerpt(source, node.span)))
        for node in _typed_nodes(probe, variant)
    ]
    return text + (columns(rows, indent="  ") if rows else "")


def types_to_data(typed: TypedProgram) -> dict[str, object]:
    """The same as JSON data. Types are as `core.type_data.to_data` makes them, long structs by name; `span` is byte
    offsets."""
    return {
        "maps": [
            {"name": m.name, "key": type_data(m.key) if m.key else None, "value": type_data(m.value)}
            for _, m in sorted(typed.maps.items())
        ],
        "probes": [
            {
                "span": [probe.node.span.start, probe.node.span.end],
                "variants": [_variant_data(probe, variant) for variant in probe.variants],
            }
            for probe in typed.probes
        ],
    }


def _variant_data(probe: TypedProbe, variant: Variant) -> dict[str, object]:
    return {
        "points": [point.name for point in variant.points],
        "variables": {name: type_data(type_) for name, type_ in sorted(variant.variables.items())},
        "expressions": [
            {"span": [n.span.start, n.span.end], "node": type(n).__name__, "type": type_data(variant.types[n])}
            for n in _typed_nodes(probe, variant)
        ],
    }


def _typed_nodes(probe: TypedProbe, variant: Variant) -> list[ast.Node]:
    """Sorted by place, the larger of two nodes at one place first."""
    nodes = [node for node in ast.walk(probe.node) if node in variant.types]
    return sorted(nodes, key=lambda node: (node.span.start, -node.span.end))
