"""Formatters made of formats of the printf family.

A formatter is one `bytes %` operation per event wherever the values allow it: integer conversions are turned into the
way a field is read, and only what Python's `%` does differently goes through a converter. Where the text goes is not
known here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .buffer_text import escaped, escaped_hex, spaced_hex
from .frozen import dataclass
from .function import Writer, integer_of
from .integers import convert
from .printf_format import Directive, parse_format
from .terminal_text import guarded
from .types import BOOL, INT64, UINT8, UINT64, Array, Bool, Enum, Int, Pointer, Record, String, Struct, Tuple, Type

if TYPE_CHECKING:
    from .output import Rendering

_BUFFER: dict[str, Callable[[bytes], bytes]] = {"r": escaped, "rx": escaped_hex, "rh": spaced_hex}
_ALL_ONES = (1 << 64) - 1

Converter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One directive as Python does it: its part of the template, how its field is read, what that goes through.

    `guard` is what text goes through besides when it may have bytes that are not `terminal_text.PLAIN`.
    """

    template: bytes
    view: Type
    convert: Converter | None = None
    guard: Converter | None = None


def compile_format(
    spec: bytes, types: Sequence[Type], rendering: Rendering, own: Container[int] = ()
) -> Callable[[tuple[Any, ...]], bytes]:
    """A function from values, decoded by their own types, to text.

    `own` has the positions of values that are the script's own words, which are shown as they are everywhere.
    """
    template, pieces = _compile(spec, types, rendering, own)
    converters = tuple(
        _both(_conversion(type_, piece.view), _converter(piece)) for type_, piece in zip(types, pieces, strict=True)
    )
    return _formatter(template, converters)


def format_literals(spec: bytes, values: Sequence[int | bool | bytes]) -> bytes:
    """The text of values that are known as a script is compiled, which fit the format as literals of their kinds."""
    parts, remaining = [], iter(values)
    for part in parse_format(spec):
        if isinstance(part, bytes):
            parts.append(part)
            continue
        value = next(remaining)
        # A number of any size: the widest type that holds it.
        type_ = BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) and value < 1 << 63 else UINT64
        if isinstance(value, bytes):
            parts.append(_pad(part, value[: part.precision]) if part.width else value[: part.precision])
        elif part.specifier == "s":
            text = (b"true" if value else b"false") if isinstance(value, bool) else b"%d" % value
            parts.append(_pad(part, text) if part.width else text)
        else:
            piece = _numeric_piece(part, type_)
            read = _both(_conversion(type_, piece.view), piece.convert) or _same
            parts.append(piece.template % read(value))
    return b"".join(parts)


def compile_writer(
    spec: bytes,
    types: Sequence[Type],
    rendering: Rendering,
    wrap: Callable[[bytes], bytes] | None,
    own: Container[int] = (),
) -> Writer:
    """The same as `compile_format` as a Writer, each text passed through `wrap` if there is one."""
    template, pieces = _compile(spec, types, rendering, own)
    format_text = _formatter(template, tuple(map(_converter, pieces)))
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


def _compile(
    spec: bytes, types: Sequence[Type], rendering: Rendering, own: Container[int]
) -> tuple[bytes, list[_Piece]]:
    template, pieces = b"", list[_Piece]()
    remaining, unguarded = iter(types), rendering.guarding(False) if rendering.guards else rendering
    for part in parse_format(spec):
        if isinstance(part, bytes):
            template += part.replace(b"%", b"%%")
            continue
        piece = _piece(part, next(remaining), unguarded if len(pieces) in own else rendering)
        template += piece.template
        pieces.append(piece)
    return template, pieces


def _converter(piece: _Piece) -> Converter | None:
    return _both(piece.convert, piece.guard)


def _formatter(template: bytes, converters: tuple[Converter | None, ...]) -> Callable[[tuple[Any, ...]], bytes]:
    if not any(converters):
        return template.__mod__
    steps = tuple(converter or _same for converter in converters)
    return lambda values: template % tuple([step(value) for step, value in zip(steps, values, strict=True)])


def _piece(directive: Directive, type_: Type, rendering: Rendering) -> _Piece:
    if directive.specifier == "s":
        return _default_piece(directive, type_, rendering)
    if directive.specifier in _BUFFER:
        return _padded(directive, type_, _BUFFER[directive.specifier], type_)
    return _numeric_piece(directive, type_, guards=rendering.guards)


def _numeric_piece(directive: Directive, type_: Type, *, guards: bool = False) -> _Piece:
    if directive.specifier == "gr":
        from .gfp_flags import gfp_flags

        return _padded(directive, _own_integer(type_), lambda value: gfp_flags(value & _ALL_ONES), type_)
    if directive.specifier == "p":
        return _padded(directive, UINT64, _pointer_text, type_)
    if directive.specifier == "c":
        view = UINT8
        if guards:
            return _padded(directive, view, lambda value: guarded(b"%c" % value), type_)
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
            most, guard = directive.precision, guarded if rendering.guards else None
            if directive.width and (directive.zero or guard is not None):
                return _padded(directive, type_, _both(itemgetter(slice(most)), guard), type_)
            if most is not None and guard is not None:
                return _Piece(b"%s", type_, itemgetter(slice(most)), guard)
            return _Piece(_python(directive, b"s" if most is None else b".%ds" % most), type_, None, guard)
        case Int() if not directive.zero:
            return _Piece(_python(directive, b"d"), type_)
        case Enum(constants=constants):
            # The first of several names for one value counts.
            names = {value: name.encode("utf-8", "surrogateescape") for name, value in reversed(constants)}
            return _padded(directive, type_, lambda value: rendering.shown(names.get(value) or b"%d" % value), type_)
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
    return b"0x%x" % (value & _ALL_ONES) if value else b"0"


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

