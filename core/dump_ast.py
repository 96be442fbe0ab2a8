"""The tree as text, one node a line, and as JSON data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from . import ast
from .source import Source, display


def dump_program(program: ast.Program) -> str:
    """Each node as `Kind member=value ... LINE:COLUMN-COLUMN`, indented below its parent."""
    lines: list[str] = []
    pending: list[tuple[ast.Node, int]] = [(program, 0)]
    while pending:
        node, depth = pending.pop()
        shown = "".join(f" {name}={_shown(value)}" for name, value in _members(node))
        lines.append(f"{'  ' * depth}{type(node).__name__}{shown} {_place(program.source, node)}\n")
        pending.extend((child, depth + 1) for child in reversed(list(ast.children(node))))
    return "".join(lines)


def program_to_data(program: ast.Program) -> object:
    """Nested objects: `kind`, `span` (byte offsets), the node's own members, `children`."""
    return _data(program)


def _data(node: ast.Node) -> dict[str, object]:
    return {
        "kind": type(node).__name__,
        "span": [node.span.start, node.span.end],
        **{name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value for name, value in _members(node)},
        "children": [_data(child) for child in ast.children(node)],
    }


def _members(node: ast.Node) -> Iterator[tuple[str, object]]:
    """What a node says besides its children and its place."""
    for member in fields(node):
        value = getattr(node, member.name)
        is_nodes = isinstance(value, ast.Node) or (isinstance(value, tuple) and value and isinstance(value[0], ast.Node))
        if member.name not in ("span", "source") and not is_nodes and value is not None and value != ():
            yield member.name, list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(display(value))
    return repr(value)


def _place(source: Source, node: ast.Node) -> str:
    at = source.locate(node.span)
    if at.line == at.end_line:
        return f"{at.line}:{at.column}-{at.end_column}"
    return f"{at.line}:{at.column}-{at.end_line}:{at.end_column}"
