"""The layout of scripts: a tree and its comments become text again."""

from __future__ import annotations

from ....core.diagnostics import Diagnostics
from ....core.source import Source


def format_source(source: Source) -> str:
    """The script's text, which means the same, with its comments; formatting it again changes nothing.

    One character for each byte, as in the source. Raises: CompileError: the script's syntax errors.
    """
    from ..syntax import parse_file
    from .program import ProgramLayout
    from .render import render

    diagnostics = Diagnostics()
    program = parse_file(source, 0, diagnostics)
    diagnostics.raise_if_failed()
    written = render(ProgramLayout(program).document())
    return f"{written}\n" if written else ""
