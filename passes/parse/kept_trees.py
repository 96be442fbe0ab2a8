"""Trees as plain data that `marshal` can write, so that a library file need not be parsed at each use.

A node's place is kept as offsets into its own file. Which files there are, and where what is kept lies, is not known
here.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias

from ...core import ast
from ...core.source import Span

#: (class, start, end, values) for each node, children first: a member that holds nodes has their numbers.
Rows: TypeAlias = "list[tuple[str, int, int, tuple[Any, ...]]]"

Members: TypeAlias = "tuple[tuple[str, bool], ...]"
_MEMBERS: dict[type[ast.Node], Members] = {}


def to_rows(root: ast.Node, offset: int) -> Rows:
    """A tree whose file begins at `offset`. A node that stands in two places of the tree stays one."""
    rows: Rows = []
    numbers: dict[ast.Node, int] = {}
    pending: list[tuple[ast.Node, bool]] = [(root, False)]
    while pending:
        node, below = pending.pop()
        if node in numbers:
            continue
        if not below:
            pending.append((node, True))
            pending.extend((child, False) for child in reversed(ast.children(node)))
            continue
        kind, members = type(node), []
        for name, holds_nodes in _members(kind):
            value = getattr(node, name)
            if holds_nodes and value is not None:
                value = tuple(numbers[item] for item in value) if isinstance(value, tuple) else numbers[value]
            members.append(value)
        numbers[node] = len(rows)
        rows.append((kind.__name__, node.span.start - offset, node.span.end - offset, tuple(members)))
    return rows


def from_rows(rows: Rows, offset: int) -> ast.Node:
    """The tree again, for a file that begins at `offset`."""
    nodes: list[ast.Node] = []
    for name, start, end, values in rows:
        kind = getattr(ast, name)
        members = [
            value
            if not holds_nodes or value is None
            else tuple([nodes[number] for number in value])
            if value.__class__ is tuple
            else nodes[value]
            for value, (_, holds_nodes) in zip(values, _members(kind), strict=True)
        ]
        nodes.append(kind(Span(start + offset, end + offset), *members))
    return nodes[-1]


def _members(kind: type[ast.Node]) -> Members:
    """(name, whether it holds nodes) of the members behind the span."""
    known = _MEMBERS.get(kind)
    if known is None:
        holding = ast.node_members(kind)
        known = tuple((member.name, member.name in holding) for member in fields(kind) if member.name != "span")
        _MEMBERS[kind] = known
    return known
