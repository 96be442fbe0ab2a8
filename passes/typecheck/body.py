"""Types of one probe body for one layout of `args`.

Each walk gives every expression the best type known so far; an expression whose type is not known yet has none, and
whatever needs it waits for the next walk.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics, did_you_mean
from ...core.function import Action, Aggregation, Function
from ...core.types import (
    BOOL,
    INT8,
    INT64,
    UINT64,
    VOID,
    Array,
    Bool,
    Int,
    OwnedType,
    Pointer,
    String,
    Struct,
    Tuple,
    Type,
    Void,
    base_name,
    settle,
)
from .call_site import TypedCall
from .map_table import MapTable
from .matched import Layout
from .promotion import (
    COMPARISONS,
    LOGICAL,
    arithmetic_type,
    as_number,
    comparison_error,
    is_condition,
    literal_type,
    promote,
)


class BodyChecker:
    """`types` and `variables` hold what is known; `changed` and `unknown` tell of the latest walk."""

    def __init__(
        self,
        probe: ast.Probe,
        layout: Layout,
        bindings: Mapping[ast.Variable, str],
        maps: MapTable,
        compilation: Compilation,
    ) -> None:
        self.layout = layout
        self.bindings = bindings
        self.compilation = compilation
        self.maps = maps
        self.types: dict[ast.Node, Type] = {}
        self.variables: dict[str, Type] = {}
        self.changed = False
        self.unknown = False
        self._probe = probe
        self._diagnostics = Diagnostics()
        self._final = False

    def check(self, diagnostics: Diagnostics, *, final: bool) -> None:
        """Walks the body once. With `final`, what is still unknown is an error."""
        self._diagnostics, self._final = diagnostics, final
        self.changed = self.unknown = False
        if self._probe.predicate is not None:
            self._condition(self._probe.predicate)
        self._statement(self._probe.body)

    # Statements

    def _statement(self, statement: ast.Statement) -> None:
        match statement:
            case ast.Block(statements=statements):
                for inner in statements:
                    self._statement(inner)
            case ast.If(condition=condition, then=then, otherwise=otherwise):
                self._condition(condition)
                self._statement(then)
                if otherwise is not None:
                    self._statement(otherwise)
            case ast.Assignment():
                self._assignment(statement)
            case ast.Return(value=value):
                self._return(value)
            case ast.ExpressionStatement(expression=expression):
                type_ = self.expression(expression)
                if type_ is not None and self._is_discarded(expression, type_):
                    self._diagnostics.warning("Return value discarded.", expression.span)

    def _is_discarded(self, expression: ast.Expression, type_: Type) -> bool:
        if isinstance(type_, Void) or isinstance(expression, ast.Increment | ast.Ternary):
            return False
        function = self.compilation.functions.get(expression.name) if isinstance(expression, ast.Call) else None
        return function is None or function.warns_when_discarded

    def _condition(self, node: ast.Expression) -> None:
        type_ = self.expression(node)
        if type_ is not None and not is_condition(type_) and not self._is_reported(node, type_):
            self._diagnostics.error(f"Invalid condition: {base_name(type_)}", node.span)

    def _is_reported(self, node: ast.Expression, type_: Type) -> bool:
        """True when an expression has no value because of an error in it, and not because it is made of actions."""
        return isinstance(type_, Void) and not any(
            isinstance(part, ast.Call) and isinstance(self.compilation.functions.get(part.name), Action)
            for part in ast.walk(node)
        )

    def _return(self, value: ast.Expression | None) -> None:
        type_ = self.expression(value) if value is not None else None
        if value is None or type_ is None or self._is_reported(value, type_):
            return
        if not isinstance(type_, Int | Bool):
            self._diagnostics.error(f"Probe return values can only be integers. Found {base_name(type_)}", value.span)

    def _assignment(self, statement: ast.Assignment) -> None:
        target, value = statement.target, statement.value
        type_ = self.expression(value)
        if statement.operator is not None:
            current = self._target_type(target)
            if type_ is None or current is None:
                if current is None and type_ is not None and isinstance(target, ast.Map):
                    self.maps.add_value(target.name, INT8, target.span, self._diagnostics)
                return
            type_ = self._binary_type(statement, statement.operator, current, type_)
        if type_ is None:
            return
        if isinstance(target, ast.Map):
            self._map_key(target)
            self._assign_map(target, value, type_)
        else:
            self._assign_variable(target, type_, statement)

    def _target_type(self, target: ast.Variable | ast.Map) -> Type | None:
        return self._map_value(target) if isinstance(target, ast.Map) else self._variable(target)

    def _assign_map(self, target: ast.Map, value: ast.Expression, type_: Type) -> None:
        conflict = ""
        if isinstance(type_, OwnedType) and type_.aggregation:
            function = self.compilation.functions.get(value.name) if isinstance(value, ast.Call) else None
            if not isinstance(function, Aggregation):
                self._diagnostics.error(
                    f"Map value '{type_}' cannot be assigned from one map to another. The function that returns this "
                    f"type must be called directly e.g. `{target.name} = {type_.owner}()`",
                    value.span,
                )
                return
            conflict = function.params_conflict
        elif not _is_storable(type_):
            if not self._is_reported(value, type_):
                self._diagnostics.error(f"Value '{base_name(type_)}' cannot be assigned to a map.", value.span)
            return
        self.types[target] = type_
        self.maps.add_value(target.name, type_, target.span, self._diagnostics, conflict)

    def _assign_variable(self, target: ast.Variable, type_: Type, statement: ast.Assignment) -> None:
        if not _is_storable(type_) and not isinstance(type_, Pointer):
            if not self._is_reported(statement.value, type_):
                self._diagnostics.error(
                    f"Value '{base_name(type_)}' cannot be assigned to a scratch variable.", statement.value.span
                )
            return
        slot = self.bindings[target]
        known = self.variables.get(slot)
        merged = type_ if known is None else promote(known, type_)
        if merged is None:
            self._diagnostics.error(
                f"Type mismatch for {target.name}: trying to assign value of type '{settle(type_)}' "
                f"when variable already has a type '{settle(known or type_)}'",
                statement.span,
            )
            return
        self.types[target] = merged
        if merged != known:
            self.variables[slot] = merged
            self.changed = True

    # Expressions

    def expression(self, node: ast.Expression) -> Type | None:
        """The type of an expression as far as it is known, which is also recorded in `types`."""
        type_ = self._type_of(node)
        if type_ is None:
            self.unknown = True
        else:
            self.types[node] = type_
        return type_

    def _type_of(self, node: ast.Expression) -> Type | None:
        match node:
            case ast.IntegerLiteral(value=value):
                return literal_type(value)
            case ast.StringLiteral():
                return self._string_literal(node)
            case ast.BooleanLiteral():
                return BOOL
            case ast.Variable():
                return self._variable(node)
            case ast.Map():
                self._map_key(node)
                return self._map_value(node)
            case ast.Identifier(name=name):
                return self._call(node, name, ())
            case ast.Call(name=name, arguments=arguments):
                return self._call(node, name, arguments)
            case ast.FieldAccess():
                return self._field(node)
            case ast.Index():
                return self._index(node)
            case ast.Unary():
                return self._unary(node)
            case ast.Binary(operator=operator, left=left, right=right):
                a, b = self.expression(left), self.expression(right)
                return self._binary_type(node, operator, a, b) if a is not None and b is not None else None
            case ast.Ternary():
                return self._ternary(node)
            case ast.Increment():
                return self._increment(node)

    def _string_literal(self, node: ast.StringLiteral) -> Type:
        limit = self.compilation.config.max_strlen
        if len(node.value) >= limit:
            text = node.value.decode("latin-1")
            self._diagnostics.error(f"String is too long (over {limit} bytes): {text}", node.span)
        return String(len(node.value) + 1)

    def _variable(self, node: ast.Variable) -> Type | None:
        type_ = self.variables.get(self.bindings[node])
        # Every variable is assigned to, so that it is mostly an error there that leaves it without a type.
        if type_ is None and self._final and not self._diagnostics.failed:
            self._diagnostics.error("Could not resolve the type of this variable", node.span)
        return type_

    def _map_key(self, node: ast.Map) -> None:
        """Types the key expressions of a map and notes what kind of map it is."""
        wrong = self.maps.use(node.name, bool(node.keys))
        if wrong:
            self._diagnostics.error(wrong, node.span)
            return
        types = [self.expression(key) for key in node.keys]
        known = tuple(t for t in types if t is not None)
        if not types or len(known) < len(types):
            return
        for key, type_ in zip(node.keys, known, strict=True):
            if wrong := _key_error(type_):
                if not self._is_reported(key, type_):
                    self._diagnostics.error(wrong, key.span)
                return
        self.maps.add_key(node.name, known[0] if len(known) == 1 else Tuple(known), node.span, self._diagnostics)

    def add_map_key(self, name: str, type_: Type, node: ast.Expression) -> None:
        """A call's argument is a key of a map that another argument names."""
        wrong = self.maps.use(name, True) or _key_error(type_)
        if wrong:
            self._diagnostics.error(wrong, node.span)
        else:
            self.maps.add_key(name, type_, node.span, self._diagnostics)

    def _map_value(self, node: ast.Map) -> Type | None:
        type_ = self.maps.values.get(node.name)
        if type_ is None and self._final:
            self._diagnostics.error(
                f"Undefined map: {node.name}", node.span, hints=did_you_mean(node.name, self.maps.values)
            )
        if isinstance(type_, OwnedType) and type_.aggregation:
            self._diagnostics.error(
                f"The value of {node.name} ({type_}) can only be printed: use print({node.name})", node.span
            )
            return VOID
        return type_

    def _call(self, node: ast.Call | ast.Identifier, name: str, arguments: tuple[ast.Expression, ...]) -> Type | None:
        function = self.compilation.functions.get(name)
        assert function is not None, "unknown names were reported by check-calls"
        types: list[Type] = []
        for index, argument in enumerate(arguments):
            type_ = self._argument(function, index, argument)
            if type_ is None:
                return None
            types.append(type_)
        if self._has_failed(function, arguments, types):
            return VOID
        site = TypedCall(self, node, name, arguments, types, function, self._diagnostics)
        return function.type_of(site) if site.fits_signature() else VOID

    def _has_failed(self, function: Function, arguments: tuple[ast.Expression, ...], types: list[Type]) -> bool:
        """True when an argument has no type because of an error in it: nothing more is to be said of the call then."""
        return self._diagnostics.failed and any(
            isinstance(type_, Void) and not (index in function.signature.words and isinstance(argument, ast.Identifier))
            for index, (argument, type_) in enumerate(zip(arguments, types, strict=True))
        )

    def _argument(self, function: Function, index: int, argument: ast.Expression) -> Type | None:
        """The type of one argument; bare words have none, a whole map counts with its value's type."""
        signature = function.signature
        if index in signature.words and isinstance(argument, ast.Identifier):
            return VOID
        if index in signature.maps and isinstance(argument, ast.Map):
            if argument.keys:
                self._map_key(argument)
                if not signature.maps_only:
                    return self.expression(argument)
            type_ = self.maps.values.get(argument.name)
            if type_ is None:
                self.unknown = True
                if self._final:
                    hints = did_you_mean(argument.name, self.maps.values)
                    self._diagnostics.error(f"Undefined map: {argument.name}", argument.span, hints=hints)
            else:
                self.types[argument] = type_
            return type_
        if isinstance(argument, ast.StringLiteral) and index in signature.formats:
            self.types[argument] = String(len(argument.value) + 1)
            return self.types[argument]
        return self.expression(argument)

    def _field(self, node: ast.FieldAccess) -> Type | None:
        base = self.expression(node.base)
        if base is None:
            return None
        struct = base.pointee if isinstance(base, Pointer) else base
        if not isinstance(struct, Struct):
            if not isinstance(base, Void):
                self._diagnostics.error(f"Can not access field '{node.name}' on expression of type '{base}'", node.span)
            return VOID
        member = struct.field(node.name)
        if member is None:
            self._diagnostics.error(
                f"Struct/union of type '{struct}' does not contain a field named '{node.name}'",
                node.span,
                hints=did_you_mean(node.name, [f.name for f in struct.fields]),
            )
            return VOID
        return member.type

    def _index(self, node: ast.Index) -> Type | None:
        base, index = self.expression(node.base), self.expression(node.index)
        if base is None or index is None:
            return None
        if not isinstance(base, Array | String | Pointer):
            self._diagnostics.error(
                "The array index operator [] can only be used on arrays, pointers, and tuples, "
                f"found {base_name(base)}.",
                node.span,
            )
            return VOID
        if not isinstance(index, Int) or (index.signed and not index.flexible):
            self._diagnostics.error(
                f"The array index operator [] only accepts non-negative integer indices. Got: {index}", node.index.span
            )
            return VOID
        size = base.count if isinstance(base, Array) else base.size if isinstance(base, String) else None
        if size is not None and isinstance(node.index, ast.IntegerLiteral) and node.index.value >= size:
            self._diagnostics.error(
                f"the index {node.index.value} is out of bounds for array of size {size}", node.index.span
            )
        if isinstance(base, Pointer) and not isinstance(base.pointee, Int):
            self._diagnostics.error(f"Can not index into a pointer to '{base.pointee}'", node.span)
            return VOID
        return base.element if isinstance(base, Array) else INT8 if isinstance(base, String) else base.pointee

    def _unary(self, node: ast.Unary) -> Type | None:
        operand = self.expression(node.operand)
        if operand is None:
            return None
        if node.operator == "!":
            if is_condition(operand):
                return BOOL
        elif isinstance(operand, Int):
            return INT64 if operand.signed else UINT64
        self._diagnostics.error(
            f"The {node.operator} operator can not be used on expressions of type '{operand}'", node.span
        )
        return VOID

    def _binary_type(self, node: ast.Node, operator: str, left: Type, right: Type) -> Type | None:
        if isinstance(left, Void) or isinstance(right, Void):
            return VOID
        if operator in COMPARISONS:
            if wrong := comparison_error(operator, left, right):
                self._diagnostics.error(wrong, node.span)
            return BOOL
        if operator in LOGICAL:
            if is_condition(left) and is_condition(right):
                return BOOL
        else:
            result = arithmetic_type(operator, left, right)
            if result is not None:
                self._warn_signed_division(node, operator, left, right)
                return result
        self._diagnostics.error(
            f"The {operator} operator can not be used on expressions of types {left}, {right}", node.span
        )
        return VOID

    def _warn_signed_division(self, node: ast.Node, operator: str, left: Type, right: Type) -> None:
        a, b = as_number(left), as_number(right)
        if operator not in "/%" or a is None or b is None or a.flexible or b.flexible:
            return
        if a != b and (a.signed or b.signed):
            self._diagnostics.warning(
                f"signed operands for '{operator}' can lead to undefined behavior "
                "(cast to unsigned to silence warning)",
                node.span,
            )

    def _ternary(self, node: ast.Ternary) -> Type | None:
        self._condition(node.condition)
        then, otherwise = self.expression(node.then), self.expression(node.otherwise)
        if then is None or otherwise is None:
            return None
        merged = promote(then, otherwise)
        if merged is None:
            self._diagnostics.error(
                "Branches must return the same type or compatible types: "
                f"have '{settle(then)}' and '{settle(otherwise)}'",
                node.span,
            )
        return merged or VOID

    def _increment(self, node: ast.Increment) -> Type | None:
        target = node.target
        if isinstance(target, ast.Variable):
            known = self._variable(target)
            if known is None:
                return None
        else:
            self._map_key(target)
            known = self.maps.values.get(target.name)
        if known is not None and not isinstance(known, Int):
            if isinstance(known, OwnedType) and known.aggregation:
                self._diagnostics.error(
                    f"Type mismatch for {target.name}: trying to assign value of type 'int64' "
                    f"when map already has a type '{known}'",
                    node.span,
                )
            else:
                self._diagnostics.error(
                    f"The {node.operator} operator can not be used on expressions of type '{known}'", node.span
                )
            return VOID
        result = UINT64 if known is not None and not known.signed and node.operator == "++" else INT64
        self.types[target] = result
        if isinstance(target, ast.Map):
            self.maps.add_value(target.name, result, target.span, self._diagnostics)
        elif promote(known or result, result) != known:
            self.variables[self.bindings[target]] = result
            self.changed = True
        return result


def _is_storable(type_: Type) -> bool:
    return not isinstance(type_, Void | Struct) and not (isinstance(type_, OwnedType) and type_.aggregation)


def _key_error(type_: Type) -> str | None:
    """Why a value cannot be a map's key, or None."""
    if isinstance(type_, Pointer) and type_.space == "context":
        return "context cannot be part of a map key"
    if isinstance(type_, OwnedType) and type_.aggregation:
        return f"Value '{type_}' cannot be used as a map key."
    return f"Invalid map key type: {type_}" if isinstance(type_, Void | Struct) else None
