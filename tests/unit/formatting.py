"""Formats scripts and parts of scripts for tests."""

from __future__ import annotations

from pybpftrace.core.source import Source
from pybpftrace.passes.parse.format import format_source


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
