"""Formats scripts and parts of scripts for tests, and compares trees."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pybpftrace.core import ast
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.format import format_source


def layout(script: str) -> str:
    """The script, one character a byte, in its layout."""
    return format_source(Source("t", script))


def formatted(script: str) -> str:
    """The script in its layout, which is that of the layout, too."""
    written = format_source(Source.from_bytes("t", script.encode()))
    assert format_source(Source("t", written)) == written
    return written.encode("latin-1").decode()


def statements(body: str) -> str:
    """The lines of a probe's body, without their indentation."""
    lines = formatted(f"begin {{{body}}}").splitlines()
    assert lines[:2] == ["begin", "{"]
    assert lines[-1] == "}"
    return "\n".join(line[2:] for line in lines[2:-1])


def expression(text: str) -> str:
    """An expression as it stands behind an `=`."""
    written = statements(f"$x = {text};")
    assert written.startswith("$x = ")
    return written[len("$x = ") : -1]


def outline(program: ast.Program) -> list[tuple[Any, ...]]:
    """What the tree says, places aside: of each node, parents first, its class, its plain members and how many nodes
    each of its other members has. A word in a config block is the same with quotes and without."""
    values = {entry.value for config in program.configs for entry in config.entries}
    return [_described(node) for node in ast.walk(program) if node not in values]


def _described(node: ast.Node) -> tuple[Any, ...]:
    if isinstance(node, ast.ConfigEntry):
        value = node.value.name if isinstance(node.value, ast.Identifier) else node.value.value
        return ("entry", node.key, value.decode("latin-1") if isinstance(value, bytes) else value)
    members: list[Any] = [type(node).__name__]
    for field in fields(node):
        if field.name in ("span", "source"):
            continue
        match getattr(node, field.name):
            case ast.Node():
                members.append(1)
            case (ast.Node(), *_) as nodes:
                members.append(len(nodes))
            case plain:
                members.append(plain)
    return tuple(members)
