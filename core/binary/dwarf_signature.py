"""A function as its debug information describes it: what it takes, what it gives, how that travels in registers.

Plain data, apart from the reader, so that a captured machine can answer with it too.
"""

from __future__ import annotations

from ..frozen import dataclass
from ..types import Type
from .dwarf_forms import DwarfError


class NoFunction(DwarfError):
    """Debug information is there, and says nothing of this function: it was compiled without -g, say."""


class SourceError(ValueError):
    """A source location that cannot be found; the text is the diagnostic's."""


@dataclass(frozen=True, slots=True)
class Passing:
    """How calling conventions see a value of `size` bytes.

    `pieces`: 'integer' or 'float' for each eight bytes ('memory' where it can be in no register), none for what takes
    no room; a single 'unknown' for a class that is only declared or that has variants. With `by_reference` the caller
    passes the address of a copy.
    """

    size: int
    pieces: tuple[str, ...]
    by_reference: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """`c_text` is the type as C writes it; a function's result has no name, and some parameters have none."""

    name: str
    type: Type
    c_text: str
    passing: Passing


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's parameters in order, `this` among them, and its result; None for void."""

    parameters: tuple[Parameter, ...]
    result: Parameter | None
