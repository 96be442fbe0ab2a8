"""Formatting keeps the tree and the comments, of any program, and is done when it is done once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from program_strategies import programs
from pybpftrace.core import ast
from pybpftrace.core.diagnostics import Diagnostics, format_all
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.format.document import WIDTH, columns
from pybpftrace.passes.parse.formatter import format_source
from pybpftrace.passes.parse.syntax import parse_file

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/golden/scripts", "tests/self", "tools", "docs")
SCRIPTS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("**/*.bt"))]


def parse(text: str) -> ast.Program:
    source, diagnostics = Source("t", text), Diagnostics()
    program = parse_file(source, 0, diagnostics)
    assert not diagnostics.failed, f"{format_all(diagnostics.recorded, source)}\n{text}"
    return program


def outline(node: object) -> Any:
    """A tree as tuples, without places. A string in a config block is the same as the word that it holds."""
    match node:
        case ast.ConfigEntry(_, key, ast.StringLiteral(_, value) | ast.Identifier(_, value)):
            return ("entry", key, value if isinstance(value, bytes) else value.encode())
        case ast.Node():
            members = [getattr(node, member.name) for member in fields(node) if member.name not in ("span", "source")]
            return (type(node).__name__, *map(outline, members))
        case tuple():
            return [outline(element) for element in node]
    return node


def check(text: str) -> str:
    """The text in its layout."""
    program = parse(text)
    written = format_source(Source("t", text))
    assert outline(parse(written)) == outline(program), written
    assert format_source(Source("t", written)) == written
    assert not re.search(r"[ \t]$", re.sub(r"(?m)^[#\\ ].*\\\n.*", "", written), re.MULTILINE)
    return written


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_scripts_of_the_repository_keep_their_meaning(path: Path) -> None:
    check(path.read_bytes().decode("latin-1"))


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
@given(programs())
def test_any_program_keeps_its_tree_and_its_comments(text: str) -> None:
    text = text.encode().decode("latin-1")
    written = check(text)
    assert Counter(re.findall(r"\bc\d+\b", written)) == Counter(re.findall(r"\bc\d+\b", text))


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)
@given(programs(comments=False))
def test_no_line_is_longer_than_it_has_to_be(text: str) -> None:
    written = check(text.encode().decode("latin-1"))
    for line in written.splitlines():
        assert columns(line) <= WIDTH or line.startswith(("struct", "#")), written
