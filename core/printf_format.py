"""Formats of the printf family: reading them, and checking them against types. Nothing here makes text of values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .frozen import dataclass
from .types import Array, Bool, Buffer, Enum, Int, Nothing, OwnedType, Pointer, Record, Tuple, Type, Void

#: Flags in their only order, each at most once; `*` takes no argument; the longer specifiers come first.
_DIRECTIVE = re.compile(
    rb"%(-?)(\+?) ?(#?)(0?)([0-9]*|\*)(?:\.([0-9]*|\*))?([hlLjzt]*)(rx|rh|gr|[diouxXcspreEfFgGaAn]|%)"
)
_LENGTHS = {b"": 4, b"h": 2, b"hh": 1, b"l": 8, b"ll": 8, b"L": 8, b"j": 8, b"z": 8, b"t": 8}
_INTEGER = "diouxXcp"
_BUFFER = frozenset({"r", "rx", "rh"})
_REFUSED = "eEfFgGaAn"


@dataclass(frozen=True, slots=True)
class Directive:
    """One conversion. `bytes` is the size of the integer that d, i, o, u, x and X convert to; `precision` is how many
    bytes of a string are shown at most."""

    specifier: str
    bytes: int = 4
    width: int = 0
    left: bool = False
    plus: bool = False
    prefix: bool = False
    zero: bool = False
    precision: int | None = None

    @property
    def signed(self) -> bool:
        return self.specifier in "di"


def parse_format(spec: bytes) -> list[bytes | Directive]:
    """Literal text and directives in order; a `%` that begins no directive is literal text."""
    parts: list[bytes | Directive] = []
    at = 0
    for found in _DIRECTIVE.finditer(spec):
        left, plus, prefix, zero, width, precision, length, specifier = found.groups()
        parts.append(spec[at : found.start()])
        at = found.end()
        if specifier == b"%":
            parts.append(b"%")
            continue
        size = int(width) if width.isdigit() else 0
        bytes_ = _LENGTHS.get(length, 8 if b"h" not in length else 2)
        flags = bool(left), bool(plus), bool(prefix), bool(zero)
        most = int(precision or 0) if precision is not None and precision != b"*" else None
        parts.append(Directive(specifier.decode(), bytes_, size, *flags, most))
    parts.append(spec[at:])
    return [part for part in parts if part]


def format_error(spec: bytes, types: Sequence[Type]) -> tuple[str, int | None] | None:
    """Why values of these types do not fit a format, with the position of the one at fault; None when they fit."""
    directives = [part for part in parse_format(spec) if isinstance(part, Directive)]
    for directive in directives:
        if directive.specifier in _REFUSED:
            return f"unsupported format specifier: {directive.specifier}", None
    given, wanted = len(types), len(directives)
    if given != wanted:
        amount = "not enough" if given < wanted else "too many"
        return f"{amount} arguments for format string ({given} supplied, {wanted} expected)", None
    for index, (directive, type_) in enumerate(zip(directives, types, strict=True)):
        if isinstance(type_, Void | Nothing):
            return f"unable to print none type for specifier: {directive.specifier}", index
        if not _accepts(directive.specifier, type_):
            return f"unsupported format specifier for type '{type_}': {directive.specifier}", index
    return None


def _accepts(specifier: str, type_: Type) -> bool:
    if not is_printable(type_):
        return False
    if specifier in _BUFFER:
        return isinstance(type_, Buffer)
    if specifier == "gr":
        return isinstance(type_, Int | Bool | Pointer)
    return specifier == "s" or (specifier in _INTEGER and isinstance(type_, Int | Enum | Bool | Pointer))


def is_printable(type_: Type) -> bool:
    """True for a value that can be copied and shown. The context is the running program's own and cannot leave it."""
    match type_:
        case Void() | Nothing() | Pointer(space="context"):
            return False
        case OwnedType(aggregation=True, integer=None):
            return False
        case Array(element):
            return is_printable(element)
        case Tuple() | Record():
            return all(map(is_printable, type_.elements))
    return True
