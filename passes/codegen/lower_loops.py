"""What the script's loops mean, and which variables their bodies share with the code around them.

A loop's body becomes a function of its own, so a variable belongs to the innermost loop around all of its uses, and one
that is used in several functions lives where all of them reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from ...core import ast
from ...core.artifacts import Variant
from ...core.emitter import Value
from ...core.types import Tuple, Type, tuple_layout
from .convert import store

if TYPE_CHECKING:
    from .lower import BodyLowering

#: The function that code belongs to: the body of a loop, or, with None, the program itself.
Home: TypeAlias = ast.For | ast.While | None


class Homes:
    """Which function each variable of a body belongs to."""

    def __init__(self, probe: ast.Probe, variant: Variant) -> None:
        self._types: Mapping[str, Type] = variant.variables
        self._paths: dict[str, tuple[ast.For | ast.While, ...]] = {}
        self._shared: set[str] = set()
        pending: list[tuple[ast.Node, tuple[ast.For | ast.While, ...]]] = [(probe, ())]
        while pending:
            node, path = pending.pop()
            if isinstance(node, ast.Variable) and node in variant.bindings:
                self._use(variant.bindings[node], path)
            for child in ast.children(node):
                inside = isinstance(node, ast.For | ast.While) and _runs_each_round(node, child)
                pending.append((child, (*path, node) if inside else path))  # type: ignore[arg-type]  # a loop, if inside

    def _use(self, slot: str, path: tuple[ast.For | ast.While, ...]) -> None:
        known = self._paths.get(slot)
        if known is not None and known != path:
            self._shared.add(slot)
            common = 0
            while common < min(len(known), len(path)) and known[common] is path[common]:
                common += 1
            path = path[:common]
        self._paths[slot] = path

    def of(self, home: Home) -> list[tuple[str, Type]]:
        """The variables that belong to a loop's body, or to the program itself."""
        return [
            (slot, self._types[slot])
            for slot, path in sorted(self._paths.items())
            if (path[-1] if path else None) is home and slot in self._types
        ]

    def is_shared(self, slot: str) -> bool:
        return slot in self._shared


def _runs_each_round(node: ast.For | ast.While, child: ast.Node) -> bool:
    return isinstance(node, ast.While) or child is not node.iterable


def lower_for(lowering: BodyLowering, node: ast.For) -> None:
    match node.iterable:
        case ast.Range(start=start, end=end):
            _lower_range(lowering, node, start, end)
        case ast.Map():
            _lower_entries(lowering, node, node.iterable)


def _lower_range(lowering: BodyLowering, node: ast.For, start: ast.Expression, end: ast.Expression) -> None:
    first, last = lowering.expression(start), lowering.expression(end)

    def body(number: Value) -> None:
        lowering.create_variables(node)
        place = lowering.place(node.variable)
        store(lowering, place.type, place, number)
        lowering.statement(node.body)

    lowering.emitter.range_loop(first, last, body)


def _lower_entries(lowering: BodyLowering, node: ast.For, entries: ast.Map) -> None:
    emitter = lowering.emitter

    def body(key: Value, value: Value) -> None:
        lowering.create_variables(node)
        entry = lowering.place(node.variable)
        assert isinstance(entry.type, Tuple)
        key_type, value_type = entry.type.elements
        key_at, value_at = tuple_layout(entry.type.elements)[0]
        store(lowering, key_type, emitter.offset(entry, key_at), emitter.load(key, key_type))
        found = lowering.maps.entry_value(entries, key, value)
        store(lowering, value_type, emitter.offset(entry, value_at), found)
        lowering.statement(node.body)

    emitter.for_each(entries.name, body)


def lower_while(lowering: BodyLowering, node: ast.While) -> None:
    def condition() -> Value:
        lowering.create_variables(node)
        with lowering.emitter.statement(node.condition):
            return lowering.condition(node.condition)

    lowering.emitter.while_loop(condition, lambda: lowering.statement(node.body))
