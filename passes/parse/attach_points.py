"""Cuts attach points into their parts, which the probe types read.

What a part means, and which providers there are, is not known here.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.frozen import dataclass

_PIECE = re.compile(r'"((?:\\.|[^"\\])*)"|(:)|([^":]+)', re.DOTALL)
_NAMED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?!:|$)")


@dataclass(frozen=True, slots=True)
class SplitAttachPoints:
    """Program -> Program whose attach points have `parts`."""

    name: str = "attach-points"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        probes = tuple(_split_probe(probe) for probe in program.probes)
        for probe in probes:
            if not probe.attach_points:
                compilation.diagnostics.error("No attach points for probe", probe.span)
            for point in probe.attach_points:
                if not any(point.parts):
                    compilation.diagnostics.error("Invalid attachpoint definition", point.span)
        return replace(program, probes=probes)


def _split_probe(probe: ast.Probe) -> ast.Probe:
    return replace(probe, attach_points=tuple(_split_point(point) for point in probe.attach_points))


def _split_point(point: ast.AttachPoint) -> ast.AttachPoint:
    named = _NAMED.match(point.text)
    name, text = (named["name"], point.text[named.end() :]) if named else ("", point.text)
    return ast.AttachPoint(point.span, text, split(text), name)


def split(text: str) -> tuple[str, ...]:
    """The parts between unquoted colons. Quotes go; inside them `\\c` means the character c."""
    parts = [""]
    for quoted, colon, plain in _PIECE.findall(text):
        if colon:
            parts.append("")
        else:
            parts[-1] += plain or re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
    return tuple(parts)
