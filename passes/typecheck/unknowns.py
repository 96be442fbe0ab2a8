"""Types that grow with every use: those of variables, of maps' values and of maps' keys.

What a name has in the end must not depend on the order in which its uses are met. For integers that takes more than
merging two at a time: a literal has no say in the sign, so that the largest one is kept apart from the other uses.
"""

from __future__ import annotations

from ...core.types import Int, Type, promote_integers
from .promotion import promote


class Unknowns(dict[str, Type]):
    """The types known so far, by name."""

    def __init__(self) -> None:
        super().__init__()
        self._definite: dict[str, Int] = {}
        self._literal: dict[str, Int] = {}

    def join(self, name: str, use: Type) -> Type | None:
        """The type that holds this use as well as all others, or None when they do not go together."""
        known = self.get(name)
        if isinstance(use, Int) and (known is None or isinstance(known, Int)):
            return self._join_integer(name, use)
        return use if known is None else promote(known, use)

    def _join_integer(self, name: str, use: Int) -> Int:
        part = self._literal if use.flexible else self._definite
        before = part.get(name)
        part[name] = use if before is None else promote_integers(before, use)
        definite, literal = self._definite.get(name), self._literal.get(name)
        if definite is None or literal is None:
            return part[name]
        return promote_integers(definite, literal)
