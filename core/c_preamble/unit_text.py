"""The C preamble as one C file, and the way back from a place in that file to the script.

A definition is usually in the unit as it is in the script, but the C line of an imported header is not; places in that
one all mean the import. Knows text and spans, nothing of C.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from ..source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .. import ast


class UnitText:
    """`text` has one character per byte, like a `Source`, so C's byte offsets are its indices."""

    def __init__(self, definitions: Iterable[ast.CDefinition], script: str) -> None:
        self._script = script
        self._starts: list[int] = []
        self._definitions: list[ast.CDefinition] = []
        parts, at = [], 0
        for definition in definitions:
            self._starts.append(at)
            self._definitions.append(definition)
            parts.append(definition.text + "\n")
            at += len(parts[-1])
        self.text = "".join(parts)

    def span(self, start: int, end: int) -> Span | None:
        """The place in the script of the bytes [start, end) of the unit; at least one byte, within one definition."""
        index = bisect_right(self._starts, start) - 1
        if index < 0:
            return None
        definition, shift = self._definitions[index], self._starts[index]
        whole = definition.span
        # A `;` that the parser has added is the one difference that leaves offsets as they are.
        if not definition.text.removesuffix(";").startswith(self._script[whole.start : whole.end].removesuffix(";")):
            return whole
        first = min(whole.start + start - shift, max(whole.start, whole.end - 1))
        return Span(first, min(max(first + 1, whole.start + end - shift), whole.end), whole.expanded_from)

