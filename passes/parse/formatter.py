"""`format_source`: a script in its standard layout. What `--fmt` prints; how the text is laid out is in `format/`."""

from __future__ import annotations

from ...core.diagnostics import Diagnostics
from ...core.source import Source


def format_source(source: Source) -> str:
    """The script's text, which means the same, with its comments; formatting it again changes nothing.

    One character for each byte, as in the source. Raises: CompileError: the script's syntax errors.
    """
    from .format.program import ProgramLayout
    from .format.render import render
    from .syntax import parse_file

    diagnostics = Diagnostics()
    program = parse_file(source, 0, diagnostics)
    diagnostics.raise_if_failed()
    written = render(ProgramLayout(program).document())
    return f"{written}\n" if written else ""
