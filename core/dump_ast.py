"""The tree as text, one node a line, and as JSON data.

It shows every member that a node class has, so a new kind of node needs nothing here; what nodes mean is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from . import ast
from .dump_columns import place
from .source import display


def dump_program(program: ast.Program) -> str:
    """Each node as `Kind member=value ... LINE:COLUMN-COLUMN`, indented below its parent."""
    lines: list[str] = []
    pending: list[tuple[ast.Node, int]] = [(program, 0)]
    while pending:
        node, depth = pending.pop()
        shown = "".join(f" {name}={value!r}" for name, value in _members(node))
        lines.append(f"{'  ' * depth}{type(node).__name__}{shown} {place(program.source, node.span)}\n")
        pending.extend((child, depth + 1) for child in reversed(list(ast.children(node))))
    return "".join(lines)


def program_to_data(program: ast.Program) -> object:
    """Nested objects: `kind`, `span` (byte offsets), the node's own members, `children`."""
    return _data(program)


def _data(node: ast.Node) -> dict[str, object]:
    data: dict[str, object] = {"kind": type(node).__name__, "span": [node.span.start, node.span.end]}
    for name, value in _members(node):
        data[name] = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    data["children"] = [_data(child) for child in ast.children(node)]
    return data


def _members(node: ast.Node) -> Iterator[tuple[str, object]]:
    """What a node says besides its children and its place, as display text where it is text. Empty text is left out."""
    for member in fields(node):
        value = getattr(node, member.name)
        match value:
            case int() | bytes():
                yield member.name, value
            case str() if value:
                yield member.name, display(value)
            case (str(), *_):
                yield member.name, [display(item) for item in value]
