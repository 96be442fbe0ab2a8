"""Formats of the printf family: reading them, checking them against types, and making formatters out of them.

A formatter is one `bytes %` operation per event wherever the values allow it: integer conversions are turned into the
way a field is read, and only what Python's `%` does differently goes through a converter. Where the text goes is not
known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .frozen import dataclass
from .function import Writer, integer_of
from .integers import convert
from .types import (
    UINT8,
    UINT64,
    Array,
    Bool,
    Enum,
    Int,
    Nothing,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    Void,
)

if TYPE_CHECKING:
    from .output import Rendering

#: Flags in their only order, each at most once; `*` takes no argument; the longer specifiers come first.
_DIRECTIVE = re.compile(
    rb"%(-?)(\+?) ?(#?)(0?)([0-9]*|\*)(?:\.([0-9]*|\*))?([hlLjzt]*)(rx|rh|gr|[diouxXcspreEfFgGaAn]|%)"
)
_LENGTHS = {b"": 4, b"h": 2, b"hh": 1, b"l": 8, b"ll": 8, b"L": 8, b"j": 8, b"z": 8, b"t": 8}
_INTEGER = "diouxXcp"
_REFUSED = "eEfFgGaAn"

Converter = Callable[[Any], Any]


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


@dataclass(frozen=True, slots=True)
class _Piece:
    """One directive as Python does it: its part of the template, how its field is read, what that goes through."""

    template: bytes
    view: Type
    convert: Converter | None = None


def compile_format(spec: bytes, types: Sequence[Type], rendering: Rendering) -> Callable[[tuple[Any, ...]], bytes]:
    """A function from values, decoded by their own types, to text."""
    template, pieces = _compile(spec, types, rendering)
    converters = tuple(
        _both(_conversion(type_, piece.view), piece.convert) for type_, piece in zip(types, pieces, strict=True)
    )
    return _formatter(template, converters)


def compile_writer(
    spec: bytes, types: Sequence[Type], rendering: Rendering, wrap: Callable[[bytes], bytes] | None
) -> Writer:
    """The same as a Writer, each text passed through `wrap` if there is one."""
    template, pieces = _compile(spec, types, rendering)
    format_text = _formatter(template, tuple(piece.convert for piece in pieces))
    views = tuple(piece.view for piece in pieces)
    if wrap is not None:
        return Writer(views, lambda values: wrap(format_text(values)))
    return Writer(views, format_text, template if _is_plain(template, pieces) else None)


def _is_plain(template: bytes, pieces: Sequence[_Piece]) -> bool:
    """True when fields go into the template as they are read, once the NULs behind strings are gone from the text."""
    if any(piece.convert is not None for piece in pieces):
        return False
    strings = [piece for piece in pieces if isinstance(piece.view, String)]
    if not strings:
        return True
    may_show_nul = b"\0" in template or any(piece.template.endswith(b"c") for piece in pieces)
    return not may_show_nul and all(piece.template == b"%s" for piece in strings)


def _compile(spec: bytes, types: Sequence[Type], rendering: Rendering) -> tuple[bytes, list[_Piece]]:
    template, pieces = b"", list[_Piece]()
    remaining = iter(types)
    for part in parse_format(spec):
        if isinstance(part, bytes):
            template += part.replace(b"%", b"%%")
            continue
        piece = _piece(part, next(remaining), rendering)
        template += piece.template
        pieces.append(piece)
    return template, pieces


def _formatter(template: bytes, converters: tuple[Converter | None, ...]) -> Callable[[tuple[Any, ...]], bytes]:
    if not any(converters):
        return template.__mod__
    steps = tuple(converter or _same for converter in converters)
    return lambda values: template % tuple([step(value) for step, value in zip(steps, values, strict=True)])


def _piece(directive: Directive, type_: Type, rendering: Rendering) -> _Piece:
    if directive.specifier == "s":
        return _default_piece(directive, type_, rendering)
    if directive.specifier == "p":
        return _padded(directive, UINT64, _pointer_text, type_)
    if directive.specifier == "c":
        view = UINT8
        if directive.zero:
            return _padded(directive, view, lambda value: b"%c" % value, type_)
        return _Piece(_python(directive, b"c"), view)
    return _integer_piece(directive, type_)


def _integer_piece(directive: Directive, type_: Type) -> _Piece:
    own = _own_integer(type_)
    wanted = Int(directive.bytes, directive.signed)
    view = wanted if wanted.size <= own.size else own
    # A negative value of a narrower type has to be seen as an unsigned number of the wider one.
    widen = partial(convert, wanted) if own.signed and not wanted.signed and wanted.size > own.size else None
    specifier = {"i": b"d", "u": b"d"}.get(directive.specifier, directive.specifier.encode())
    plus = directive.plus and directive.signed
    python_pads = not directive.zero or (not directive.signed and not directive.left)
    if directive.prefix and directive.specifier in "xXo":
        return _padded(directive, view, _both(widen, partial(_prefixed, specifier)), type_)
    if not python_pads:
        plain = b"%+d" if plus else b"%" + specifier
        return _padded(directive, view, _both(widen, plain.__mod__), type_)
    return _Piece(_python(directive, specifier, plus=plus), view, widen)


def _default_piece(directive: Directive, type_: Type, rendering: Rendering) -> _Piece:
    match type_:
        case String():
            most = directive.precision
            if directive.width and directive.zero:
                return _padded(directive, type_, itemgetter(slice(most)), type_)
            return _Piece(_python(directive, b"s" if most is None else b".%ds" % most), type_)
        case Int() if not directive.zero:
            return _Piece(_python(directive, b"d"), type_)
        case Enum(constants=constants):
            # The first of several names for one value counts.
            names = {value: name.encode() for name, value in reversed(constants)}
            return _padded(directive, type_, lambda value: names.get(value) or b"%d" % value, type_)
        case Tuple() | Array() if directive.width:
            return _Piece(b"%s", type_, lambda value: _pad_first(directive, rendering.text(type_, value), 1))
        case Record() | Struct() if directive.width:
            return _Piece(b"%s", type_, lambda value: _pad_first(directive, rendering.text(type_, value), 2))
    return _padded(directive, type_, partial(rendering.text, type_), type_)


def _padded(directive: Directive, view: Type, text: Converter | None, type_: Type) -> _Piece:
    """A piece whose converter makes the text, padded where Python would pad otherwise."""
    if integer_of(type_) is None and not isinstance(type_, Bool | Enum | Pointer):
        view = type_
    elif isinstance(view, Int):
        view = _narrowed(view, type_)
    if not directive.width:
        return _Piece(b"%s", view, text)
    if not directive.zero:
        return _Piece(_python(directive, b"s"), view, text)
    return _Piece(b"%s", view, _both(text, partial(_pad, directive)))


def _narrowed(view: Int, type_: Type) -> Type:
    """A field cannot be read wider than it is; it is then read as itself."""
    own = _own_integer(type_)
    return view if view.size <= own.size else own


def _own_integer(type_: Type) -> Int:
    """The integer that a number travels as."""
    match type_:
        case Enum(size=size, signed=signed):
            return Int(size, signed)
        case Pointer():
            return UINT64
    return integer_of(type_) or UINT8


def _python(directive: Directive, specifier: bytes, *, plus: bool = False) -> bytes:
    zero = directive.zero and not directive.left and specifier in b"dxXo"
    flags = b"-" * directive.left + b"+" * plus + b"0" * zero
    width = b"%d" % directive.width if directive.width else b""
    return b"%" + (flags if width or plus else b"") + width + specifier


def _pad(directive: Directive, text: bytes) -> bytes:
    fill = b"0" if directive.zero else b" "
    return text.ljust(directive.width, fill) if directive.left else text.rjust(directive.width, fill)


def _pad_first(directive: Directive, text: bytes, size: int) -> bytes:
    """The width of a composite value counts for the first piece that is written: its opening of `size` bytes."""
    return _pad(directive, text[:size]) + text[size:]


def _prefixed(specifier: bytes, value: int) -> bytes:
    digits = b"%" + specifier
    return ({b"x": b"0x", b"X": b"0X", b"o": b"0"}[specifier] if value else b"") + digits % value


def _pointer_text(value: int) -> bytes:
    # A signed value that is narrower than a pointer is extended by its sign.
    return b"0x%x" % (value & 0xFFFF_FFFF_FFFF_FFFF) if value else b"0"


def _conversion(type_: Type, view: Type) -> Converter | None:
    if type_ == view or not isinstance(view, Int) or not isinstance(type_, Int | Enum | Bool | Pointer):
        return None
    return partial(convert, view)


def _both(first: Converter | None, second: Converter | None) -> Converter | None:
    if first is None or second is None:
        return first or second
    return lambda value: second(first(value))


def _same(value: Any) -> Any:
    return value

