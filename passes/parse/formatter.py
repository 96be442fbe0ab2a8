"""`--fmt`: a script's text in its standard layout.

The one place where the parts of the layout are put together. Nothing but the syntax counts here: a script with a type
error has a layout, too.
"""

from __future__ import annotations

import sys

from ...core.diagnostics import Diagnostics
from ...core.source import Source
from .brackets import too_deep
from .formatting.comments import Comments
from .formatting.items import ItemLayout
from .formatting.layout import render
from .syntax import MAXIMUM_DEPTH, parse_file

#: Python frames that a tree of the greatest depth takes: eight for each block in a block.
_DEEPEST_RECURSION = 20 * MAXIMUM_DEPTH


def format_source(source: Source) -> str:
    """The text of the script, with one character for each byte, as that of a Source.

    Its tree is the same as before, but for the quotes of config values; formatting it again changes nothing.
    Raises: CompileError: for syntax errors.
    """
    diagnostics = Diagnostics()
    program = parse_file(source, 0, diagnostics)
    diagnostics.raise_if_failed()
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEPEST_RECURSION))
    formatted = render(ItemLayout(Comments(program), sparing=False).program(program))
    if too_deep(formatted, MAXIMUM_DEPTH) is None:
        return formatted
    return render(ItemLayout(Comments(program), sparing=True).program(program))
