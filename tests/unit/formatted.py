"""Formats scripts for tests, and compares trees."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pybpftrace.core import ast
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.formatter import format_source


def fmt(script: str) -> str:
    return format_source(Source("t", script))


def body(statements: str) -> str:
    """The lines of a probe that has these statements, without those of the probe."""
    lines = fmt(f"BEGIN {{\n{statements}\n}}").splitlines()
    assert lines[:2] == ["BEGIN", "{"] and lines[-1] == "}"
    return "\n".join(line.removeprefix("  ") for line in lines[2:-1])


def outline(program: ast.Program) -> list[tuple[Any, ...]]:
    """What the tree says, places aside: of each node, parents first, its class, its plain members and how many nodes
    each of its other members has. A word in a config block is the same with quotes and without."""
    return [_described(node) for node in ast.walk(program)]


def _described(node: ast.Node) -> tuple[Any, ...]:
    if isinstance(node, ast.ConfigEntry):
        match node.value:
            case ast.StringLiteral(_, data):
                return ("entry", node.key, data.decode("latin-1"))
            case ast.Identifier(_, name):
                return ("entry", node.key, name)
    members: list[Any] = [type(node).__name__]
    for field in fields(node):
        if field.name in ("span", "source"):
            continue
        value = getattr(node, field.name)
        if isinstance(value, ast.Node):
            members.append(1)
        elif isinstance(value, tuple) and value and isinstance(value[0], ast.Node):
            members.append(len(value))
        else:
            members.append(value)
    return tuple(members)
