"""What each kind of expression does: operators, choices, blocks, calls, tuples. Memory is in `places`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core import ast
from ...core.emitter import Value
from ...core.types import (
    BOOL,
    INT64,
    NOTHING,
    Array,
    Bool,
    Buffer,
    Enum,
    Int,
    Nothing,
    Pointer,
    Record,
    String,
    Tuple,
    Type,
    Void,
    promote_integers,
    size_of,
    tuple_layout,
)
from .c_functions import call_c_function, call_kernel_function
from .call_site import EmittedCall
from .conditions import chain
from .convert import cast_value, is_scalar, store, typed
from .places import lower_place, read_field

if TYPE_CHECKING:
    from .lower import BodyLowering

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
DIVISION_BY_ZERO = (
    "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."
)
_ALL_ONES = (1 << 64) - 1


def lower_expression(lowering: BodyLowering, node: ast.Expression, wanted: tuple[Value, int] | None) -> Value:
    """Emits an expression. `wanted` is the place that its result is to go to, if it needs memory at all."""
    emitter = lowering.emitter
    if node in lowering.constants:
        return _constant(lowering, node)
    match node:
        case ast.Call(name=name) | ast.Identifier(name=name):
            return _call(lowering, node, name, wanted)
        case ast.IntegerLiteral(value=value):
            return emitter.constant(value & _ALL_ONES, lowering.types[node])
        case ast.StringLiteral(value=value):
            return emitter.string_constant(value.partition(b"\0")[0])  # a string ends at its first NUL
        case ast.BooleanLiteral(value=value):
            return emitter.constant(int(value), BOOL)
        case ast.Variable():
            place = lowering.place(node)
            return emitter.load(place, place.type)
        case ast.Map():
            return lowering.maps.read(node)
        case ast.FieldAccess():
            return read_field(lowering, node)
        case ast.Index() | ast.Unary(operator="*"):
            return lower_place(lowering, node).read(lowering)
        case ast.Unary():
            return _unary(lowering, node)
        case ast.Binary():
            return _binary(lowering, node)
        case ast.Ternary():
            return _ternary(lowering, node)
        case ast.Increment():
            return increment(lowering, node)
        case ast.Tuple(elements=elements):
            return _aggregate(lowering, node, elements)
        case ast.Record(fields=fields):
            return _aggregate(lowering, node, tuple(field.value for field in fields))
        case ast.Cast(operand=operand):
            return cast_value(lowering, lowering.expression(operand), lowering.types[node])
        case ast.If():
            return _if(lowering, node)
        case ast.Block(statements=statements, value=value):
            for statement in statements:
                lowering.statement(statement)
            return Value(None, NOTHING) if value is None else lowering.expression(value)
    raise AssertionError(f"{type(node).__name__} does not reach the code generator")


def _constant(lowering: BodyLowering, node: ast.Expression) -> Value:
    """An expression that types have turned into a literal, or `typeinfo`, into a record of literals."""
    emitter, value = lowering.emitter, lowering.constants[node]
    if isinstance(value, tuple):
        type_ = lowering.types[node]
        assert isinstance(type_, Record)
        parts = [_literal(lowering, part, t) for part, t in zip(value, type_.elements, strict=True)]
        place = emitter.memory(type_)
        _fill(lowering, type_, place, [lambda part=part: part for part in parts])  # type: ignore[misc]  # a default binds the loop's value
        return Value(place.handle, type_)
    return _literal(lowering, value, lowering.types[node])


def _literal(lowering: BodyLowering, value: int | bytes | bool, type_: Type) -> Value:
    if isinstance(value, bytes):
        return lowering.emitter.string_constant(value)
    return lowering.emitter.constant(int(value) & _ALL_ONES, type_)


def _call(
    lowering: BodyLowering, node: ast.Call | ast.Identifier, name: str, wanted: tuple[Value, int] | None
) -> Value:
    if isinstance(node, ast.Call) and (imported := lowering.imported_function(name)) is not None:
        return call_c_function(lowering, node, imported)
    if isinstance(node, ast.Call) and (kernel := lowering.kernel_function(name)) is not None:
        return call_kernel_function(lowering, node, kernel)
    site = EmittedCall(lowering, node, lowering.types[node])
    with site.emitting(wanted):
        result = lowering.function(name).emit(lowering.emitter, site)
    return typed(result, lowering.types[node]) if result.handle is not None else result


def _unary(lowering: BodyLowering, node: ast.Unary) -> Value:
    emitter = lowering.emitter
    if node.operator == "&":
        return typed(emitter.detached(address_of(lowering, node.operand)), lowering.types[node])
    operand = lowering.expression(node.operand)
    zero = emitter.constant(0)
    match node.operator:
        case "!":
            return emitter.compare("==", operand, zero)
        case "-":
            return typed(emitter.binary("-", zero, operand), lowering.types[node])
    return typed(emitter.binary("^", operand, emitter.constant(_ALL_ONES)), lowering.types[node])


def address_of(lowering: BodyLowering, operand: ast.Expression) -> Value:
    """The address of a variable, of a scalar map's value, or of a keyed map itself."""
    match operand:
        case ast.Variable():
            return lowering.place(operand)
        case ast.Map(name=name):
            return lowering.maps.address(name)
    raise AssertionError("the parser takes the address of nothing else")


def _binary(lowering: BodyLowering, node: ast.Binary) -> Value:
    """A chain of operators that leans to the left is walked without recursion: it may be a thousand long."""
    chain = [node]
    while _is_plain(chain[-1]) and isinstance(chain[-1].left, ast.Binary) and _is_plain(chain[-1].left):
        chain.append(chain[-1].left)
    innermost = chain[-1]
    if not _is_plain(innermost):
        return _logical(lowering, innermost)
    value = lowering.expression(innermost.left)
    type_ = lowering.types[innermost.left]
    for binary in reversed(chain):
        lowering.emitter.at(binary)
        right = lowering.expression(binary.right)
        if binary.operator in COMPARISONS:
            value = _comparison(lowering, binary.operator, value, type_, right, lowering.types[binary.right])
        else:
            value = arithmetic(lowering, binary, binary.operator, value, right)
        type_ = lowering.types[binary]
    return value


def _is_plain(node: ast.Binary) -> bool:
    """True for an operator that evaluates both of its sides."""
    return node.operator not in ("&&", "||")


def _logical(lowering: BodyLowering, node: ast.Binary) -> Value:
    """`&&` and `||` evaluate a side only when it matters; a chain of one of them is one loop over its operands."""
    emitter = lowering.emitter
    operands = [node.right]
    left = node.left
    while isinstance(left, ast.Binary) and left.operator == node.operator:
        operands.append(left.right)
        left = left.left
    operands.append(left)
    return chain(emitter, node.operator == "||", [_condition_of(lowering, part) for part in reversed(operands)])


def _condition_of(lowering: BodyLowering, node: ast.Expression) -> Callable[[], Value]:
    return lambda: lowering.condition(node)


def _comparison(
    lowering: BodyLowering, operator: str, a: Value, left: Type, b: Value, right: Type
) -> Value:
    """`left` and `right` are the types that the expressions have: only they know that a variable has had nothing but
    literals; its storage has a sign."""
    emitter = lowering.emitter
    if is_scalar(left) and is_scalar(right):
        return emitter.compare(operator, a, b, signed=_compares_signed(left, right))
    equal = _equal(lowering, a, left, b, right)
    return equal if operator == "==" else emitter.compare("==", equal, emitter.constant(0))


def _equal(lowering: BodyLowering, a: Value, left: Type, b: Value, right: Type) -> Value:
    emitter = lowering.emitter
    match left, right:
        case String(), String():
            return emitter.equal_strings(a, b)
        case (Tuple() | Record()), (Tuple() | Record()):
            return _equal_members(lowering, a, left, b, right)
        case (Array(), Array()) | (Buffer(), Buffer()):
            # The shorter of two buffers holds as many bytes as it says, and zeros lie behind those of the other.
            return _equal_bytes(lowering, a, b, min(size_of(left), size_of(right)))
    if is_scalar(left):
        return emitter.compare("==", a, b)
    return _equal_bytes(lowering, a, b, size_of(left))


def _equal_members(
    lowering: BodyLowering, a: Value, left: Tuple | Record, b: Value, right: Tuple | Record
) -> Value:
    emitter = lowering.emitter
    offsets, _ = tuple_layout(left.elements)
    others, _ = tuple_layout(right.elements)
    places = list(zip(right.elements, others, strict=True))
    if isinstance(left, Record) and isinstance(right, Record):
        by_name = dict(zip((name for name, _ in right.fields), places, strict=True))
        places = [by_name[name] for name, _ in left.fields]
    home, other_home = emitter.handle(a), emitter.handle(b)

    def compare(type_: Type, at: int, other: Type, other_at: int) -> Callable[[], Value]:
        return lambda: _equal(
            lowering,
            emitter.load(Value(home, left), type_, at),
            type_,
            emitter.load(Value(other_home, right), other, other_at),
            other,
        )

    members = zip(left.elements, offsets, places, strict=True)
    return chain(emitter, False, [compare(type_, at, *place) for type_, at, place in members])


def _equal_bytes(lowering: BodyLowering, a: Value, b: Value, size: int) -> Value:
    """Compares memory eight bytes at a time, without a branch."""
    emitter = lowering.emitter
    one, other = Value(emitter.handle(a), a.type), Value(emitter.handle(b), b.type)
    differing, at = emitter.constant(0), 0
    while at < size:
        width = next(w for w in (8, 4, 2, 1) if at % w == 0 and w <= size - at)
        word = Int(width, False)
        changed = emitter.binary("^", emitter.load(one, word, at), emitter.load(other, word, at))
        differing = emitter.binary("|", differing, changed)
        at += width
    return emitter.compare("==", differing, emitter.constant(0))


def _compares_signed(left: Type, right: Type) -> bool:
    """Integers compare signed when either side is definitely signed; a non-negative literal adopts the other's sign."""
    match left, right:
        case Int(), Int():
            return promote_integers(left, right).signed
        case (Int(signed=signed), Bool() | Enum()) | (Bool() | Enum(), Int(signed=signed, flexible=False)):
            return signed
    return False


def arithmetic(lowering: BodyLowering, node: ast.Node, operator: str, left: Value, right: Value) -> Value:
    emitter, type_ = lowering.emitter, lowering.types.get(node, INT64)
    if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
        return _pointer_arithmetic(lowering, operator, left, right)
    if operator in "/%":
        result = _division(lowering, node, operator, left, right, type_)
    else:
        result = typed(emitter.binary(operator, left, right), type_)
    return emitter.cast(result, BOOL) if isinstance(type_, Bool) else result


def _division(
    lowering: BodyLowering, node: ast.Node, operator: str, left: Value, right: Value, type_: Type
) -> Value:
    """Division by zero gives 1 and is reported; BPF itself would give 0."""
    emitter = lowering.emitter

    def refuse() -> Value:
        emitter.count_failure_at(node, "", emitter.constant(0), DIVISION_BY_ZERO)
        return emitter.constant(1, type_)

    is_zero = emitter.compare("==", right, emitter.constant(0))
    return emitter.choose(is_zero, refuse, lambda: typed(emitter.binary(operator, left, right), type_))


def _pointer_arithmetic(lowering: BodyLowering, operator: str, left: Value, right: Value) -> Value:
    emitter = lowering.emitter
    pointer, distance = (left, right) if isinstance(left.type, Pointer) else (right, left)
    assert isinstance(pointer.type, Pointer)
    step = emitter.constant(max(1, size_of(pointer.type.pointee)))
    return typed(emitter.binary(operator, pointer, emitter.binary("*", distance, step)), pointer.type)


def _ternary(lowering: BodyLowering, node: ast.Ternary) -> Value:
    if node.then is node.condition:
        # `a ?: b`: what was tested is the value, and is evaluated once.
        tested = lowering.expression(node.condition)
        chosen = lowering.emitter.choose(tested, lambda: tested, lambda: lowering.expression(node.otherwise))
        return typed(chosen, lowering.types[node])
    return _choose(
        lowering,
        lowering.types[node],
        node.condition,
        lambda: lowering.expression(node.then),
        lambda: lowering.expression(node.otherwise),
    )


def _if(lowering: BodyLowering, node: ast.If) -> Value:
    otherwise = node.otherwise
    kept = lowering.constants.get(node.condition)
    if kept is not None and isinstance(node.condition, ast.Comptime):
        block = node.then if kept else otherwise
        return Value(None, NOTHING) if block is None else lowering.expression(block)
    return _choose(
        lowering,
        lowering.types[node],
        node.condition,
        lambda: lowering.expression(node.then),
        lambda: Value(None, NOTHING) if otherwise is None else lowering.expression(otherwise),
    )


def _choose(
    lowering: BodyLowering,
    type_: Type,
    condition: ast.Expression,
    then: Callable[[], Value],
    otherwise: Callable[[], Value],
) -> Value:
    emitter, holds = lowering.emitter, lowering.condition(condition)
    if is_scalar(type_):
        return typed(emitter.choose(holds, then, otherwise), type_)
    if isinstance(type_, Void | Nothing):
        emitter.branch(holds, lambda: _drop(then()), lambda: _drop(otherwise()))
        return Value(None, type_)
    place = emitter.memory(type_)
    emitter.branch(
        holds,
        lambda: store(lowering, type_, place, then()),
        lambda: store(lowering, type_, place, otherwise()),
    )
    return Value(place.handle, type_)


def _drop(value: Value) -> None:
    """An arm that is run for what it does."""


def increment(lowering: BodyLowering, node: ast.Increment, *, wants_value: bool = True) -> Value:
    """`x++` and the like; nobody uses the value of one that is a statement."""
    emitter, type_ = lowering.emitter, lowering.types[node]
    distance = max(1, size_of(type_.pointee)) if isinstance(type_, Pointer) else 1
    step = emitter.constant(distance if node.operator == "++" else -distance)
    if isinstance(node.target, ast.Map):
        old = lowering.maps.change_in_place(node.target, "+", step, wants_old=wants_value)
    else:
        place = lowering.place(node.target)
        old = emitter.load(place, place.type)
        store(lowering, place.type, place, emitter.binary("+", old, step))
    return typed(old if node.postfix else emitter.cast(emitter.binary("+", old, step), type_), type_)


def _aggregate(
    lowering: BodyLowering, node: ast.Expression, values: tuple[ast.Expression, ...]
) -> Value:
    """Builds a tuple or a record in memory."""
    type_ = lowering.types[node]
    assert isinstance(type_, Tuple | Record)
    place = lowering.emitter.memory(type_)
    _fill(lowering, type_, place, [_later(lowering, value) for value in values])
    return Value(place.handle, type_)


def _later(lowering: BodyLowering, node: ast.Expression) -> Callable[[], Value]:
    return lambda: lowering.expression(node)


def _fill(lowering: BodyLowering, type_: Tuple | Record, place: Value, values: list[Callable[[], Value]]) -> None:
    """Stores the members one after the other, padding zeroed."""
    emitter = lowering.emitter
    offsets, size = tuple_layout(type_.elements)
    if size != sum(size_of(element) for element in type_.elements):
        emitter.zero(place, size)
    for element, at, value in zip(type_.elements, offsets, values, strict=True):
        store(lowering, element, emitter.offset(place, at), value())

