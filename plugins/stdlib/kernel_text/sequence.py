"""`printf` in an iterator: the kernel formats, and writes into the file that the iterator's reader reads.

The kernel's formats are narrower than the language's (`bpf_bprintf_prepare` of kernel/trace/bpf_trace.c): no precision,
no `#`, no octal, ASCII only, at most twelve values and 512 bytes of them a call, and nothing but a blank or punctuation
behind a string. So one `printf` becomes as many calls of `bpf_seq_printf` as it takes, with bytes that no format can
have written as they are. What the kernel cannot show at all is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from ....core.frozen import dataclass
from ....core.function import EmitSite, integer_of
from ....core.printf_format import Directive, parse_format
from ....core.types import INT64, UINT8, UINT64, Bool, Enum, Int, OwnedType, Pointer, String, Type

if TYPE_CHECKING:
    from ....core.emitter import Emitter, Value

#: MAX_BPRINTF_VARARGS and MAX_BPRINTF_BIN_ARGS of the kernel.
_MOST_VALUES, _MOST_BYTES = 12, 512
#: What may stand in a format (isprint and isspace of the kernel), before 6.16 nothing else.
_PLAIN = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\v\f\r")
#: What may not stand behind a string: neither blanks nor punctuation.
_WORD = frozenset((ascii_letters + digits).encode())

_BOOLEANS = b"true", b"false"
_REFUSED = "printf in an iter probe {}"


def sequence_error(spec: bytes, types: Sequence[Type]) -> tuple[str, int | None] | None:
    """Why the kernel cannot do what a format says that fits its values, with the position of the one at fault."""
    directives = (part for part in parse_format(spec) if isinstance(part, Directive))
    for index, (directive, type_) in enumerate(zip(directives, types, strict=True)):
        wrong = _directive_error(directive, type_)
        if wrong is not None:
            return _REFUSED.format(wrong), index
    return None


def _directive_error(directive: Directive, type_: Type) -> str | None:
    specifier = directive.specifier
    if specifier not in "diuxXcps":
        return f"has no %{specifier}: the kernel formats it"
    if directive.prefix:
        return "has no flag #: the kernel formats it"
    if specifier == "s" and not isinstance(type_, String | Bool | Pointer) and _integer(type_) is None:
        advice = "print() shows it" if not isinstance(type_, Enum) else "%d shows its number"
        return f"cannot show a value of type '{type_}': {advice}"
    if directive.precision is not None and isinstance(type_, String):
        return "has no precision: the kernel formats it"
    if directive.width and (specifier == "p" or (specifier == "s" and isinstance(type_, Pointer))):
        return "has no width for addresses: the kernel formats them"
    return None


def _integer(type_: Type) -> Int | None:
    return integer_of(type_) if isinstance(type_, Int | OwnedType) else None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a call of bpf_seq_printf: part of its format, and at most one value for it, which takes `size` bytes of
    the kernel's memory. One without `is_format` is bytes that no format can have."""

    text: bytes
    value: Value | None = None
    size: int = 0
    is_string: bool = False
    is_format: bool = True


def emit_sequence(emitter: Emitter, spec: bytes, call: EmitSite) -> None:
    """Writes what the values behind the format of a call come to. `sequence_error` has said nothing."""
    pieces = list(_pieces(emitter, spec, call))
    if not pieces:
        return
    # The context begins with the state of the walk (struct bpf_iter_meta), and that with the file's.
    file = emitter.kernel_object(emitter.kernel_object(emitter.context()))
    for group in _grouped(pieces):
        text = b"".join(piece.text for piece in group)
        if not group[0].is_format:
            emitter.helper("seq_write", file, emitter.string_constant(text), emitter.constant(len(text)))
            continue
        values = [piece.value for piece in group if piece.value is not None]
        data = emitter.scratch(8 * len(values)) if values else emitter.constant(0)
        for position, value in enumerate(values):
            emitter.store(data, value, 8 * position)
        sizes = (emitter.constant(size) for size in (len(text) + 1, 8 * len(values)))
        emitter.helper("seq_printf", file, emitter.string_constant(text), next(sizes), data, next(sizes))


def _grouped(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """As few calls as the kernel's limits allow."""
    group: list[_Piece] = []
    for piece in pieces:
        if group:
            clashes = group[-1].is_string and piece.text[0] in _WORD
            count = sum(one.value is not None for one in (*group, piece))
            is_full = count > _MOST_VALUES or sum(one.size for one in (*group, piece)) > _MOST_BYTES
            if clashes or is_full or not (piece.is_format and group[-1].is_format):
                yield group
                group = []
        group.append(piece)
    yield group


def _pieces(emitter: Emitter, spec: bytes, call: EmitSite) -> Iterator[_Piece]:
    index = 0
    for part in parse_format(spec):
        if isinstance(part, Directive):
            index += 1
            yield from _directive(emitter, part, call.types[index], call.value(index))
            continue
        for run in _runs(part):
            is_plain = run[0] in _PLAIN
            yield _Piece(run.replace(b"%", b"%%") if is_plain else run, is_format=is_plain)


def _runs(text: bytes) -> Iterator[bytes]:
    """The text in parts that are wholly plain or have nothing plain."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or (text[at] in _PLAIN) != (text[start] in _PLAIN):
            yield text[start:at]
            start = at


def _directive(emitter: Emitter, directive: Directive, type_: Type, value: Value) -> Iterator[_Piece]:
    match directive.specifier, type_:
        case "s", String():
            yield from _string(emitter, directive, type_, value)
        case "s", Bool():
            true, false = (partial(_literal, emitter, text) for text in _BOOLEANS)
            yield _string_piece(directive, emitter.choose(value, true, false), len(_BOOLEANS[1]) + 1)
        case ("p", _) | ("s", Pointer()):
            yield _Piece(b"0x%llx", emitter.cast(value, UINT64), 8)
        case "s", _:
            number = _integer(type_) or INT64
            yield _Piece(_written(directive, b"lld" if number.signed else b"llu"), emitter.cast(value, UINT64), 8)
        case "c", _:
            yield _Piece(_written(directive, b"c"), emitter.cast(emitter.cast(value, UINT8), UINT64), 1)
        case specifier, _:
            number = Int(directive.bytes, directive.signed)
            letter = {"i": "d"}.get(specifier, specifier)
            shown = emitter.cast(emitter.cast(value, number), UINT64)
            yield _Piece(_written(directive, b"ll" + letter.encode()), shown, 8)


def _written(directive: Directive, specifier: bytes) -> bytes:
    flags = b"-" * directive.left + b"+" * (directive.plus and directive.signed) + b"0" * directive.zero
    return b"%" + flags + (b"%d" % directive.width if directive.width else b"") + specifier


def _string(emitter: Emitter, directive: Directive, type_: String, value: Value) -> Iterator[_Piece]:
    """A string by its address. One that may have no NUL would go on into whatever is behind it, so it gets one.

    Of what the kernel takes for one value there are several; a width is kept for the first.
    """
    length = value.length
    if length is None:
        place = emitter.scratch(type_.size + 1)
        emitter.store(place, value)
        emitter.store(place, emitter.constant(0, UINT8), type_.size)
        value = place
    yield _string_piece(directive, _address(emitter, value), min(type_.size + 1, _MOST_BYTES))
    if directive.width:
        return
    step = _MOST_BYTES - 1
    for at in range(step, type_.size, step):
        rest = _address(emitter, emitter.offset(value, at))
        if length is not None:  # what is behind the NUL is anything
            goes_on = emitter.compare(">", length, emitter.constant(at))
            rest = emitter.choose(goes_on, partial(_same, rest), partial(_literal, emitter, b""))
        yield _string_piece(directive, rest, min(type_.size + 1 - at, _MOST_BYTES))


def _string_piece(directive: Directive, address: Value, size: int) -> _Piece:
    return _Piece(_written(directive, b"s"), address, size, is_string=True)


def _literal(emitter: Emitter, text: bytes) -> Value:
    return _address(emitter, emitter.string_constant(text))


def _same(value: Value) -> Value:
    return value


def _address(emitter: Emitter, value: Value) -> Value:
    return emitter.cast(value, UINT64)
