"""Cuts attach points into their parts, which the probe types read, and puts the script's arguments in.

What a part means, and which providers there are, is not known here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass

_PIECE = re.compile(r'"((?:\\.|[^"\\])*)"|(:)|(@)|([^":@]+)', re.DOTALL)
#: What is quoted, a parameter, or a `$` that is none, with what follows it.
_PARAMETER = re.compile(r'"(?:\\.|[^"\\])*"|\$([1-9][0-9]*)|\$(.?)', re.DOTALL)
_NAMED = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?!:|$)")


@dataclass(frozen=True, slots=True)
class SplitAttachPoints:
    """Program -> Program whose attach points have `parts`."""

    name: str = "attach-points"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        splice = _Splice(compilation.options.arguments, compilation.diagnostics)
        probes = tuple(_split_probe(probe, splice) for probe in program.probes)
        if compilation.config.missing_probes != "error":
            probes = tuple(probe for probe in probes if probe.attach_points)
        for probe in probes:
            if not probe.attach_points:
                compilation.diagnostics.error("No attach points for probe", probe.span)
            for point in probe.attach_points:
                if not any(point.parts):
                    compilation.diagnostics.error("Invalid attachpoint definition", point.span)
        return replace(program, probes=probes)


class _Splice:
    """Puts the script's arguments where an attach point says `$1`; one that is missing is an empty text."""

    def __init__(self, arguments: Sequence[str], diagnostics: Diagnostics) -> None:
        self._arguments = arguments
        self._diagnostics = diagnostics

    def __call__(self, point: ast.AttachPoint) -> str:
        def argument(found: re.Match[str]) -> str:
            digits, other = found.groups()
            if digits is None and other is None:
                return found[0]
            if digits is None:
                self._diagnostics.error(
                    f"invalid trailing character for positional param: {other}. "
                    "Try quoting this entire part if this is intentional.",
                    point.span,
                )
                return found[0]
            number = int(digits) if len(digits) < 10 else len(self._arguments) + 1
            text = self._arguments[number - 1] if number <= len(self._arguments) else ""
            return os.fsencode(text).decode("latin-1")

        return _PARAMETER.sub(argument, point.text) if "$" in point.text else point.text


def _split_probe(probe: ast.Probe, splice: _Splice) -> ast.Probe:
    return replace(probe, attach_points=tuple(_split_point(point, splice(point)) for point in probe.attach_points))


def _split_point(point: ast.AttachPoint, written: str) -> ast.AttachPoint:
    named = _NAMED.match(written)
    name, text = (named["name"], written[named.end() :]) if named else ("", written)
    return ast.AttachPoint(point.span, text, split(text), name)


def split(text: str) -> tuple[str, ...]:
    """The parts between unquoted colons; an unquoted `@` is a part of its own. Quotes go; inside them `\\c` means the
    character c."""
    parts = [""]
    for quoted, colon, at, plain in _PIECE.findall(text):
        if colon:
            parts.append("")
        elif at:
            parts += [at, ""]
        else:
            parts[-1] += plain or re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
    return tuple(parts)
