"""Walks a typed body and emits it, statement by statement and expression by expression.

What an operator or a node means is here; how it becomes LLVM IR is the emitter's, what a call does is its function's.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core import ast
from ...core.artifacts import ExpandedProbe, MapTypes
from ...core.compilation import Compilation
from ...core.emitter import Value
from ...core.function import Aggregation, Function
from ...core.types import (
    BOOL,
    INT8,
    INT64,
    UINT32,
    VOID,
    Array,
    Bool,
    Field,
    Int,
    Pointer,
    String,
    Struct,
    Type,
    promote_integers,
    size_of,
)
from .call_site import EmittedCall
from .events import EventEmitter
from .maps import MapAccess

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
OUT_OF_BOUNDS = "Array access out of bounds. This can lead to unexpected results."
DIVISION_BY_ZERO = (
    "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."
)


class BodyLowering:
    """One probe body for one program."""

    def __init__(
        self, emitter: EventEmitter, probe: ExpandedProbe, maps: Mapping[str, MapTypes], compilation: Compilation
    ) -> None:
        self.emitter = emitter
        self.types = probe.variant.types
        self.compilation = compilation
        self.maps = MapAccess(self, maps)
        self._probe = probe
        self._bindings = probe.variant.bindings
        self._variables: dict[str, Value] = {}

    def lower(self) -> None:
        """Emits the whole program: pid filter, predicate, body."""
        emitter = self.emitter
        for slot, type_ in self._probe.variant.variables.items():
            place = emitter.memory(type_) if not _is_scalar(type_) else emitter.reserve(8)
            emitter.zero(place, max(size_of(type_), 8) if _is_scalar(type_) else size_of(type_))
            self._variables[slot] = Value(place.handle, type_)
        if self._probe.pid_filter is not None:
            pid = self.call_by_name("pid")
            with emitter.when(emitter.compare("!=", pid, emitter.constant(self._probe.pid_filter))):
                emitter.end_probe()
        if self._probe.node.predicate is not None:
            with emitter.statement(self._probe.node.predicate):
                holds = self.condition(self._probe.node.predicate)
                with emitter.when(emitter.compare("==", holds, emitter.constant(0))):
                    emitter.end_probe()
        self._statement(self._probe.node.body)
        emitter.finish()

    def call_by_name(self, name: str) -> Value:
        """The value of a builtin that the script did not write."""
        site = EmittedCall(self, ast.Identifier(self._probe.node.span, name), INT64)
        with site.emitting(None):
            return self.function(name).emit(self.emitter, site)

    def function(self, name: str) -> Function:
        function = self.compilation.functions.get(name)
        assert function is not None, "unknown names were reported by the type checker"
        return function

    # Statements

    def _statement(self, statement: ast.Statement) -> None:
        emitter = self.emitter
        match statement:
            case ast.Block(statements=statements):
                for inner in statements:
                    self._statement(inner)
            case ast.If(condition=condition, then=then, otherwise=otherwise):
                with emitter.statement(condition):
                    holds = self.condition(condition)
                    emitter.branch(
                        holds,
                        lambda: self._statement(then),
                        lambda: None if otherwise is None else self._statement(otherwise),
                    )
            case ast.Assignment():
                with emitter.statement(statement):
                    self._assign(statement)
            case ast.Return(value=value):
                with emitter.statement(statement):
                    if value is None:
                        emitter.end_probe()
                    else:
                        emitter.return_value(self.expression(value))
            case ast.ExpressionStatement(expression=expression):
                with emitter.statement(expression):
                    self.expression(expression)

    def _assign(self, statement: ast.Assignment) -> None:
        target, operator, value = statement.target, statement.operator, statement.value
        if isinstance(target, ast.Map):
            function = self.function(value.name) if isinstance(value, ast.Call) else None
            if isinstance(function, Aggregation):
                assert isinstance(value, ast.Call)
                # The map's type: one call with a signed number makes the numbers of all calls signed.
                site = EmittedCall(self, value, self.maps.value_type(target))
                self.maps.update(target, function, site)
            elif operator in ("+", "-") and self._is_wide_integer(target):
                amount = self.expression(value)
                if operator == "-":
                    amount = self.emitter.binary("-", self.emitter.constant(0), amount)
                self.maps.add(target, amount)
            elif operator is None:
                self.maps.assign(target, value)
            else:
                self.maps.modify(target, lambda old: self._arithmetic(statement, operator, old, self.expression(value)))
            return
        place = self._variables[self._bindings[target]]
        if operator is None:
            # A string read into its place would leave the rest of a longer one behind its NUL.
            in_place = not _is_scalar(place.type) and not isinstance(place.type, String)
            with self.emitter.wanted((place, size_of(place.type)) if in_place else None):
                result = self.expression(value)
        else:
            old = self.emitter.load(place, place.type)
            result = self._arithmetic(statement, operator, old, self.expression(value))
        self.emitter.store_as(place.type, place, result)

    def _is_wide_integer(self, target: ast.Map) -> bool:
        """True for an 8-byte integer, which can be added to atomically."""
        type_ = self.maps.value_type(target)
        return isinstance(type_, Int) and type_.size == 8

    # Expressions

    def expression(self, node: ast.Expression) -> Value:
        """Emits an expression; its value has the type that the type checker found."""
        wanted = self.emitter.take_wanted()
        self.emitter.at(node)
        match node:
            case ast.Call(name=name) | ast.Identifier(name=name):
                return self._call(node, self.function(name), wanted)
            case ast.IntegerLiteral(value=value):
                return self.emitter.constant(value & (1 << 64) - 1, self.types[node])
            case ast.StringLiteral(value=value):
                return self.emitter.string_constant(value)
            case ast.BooleanLiteral(value=value):
                return self.emitter.constant(int(value), BOOL)
            case ast.Variable():
                place = self._variables[self._bindings[node]]
                return self.emitter.load(place, place.type)
            case ast.Map():
                return self.maps.read(node)
            case ast.FieldAccess():
                return self._field(node)
            case ast.Index():
                return self._index(node)
            case ast.Unary():
                return self._unary(node)
            case ast.Binary(operator="&&" | "||"):
                return self._logical(node)
            case ast.Binary(operator=operator, left=left, right=right) if operator in COMPARISONS:
                return self._comparison(operator, left, right)
            case ast.Binary(operator=operator, left=left, right=right):
                return self._arithmetic(node, operator, self.expression(left), self.expression(right))
            case ast.Ternary():
                return self._ternary(node)
            case ast.Increment():
                return self._increment(node)

    def condition(self, node: ast.Expression) -> Value:
        return self.emitter.compare("!=", self.expression(node), self.emitter.constant(0))

    def _call(self, node: ast.Call | ast.Identifier, function: Function, wanted: tuple[Value, int] | None) -> Value:
        site = EmittedCall(self, node, self.types[node])
        with site.emitting(wanted):
            result = function.emit(self.emitter, site)
        return Value(result.handle, self.types[node], result.length) if result.handle is not None else result

    def _unary(self, node: ast.Unary) -> Value:
        emitter, operand = self.emitter, self.expression(node.operand)
        zero = emitter.constant(0)
        match node.operator:
            case "!":
                return emitter.compare("==", operand, zero)
            case "-":
                return _typed(emitter.binary("-", zero, operand), self.types[node])
            case _:
                return _typed(emitter.binary("^", operand, emitter.constant((1 << 64) - 1)), self.types[node])

    def _logical(self, node: ast.Binary) -> Value:
        """`&&` and `||` evaluate their right side only when it matters."""
        known = self.emitter.constant(int(node.operator == "||"), BOOL)

        def right() -> Value:
            return self.condition(node.right)

        left = self.condition(node.left)
        if node.operator == "&&":
            return self.emitter.choose(left, right, lambda: known)
        return self.emitter.choose(left, lambda: known, right)

    def _comparison(self, operator: str, left: ast.Expression, right: ast.Expression) -> Value:
        a, b = self.expression(left), self.expression(right)
        if isinstance(a.type, String) and isinstance(b.type, String):
            equal = self.emitter.equal_strings(a, b)
            return equal if operator == "==" else self.emitter.compare("==", equal, self.emitter.constant(0))
        # Only the expression's type knows that a variable has had nothing but literals; its storage has a sign.
        signed = _compares_signed(self.types[left], self.types[right])
        return self.emitter.compare(operator, a, b, signed=signed)

    def _arithmetic(self, node: ast.Node, operator: str, left: Value, right: Value) -> Value:
        emitter, type_ = self.emitter, self.types.get(node, INT64)
        if isinstance(left.type, Pointer) or isinstance(right.type, Pointer):
            return self._pointer_arithmetic(operator, left, right)
        if operator in "/%":
            return self._division(node, operator, left, right)
        result = _typed(emitter.binary(operator, left, right), type_)
        return emitter.cast(result, BOOL) if isinstance(type_, Bool) else result

    def _division(self, node: ast.Node, operator: str, left: Value, right: Value) -> Value:
        """Division by zero gives 1 and is reported; BPF itself would give 0."""
        emitter, type_ = self.emitter, self.types.get(node, INT64)

        def refuse() -> Value:
            emitter.count_failure_at(node, "", emitter.constant(0), DIVISION_BY_ZERO)
            return emitter.constant(1, type_)

        is_zero = emitter.compare("==", right, emitter.constant(0))
        return emitter.choose(is_zero, refuse, lambda: _typed(emitter.binary(operator, left, right), type_))

    def _pointer_arithmetic(self, operator: str, left: Value, right: Value) -> Value:
        pointer, distance = (left, right) if isinstance(left.type, Pointer) else (right, left)
        assert isinstance(pointer.type, Pointer)
        step = self.emitter.constant(max(1, size_of(pointer.type.pointee)))
        scaled = self.emitter.binary("*", distance, step)
        return _typed(self.emitter.binary(operator, pointer, scaled), pointer.type)

    def _ternary(self, node: ast.Ternary) -> Value:
        type_ = self.types[node]
        if node.then is node.condition:
            # `a ?: b`: what was tested is the value, and is evaluated once.
            tested = self.expression(node.condition)
            chosen = self.emitter.choose(tested, lambda: tested, lambda: self.expression(node.otherwise))
            return _typed(chosen, type_)
        condition = self.condition(node.condition)
        if isinstance(type_, Int | Bool | Pointer):
            chosen = self.emitter.choose(
                condition, lambda: self.expression(node.then), lambda: self.expression(node.otherwise)
            )
            return _typed(chosen, type_)
        if type_ == VOID:
            self.emitter.branch(
                condition,
                lambda: _discard(self.expression(node.then)),
                lambda: _discard(self.expression(node.otherwise)),
            )
            return Value(None, VOID)
        place = self.emitter.memory(type_)
        self.emitter.branch(
            condition,
            lambda: self.emitter.store_as(type_, place, self.expression(node.then)),
            lambda: self.emitter.store_as(type_, place, self.expression(node.otherwise)),
        )
        return Value(place.handle, type_)

    def _increment(self, node: ast.Increment) -> Value:
        emitter, step = self.emitter, self.emitter.constant(1 if node.operator == "++" else -1)
        if isinstance(node.target, ast.Map):
            old = self.maps.add(node.target, step)
        else:
            place = self._variables[self._bindings[node.target]]
            old = emitter.load(place, place.type)
            emitter.store_as(place.type, place, emitter.binary("+", old, step))
        return _typed(old if node.postfix else emitter.binary("+", old, step), self.types[node])

    # Memory

    def _field(self, node: ast.FieldAccess) -> Value:
        base = self.expression(node.base)
        struct = base.type.pointee if isinstance(base.type, Pointer) else base.type
        assert isinstance(struct, Struct) and isinstance(base.type, Pointer)
        member = struct.field(node.name)
        assert member is not None, "unknown members were reported by the type checker"
        return self._member(base, member, base.type.space)

    def _member(self, base: Value, member: Field, space: str) -> Value:
        emitter = self.emitter
        if member.data_loc:
            # Documentation/trace/events.rst: the low 16 bits are the data's offset from the record's start.
            place = emitter.load(base, UINT32, member.offset)
            distance = emitter.binary("&", place, emitter.constant(0xFFFF))
            return _typed(Value(emitter.number_of(emitter.offset(base, distance)), INT64), member.type)
        if space == "context" and _is_scalar(member.type):
            return emitter.load(base, member.type, member.offset)
        return self._read(space, emitter.offset(base, member.offset), member.type)

    def _read(self, space: str, address: Value, type_: Type) -> Value:
        """Copies a value from other memory into the program's own."""
        emitter = self.emitter
        if isinstance(type_, String):
            # One byte more: an array without a NUL keeps its last byte, and what follows a NUL is zero.
            place = emitter.reserve(type_.size + 1)
            emitter.zero(place, type_.size + 1)
            emitter.read_string(space, place, type_.size + 1, address, type_.size)
        else:
            place = emitter.memory(type_)
            emitter.read_memory(space, place, size_of(type_), address)
        return emitter.load(place, type_)

    def _index(self, node: ast.Index) -> Value:
        emitter, base = self.emitter, self.expression(node.base)
        index = self.expression(node.index)
        type_ = self.types[node]
        step = emitter.constant(size_of(type_))
        if isinstance(base.type, Pointer):
            address = emitter.binary("+", base, emitter.binary("*", index, step))
            return self._read(base.type.space, address, type_)
        index = emitter.opaque(index)
        count = base.type.count if isinstance(base.type, Array) else size_of(base.type)
        element = base.type.element if isinstance(base.type, Array) else INT8
        home = Value(emitter.handle(base), base.type)
        result = emitter.reserve(size_of(element))
        emitter.zero(result, size_of(element))

        def inside() -> None:
            place = emitter.offset(home, emitter.binary("*", index, step))
            emitter.store_as(element, result, emitter.load(place, element))

        def outside() -> None:
            emitter.count_failure_at(node, "", emitter.constant(0), OUT_OF_BOUNDS)

        emitter.branch(emitter.compare("<", index, emitter.constant(count)), inside, outside)
        return emitter.load(result, element)


def _is_scalar(type_: Type) -> bool:
    return isinstance(type_, Int | Bool | Pointer)


def _typed(value: Value, type_: Type) -> Value:
    return Value(value.handle, type_, value.length)


def _discard(value: Value) -> None:
    """An arm of a ternary that stands as a statement."""


def _compares_signed(left: Type, right: Type) -> bool:
    """Integers compare signed when either side is definitely signed; a non-negative literal adopts the other's sign."""
    match left, right:
        case Int(), Int():
            return promote_integers(left, right).signed
        case (Int(signed=signed), Bool()) | (Bool(), Int(signed=signed)):
            return signed
    return False
