"""Memory that an expression designates without copying it: members, elements, what a pointer points to.

A struct behind a pointer is read member by member, and only what is asked for. A `Place` knows where the memory is and
how it can be reached: the program's own memory and its context directly, everything else through a helper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core import ast
from ...core.c_types import member
from ...core.emitter import Value
from ...core.frozen import dataclass
from ...core.types import (
    INT8,
    INT64,
    UINT32,
    UINT64,
    Array,
    Field,
    Int,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
    address_space,
    size_of,
    tuple_layout,
)
from .convert import cast_value, is_scalar, store, typed

if TYPE_CHECKING:
    from .lower import BodyLowering

OUT_OF_BOUNDS = "Array access out of bounds. This can lead to unexpected results."
#: Spaces that the program reaches without a helper.
OWN, CONTEXT = "own", "context"


@dataclass(frozen=True, slots=True)
class Place:
    """A value of `type` at `base` + `offset` bytes. `space` is 'own' or that of a pointer.

    """

    base: Value
    offset: int
    type: Type
    space: str

    def at(self, offset: int, type_: Type) -> Place:
        return Place(self.base, self.offset + offset, type_, self.space)

    def read(self, lowering: BodyLowering) -> Value:
        """The value: a number as it is, anything else as the address of a copy in the program's own memory."""
        emitter = lowering.emitter
        has_slots = self.space == CONTEXT and emitter.probe_type.program_type == "tracing"
        # Of an array of arguments the verifier takes loads of whole ones only, not of a member of a struct among them.
        is_direct = self.space == CONTEXT and is_scalar(self.type) and not (has_slots and self.offset % 8)
        if self.space == OWN or is_direct:
            value = emitter.load(self.base, self.type, self.offset)
            if self.space == CONTEXT and emitter.probe_type.writes_sequence and isinstance(self.type, Pointer):
                with emitter.when(emitter.compare("==", value, emitter.constant(0))):
                    emitter.end_probe()
            return value
        if self.space == CONTEXT and emitter.probe_type.has_registers:
            return self._copy(lowering)
        # LLVM would use the address for a load from there too, but such loads have to say their offset.
        base = emitter.opaque(self.base) if has_slots else self.base
        return _read(lowering, self.space, emitter.offset(base, self.offset), self.type)


    def _copy(self, lowering: BodyLowering) -> Value:
        """A copy of several registers. Each is loaded by itself: the verifier puts in place of such a load another one,
        of where the kernel really has that register, which the memory behind the context's address need not be."""
        emitter = lowering.emitter
        place = emitter.memory(self.type)
        for at in range(0, size_of(self.type), 8):
            emitter.store(place, emitter.load(self.base, UINT64, self.offset + at), at)
        return Value(place.handle, self.type)


def lower_place(lowering: BodyLowering, node: ast.Expression) -> Place:
    """Where an expression's value is; what is not in memory yet is put there."""
    match node:
        case ast.FieldAccess():
            return _field_place(lowering, node)
        case ast.Index():
            return _index_place(lowering, node)
        case ast.Unary(operator="*", operand=operand):
            return _pointee(lowering, lowering.expression(operand), lowering.types[operand])
    value, type_ = lowering.expression(node), lowering.types[node]
    if isinstance(type_, String) and value.length is not None:
        # Of a string that was just read nobody knows what is behind its NUL; in a place of its own there are zeros.
        home = lowering.emitter.memory(type_)
        lowering.emitter.store(home, Value(value.handle, type_, value.length))
        return Place(home, 0, type_, OWN)
    return Place(Value(lowering.emitter.handle(value), value.type), 0, type_, OWN)


def _pointee(lowering: BodyLowering, value: Value, type_: Type) -> Place:
    """What an address points to; of an integer as address, as many bytes as the integer has."""
    if isinstance(type_, Pointer):
        return Place(value, 0, type_.pointee, type_.space)
    if isinstance(type_, Int):
        space = address_space(type_, lowering.emitter.probe_type.space)
        return Place(value, 0, Int(type_.size, False), space)
    return Place(value, 0, type_, OWN)


def read_pointee(lowering: BodyLowering, value: Value, type_: Type) -> Value:
    """What an address points to."""
    return _pointee(lowering, value, type_).read(lowering)


def read_field(lowering: BodyLowering, node: ast.FieldAccess) -> Value:
    place, found = _member(lowering, node)
    emitter = lowering.emitter
    if found is not None and found.data_loc:
        # Documentation/trace/events.rst: the low 16 bits are the data's offset from the record's start.
        word = emitter.load(place.base, UINT32, place.offset + found.offset)
        distance = emitter.binary("&", word, emitter.constant(0xFFFF))
        return typed(Value(emitter.number_of(emitter.offset(place.base, distance)), INT64), found.type)
    if found is not None and found.bit_width:
        return _read_bits(lowering, place, found)
    if found is None:
        return typed(place.read(lowering), lowering.types[node])
    value = place.at(found.offset, found.stored).read(lowering)
    return typed(cast_value(lowering, value, found.type) if found.size else value, lowering.types[node])


def _field_place(lowering: BodyLowering, node: ast.FieldAccess) -> Place:
    place, found = _member(lowering, node)
    if found is None:
        return place
    if found.data_loc or found.bit_width:
        value = read_field(lowering, node)
        home = lowering.emitter.memory(value.type)
        lowering.emitter.store(home, value)
        return Place(home, 0, value.type, OWN)
    # Which memory a pointer points into is known of the expression, not of the member as it was declared.
    is_pointer = isinstance(found.stored, Pointer)
    return place.at(found.offset, lowering.types[node] if is_pointer else found.stored)


def _member(lowering: BodyLowering, node: ast.FieldAccess) -> tuple[Place, Field | None]:
    """The struct that a member is in, and the member; of a tuple or a record the element itself, and None."""
    holder = lower_place(lowering, node.base)
    while isinstance(holder.type, Pointer):
        holder = _pointee(lowering, holder.read(lowering), holder.type) if holder.offset or holder.space != OWN else (
            _pointee(lowering, holder.base, holder.type)
        )
    match holder.type:
        case Tuple(elements):
            return holder.at(tuple_layout(elements)[0][int(node.name)], elements[int(node.name)]), None
        case Record(fields):
            index = [name for name, _ in fields].index(node.name)
            return holder.at(tuple_layout(holder.type.elements)[0][index], fields[index][1]), None
        case Struct():
            found = member(lowering.c_types, holder.type, node.name)
            assert found is not None, "unknown members were reported by the type checker"
            return holder, found
    raise AssertionError("the type checker lets nothing else have members")


def _read_bits(lowering: BodyLowering, place: Place, found: Field) -> Value:
    """A bit field: the smallest whole number of bytes that holds it, shifted and masked."""
    emitter = lowering.emitter
    size = (found.bit_shift + found.bit_width + 7) // 8
    width = next(w for w in (1, 2, 4, 8, 16) if w >= size)
    if width > 8:
        return _read_wide_bits(lowering, place, found)
    if size == width or place.space in (OWN, CONTEXT):
        word = place.at(found.offset, Int(width, False)).read(lowering)
    else:
        home = emitter.memory(UINT64)
        emitter.zero(home, 8)
        address = emitter.offset(place.base, place.offset + found.offset)
        emitter.read_memory(place.space, home, size, address)
        word = emitter.load(home, UINT64)
    return _bits_of(lowering, word, found.bit_shift, found.bit_width, found.type)


def _bits_of(lowering: BodyLowering, word: Value, shift: int, width: int, type_: Type) -> Value:
    emitter = lowering.emitter
    shifted = emitter.binary(">>", word, emitter.constant(shift))
    return typed(emitter.binary("&", shifted, emitter.constant((1 << width) - 1)), type_)


def _read_wide_bits(lowering: BodyLowering, place: Place, found: Field) -> Value:
    """A bit field over nine bytes: its low part from the first eight, the rest from the last."""
    emitter = lowering.emitter
    low_width = 64 - found.bit_shift
    low = place.at(found.offset, UINT64).read(lowering)
    high = place.at(found.offset + 8, Int(1, False)).read(lowering)
    low = emitter.binary(">>", low, emitter.constant(found.bit_shift))
    whole = emitter.binary("|", low, emitter.binary("<<", high, emitter.constant(low_width)))
    return _bits_of(lowering, whole, 0, found.bit_width, found.type)


def _index_place(lowering: BodyLowering, node: ast.Index) -> Place:
    emitter = lowering.emitter
    base_type = lowering.types[node.base]
    if isinstance(base_type, Tuple):
        at = _literal_index(lowering, node.index)
        holder = lower_place(lowering, node.base)
        return holder.at(tuple_layout(base_type.elements)[0][at], base_type.elements[at])
    if isinstance(base_type, Pointer):
        pointer, index = lowering.expression(node.base), lowering.expression(node.index)
        scaled = emitter.binary("*", index, emitter.constant(size_of(base_type.pointee)))
        address = typed(emitter.binary("+", pointer, scaled), base_type)
        return Place(address, 0, base_type.pointee, base_type.space)
    holder = lower_place(lowering, node.base)
    if holder.space == CONTEXT:
        # The verifier takes no address inside the context that it does not know.
        holder = Place(holder.read(lowering), 0, holder.type, OWN)
    assert isinstance(holder.type, Array | String)
    element = holder.type.element if isinstance(holder.type, Array) else INT8
    count = holder.type.count if isinstance(holder.type, Array) else holder.type.size
    if isinstance(node.index, ast.IntegerLiteral):
        return holder.at(node.index.value * size_of(element), element)
    return _element(lowering, node, holder, element, count)


def _literal_index(lowering: BodyLowering, node: ast.Expression) -> int:
    value = node.value if isinstance(node, ast.IntegerLiteral) else lowering.constants[node]
    assert isinstance(value, int), "the type checker asks for a literal"
    return value


def _element(lowering: BodyLowering, node: ast.Index, holder: Place, element: Type, count: int) -> Place:
    """An element at an index that only the run knows. Outside of the array it is reported, and our own memory gives
    zero instead."""
    emitter = lowering.emitter
    index = emitter.opaque(lowering.expression(node.index))
    inside = emitter.compare("<", index, emitter.constant(count))
    if holder.space != OWN:
        if count:
            with emitter.when(emitter.compare("==", inside, emitter.constant(0))):
                emitter.count_failure_at(node, "", emitter.constant(0), OUT_OF_BOUNDS)
        distance = emitter.binary("*", index, emitter.constant(size_of(element)))
        base = emitter.offset(holder.base, holder.offset)
        return Place(emitter.offset(base, distance), 0, element, holder.space)
    result = emitter.memory(element)
    emitter.zero(result, size_of(element))

    def copy() -> None:
        distance = emitter.binary("*", index, emitter.constant(size_of(element)))
        start = emitter.offset(holder.base, holder.offset)
        place = emitter.offset(start, distance, size_of(element))
        store(lowering, element, result, emitter.load(place, element))

    def refuse() -> None:
        emitter.count_failure_at(node, "", emitter.constant(0), OUT_OF_BOUNDS)

    emitter.branch(inside, copy, refuse)
    return Place(result, 0, element, OWN)


def _read(lowering: BodyLowering, space: str, address: Value, type_: Type) -> Value:
    """Copies a value from other memory into the program's own."""
    emitter = lowering.emitter
    if isinstance(type_, String):
        # One byte more: an array without a NUL keeps its last byte, and what follows a NUL is zero.
        place = emitter.reserve(type_.size + 1)
        emitter.zero(place, type_.size + 1)
        emitter.read_string(space, place, type_.size + 1, address, type_.size)
    else:
        place = emitter.memory(type_)
        emitter.read_memory(space, place, size_of(type_), address)
    return emitter.load(place, type_)
