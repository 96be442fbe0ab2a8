"""Formatting keeps the tree and every comment, and does not change what is formatted."""

from __future__ import annotations

import re
from pathlib import Path

import pybpftrace
import pytest
from formatting import layout, outline
from hypothesis import given, settings
from program_strategies import programs
from pybpftrace.core import ast
from pybpftrace.core.diagnostics import Diagnostics
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.format.document import WIDTH
from pybpftrace.passes.parse.syntax import parse_file

ROOT = Path(pybpftrace.__path__[0])
SCRIPTS = sorted(path for folder in ("tools", "tests") for path in (ROOT / folder).rglob("*.bt"))

#: What nothing can break: a string that takes a line for itself, a comment, an attach point, C.
LONG_TOKEN = re.compile(r'"[^"]{70,}"|//|^\S+$|^struct ')


def parsed(script: str) -> ast.Program:
    diagnostics = Diagnostics()
    program = parse_file(Source("t", script), 0, diagnostics)
    assert not diagnostics.recorded, [found.message for found in diagnostics.recorded]
    return program


def check(script: str, formatted: str) -> None:
    assert outline(parsed(formatted)) == outline(parsed(script))
    assert layout(formatted) == formatted
    assert sorted(re.findall(r"note\d+", formatted)) == sorted(re.findall(r"note\d+", script))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_of_the_repository_is_the_same_program_in_its_layout(path: Path) -> None:
    script = path.read_bytes().decode("latin-1")
    formatted = layout(script)
    check(script, formatted)
    too_long = [line for line in formatted.splitlines() if len(line.expandtabs(4)) > WIDTH]
    assert [line for line in too_long if not LONG_TOKEN.search(line)] == []


@settings(deadline=None, max_examples=300)
@given(programs())
def test_any_program_is_the_same_in_its_layout(script: str) -> None:
    check(script, layout(script))


@pytest.mark.parametrize(
    "body",
    [
        "{" * 190 + "1" + "}" * 190,
        "$x = " + "{" * 190 + "1" + "}" * 190,
        "$x = " + "if 1 {" * 90 + "1" + "}" * 90,
        "$x = " + "(" * 190 + "1" + ")" * 190,
        "$x = " + "f(" * 190 + "1" + ")" * 190,
        "$x = " + "- " * 190 + "1",
        "$x = " + "1 ? 2 : " * 150 + "3",
        "$x = " + "1 + (" * 150 + "1" + ")" * 150,
        "$x = 1" + " + 1 * 2" * 450,
        "$x = 1" + " || 1" * 900,
        "if 1 { 2 }" + " else if 3 { 4 }" * 900,
        "$x = a" + ".a" * 190,
    ],
    ids=lambda body: body[:12],
)
def test_what_is_as_deep_or_long_as_a_program_can_be_has_a_layout(body: str) -> None:
    script = f"BEGIN {{ {body} }}"
    check(script, layout(script))
