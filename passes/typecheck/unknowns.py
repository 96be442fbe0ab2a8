"""Types that grow with every use: those of variables, of maps' values and of maps' keys.

What a name has in the end must not depend on the order in which its uses are met. For integers that takes more than
merging two at a time: a literal has no say in the sign, so that the largest one is kept apart from the other uses.
"""

from __future__ import annotations

from ...core.types import Int, Record, Tuple, Type, promote_integers
from .promotion import promote


class Unknowns(dict[str, Type]):
    """The types known so far, by name."""

    def __init__(self) -> None:
        super().__init__()
        self._definite: dict[str, Int] = {}
        self._literal: dict[str, Int] = {}

    def join(self, name: str, use: Type) -> Type | None:
        """The type that holds this use as well as all others, or None when they do not go together."""
        return self._join(name, self.get(name), use)

    def _join(self, place: str, known: Type | None, use: Type) -> Type | None:
        """`place` is a name, or a name and the way to an integer inside of its tuples and records."""
        match known, use:
            case (None | Int()), Int():
                return self._join_integer(place, use)
            case None, Tuple() | Record():
                return self._join(place, use, use)
            case Tuple(a), Tuple(b) if len(a) == len(b):
                parts = {str(index): pair for index, pair in enumerate(zip(a, b, strict=True))}
                joined = self._join_all(place, parts)
                return None if joined is None else Tuple(tuple(joined.values()))
            case Record(a), Record(b) if dict(a).keys() == dict(b).keys():
                others = dict(b)
                joined = self._join_all(place, {name: (type_, others[name]) for name, type_ in a})
                return None if joined is None else Record(tuple(joined.items()))
        return use if known is None else promote(known, use)

    def _join_all(self, place: str, parts: dict[str, tuple[Type, Type]]) -> dict[str, Type] | None:
        joined = {name: self._join(f"{place}.{name}", *pair) for name, pair in parts.items()}
        fitting = {name: type_ for name, type_ in joined.items() if type_ is not None}
        return fitting if len(fitting) == len(joined) else None

    def _join_integer(self, place: str, use: Int) -> Int:
        part = self._literal if use.flexible else self._definite
        before = part.get(place)
        part[place] = use if before is None else promote_integers(before, use)
        definite, literal = self._definite.get(place), self._literal.get(place)
        if definite is None or literal is None:
            return part[place]
        return promote_integers(definite, literal)
