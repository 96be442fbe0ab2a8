"""`argN` of static markers: emits the code that fetches an argument from where the marker's notes say that it is.

One marker can be at many places, with its arguments somewhere else at each. The descriptions of a point are the
different ones, and the program's cookie is the number of the one that holds where it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.binary.usdt_notes import split_arguments
from ....core.probe import AttachPointError, ConcretePoint
from ....core.types import INT64, UINT32, UINT64, Int
from ..registers import OFFSETS
from .usdt_operands import Operand, Term, UnknownOperand, read_operand

if TYPE_CHECKING:
    from ....core.emitter import Emitter, Value

#: What an argument is that a marker does not have.
_NOTHING = Operand(8, True, 0)
#: Whose programs run on a machine.
_PROGRAMS = {"x86_64": ("x86_64", "i386"), "aarch64": ("aarch64",)}


def operands(point: ConcretePoint, index: int, architecture: str) -> list[Operand]:
    """Where `argN` is, for each of the point's descriptions. Raises: AttachPointError: it cannot be read."""
    machine = point.text("machine")
    found = []
    for arguments in point.texts("arguments"):
        descriptions = split_arguments(arguments)
        if index >= len(descriptions):
            found.append(_NOTHING)
            continue
        try:
            if machine not in _PROGRAMS.get(architecture, ()):
                raise UnknownOperand(f"the program is not one for {architecture}")
            found.append(read_operand(descriptions[index], machine))
        except UnknownOperand as error:
            message = f"arg{index} of {point.name} cannot be read: it is '{descriptions[index]}': {error}"
            raise AttachPointError(message) from error
    return found


def emit_argument(emitter: Emitter, index: int) -> Value:
    found = operands(emitter.point, index, emitter.architecture)
    # One place for all of them: only one is read.
    place = emitter.scratch(8) if any(operand.is_memory for operand in found) else None
    if len(set(found)) == 1:
        return _emit_operand(emitter, found[0], place)
    cookie = emitter.helper("get_attach_cookie", emitter.context())

    def choice(first: int, last: int) -> Value:
        """The operand of a cookie from `first` to `last`: by halves, as there may be hundreds."""
        if len(set(found[first : last + 1])) == 1:
            return _emit_operand(emitter, found[first], place)
        middle = (first + last + 1) // 2
        is_below = emitter.compare("<", cookie, emitter.constant(middle, UINT64))
        return emitter.choose(is_below, lambda: choice(first, middle - 1), lambda: choice(middle, last))

    return choice(0, len(found) - 1)


def _emit_operand(emitter: Emitter, operand: Operand, place: Value | None) -> Value:
    """`place` has room for eight bytes where an operand is memory."""
    from ....core.emitter import Value

    value = emitter.constant(operand.number)
    for term in operand.terms:
        value = emitter.binary("+", value, _emit_term(emitter, term))
    type_ = Int(operand.size, operand.signed)
    if operand.is_memory and place is not None:
        address = emitter.cast(value, UINT32) if operand.address_size == 4 else value
        emitter.read_memory("user", place, operand.size, address)
        value = emitter.load(place, type_)
    return Value(emitter.cast(value, type_).handle, INT64)


def _emit_term(emitter: Emitter, term: Term) -> Value:
    part = term.part
    if not part.register:
        return emitter.constant(0)
    value = emitter.load(emitter.context(), UINT64, OFFSETS[emitter.architecture][part.register])
    if part.start:
        value = emitter.binary(">>", value, emitter.constant(8 * part.start))
    if part.size < 8:
        value = emitter.cast(value, Int(part.size, term.signed))
    return emitter.binary("<<", value, emitter.constant(term.shift)) if term.shift else value
