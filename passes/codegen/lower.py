"""Walks a typed body and emits it, statement by statement.

What a statement means is here, expressions, memory, conversions and loops are in the files beside; how all of it
becomes LLVM IR is the emitter's, what a call does is its function's.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core import ast
from ...core.artifacts import ExpandedProbe, MapTypes
from ...core.c_functions import CFunction
from ...core.c_types import CTypes
from ...core.compilation import Compilation
from ...core.emitter import Value
from ...core.function import Aggregation, Function
from ...core.kernel_calls import kernel_function
from ...core.types import INT64, Int, String, size_of
from .call_site import EmittedCall
from .convert import is_scalar, store
from .events import EventEmitter
from .expressions import arithmetic, increment, lower_expression
from .lower_loops import Homes, lower_for, lower_while
from .maps import MapAccess
from .variables import Variable


class BodyLowering:
    """One probe body for one program."""

    def __init__(
        self,
        emitter: EventEmitter,
        probe: ExpandedProbe,
        maps: Mapping[str, MapTypes],
        c_types: CTypes,
        compilation: Compilation,
        c_functions: Mapping[str, CFunction] | None = None,
    ) -> None:
        self.emitter = emitter
        self.types = probe.variant.types
        self.constants = probe.variant.constants
        self.c_types = c_types
        self.compilation = compilation
        self.maps = MapAccess(self, maps)
        self._c_functions = c_functions or {}
        self._probe = probe
        self._bindings = probe.variant.bindings
        self._homes = Homes(probe.node, probe.variant)
        self._variables: dict[str, Variable] = {}

    def lower(self) -> None:
        """Emits pid filter, predicate and body."""
        emitter = self.emitter
        self.create_variables(None)
        if self._probe.pid_filter is not None:
            pid = self.call_by_name("pid")
            with emitter.when(emitter.compare("!=", pid, emitter.constant(self._probe.pid_filter))):
                emitter.end_probe()
        if self._probe.node.predicate is not None:
            with emitter.statement(self._probe.node.predicate):
                holds = self.condition(self._probe.node.predicate)
                with emitter.when(emitter.compare("==", holds, emitter.constant(0))):
                    emitter.end_probe()
        self.statement(self._probe.node.body)

    def call_by_name(self, name: str) -> Value:
        """The value of a builtin that the script did not write."""
        site = EmittedCall(self, ast.Identifier(self._probe.node.span, name), INT64)
        with site.emitting(None):
            return self.function(name).emit(self.emitter, site)

    def function(self, name: str) -> Function:
        function = self.compilation.functions.get(name)
        assert function is not None, "unknown names were reported by the type checker"
        return function

    def imported_function(self, name: str) -> CFunction | None:
        """The function of an imported C file that a call means, unless it means one of ours."""
        return None if self.compilation.functions.get(name) is not None else self._c_functions.get(name)

    def kernel_function(self, name: str) -> CFunction | None:
        """The function of the kernel that a call means, when it means nothing else."""
        if self.compilation.functions.get(name) is not None:
            return None
        return kernel_function(self.compilation.target, name)

    # Variables

    def create_variables(self, loop: ast.For | ast.While | None) -> None:
        """Makes the variables that belong to a loop's body, or to the program itself, all zeros."""
        for slot, type_ in self._homes.of(loop):
            self._variables[slot] = self.emitter.variable(type_, captured=self._homes.is_shared(slot))

    def _clear(self, place: Value) -> None:
        scalar = is_scalar(place.type)
        self.emitter.zero(place, 8 if scalar else size_of(place.type))

    def place(self, variable: ast.Variable | str) -> Value:
        """The address of a variable's memory."""
        slot = variable if isinstance(variable, str) else self._bindings[variable]
        return self.emitter.place_of(self._variables[slot])

    def only_value(self, variable: ast.Variable) -> ast.Expression | None:
        """What a variable is given, when that is done in one place alone, at which the body comes by in any case."""
        slot, found = self._bindings[variable], list[ast.Node]()
        body = self._probe.node.body
        for node in ast.walk(body):
            match node:
                case ast.Assignment(target=ast.Variable() as target) | ast.Increment(target=ast.Variable() as target):
                    found += [node] * (self._bindings.get(target) == slot)
                case ast.Let(variable=target, value=value) if value is not None:
                    found += [node] * (self._bindings.get(target) == slot)
        match found:
            case [ast.Assignment(operator=None, value=value) | ast.Let(value=value) as only] if only in body.statements:
                return value
        return None

    # Statements

    def statement(self, statement: ast.Statement) -> None:
        emitter = self.emitter
        match statement:
            case ast.Block(statements=statements, value=value):
                for inner in statements:
                    self.statement(inner)
                if value is not None:
                    self._discard(value)
            case ast.If():
                self._if(statement)
            case ast.Assignment():
                with emitter.statement(statement):
                    self._assign(statement)
            case ast.Let(variable=variable, value=value):
                with emitter.statement(statement):
                    if value is not None:
                        self._set(variable, value)
                    elif variable in self.types:
                        self._clear(self.place(variable))
            case ast.Discard(value=value) | ast.ExpressionStatement(expression=value):
                self._discard(value)
            case ast.Return(value=value):
                with emitter.statement(statement):
                    if value is None:
                        emitter.end_probe()
                    else:
                        emitter.return_value(self.expression(value))
            case ast.For():
                with emitter.statement(statement):
                    lower_for(self, statement)
            case ast.While():
                with emitter.statement(statement):
                    lower_while(self, statement)
            case ast.Break():
                emitter.break_loop()
            case ast.Continue():
                emitter.continue_loop()
            case ast.Unroll() | ast.Import():
                raise AssertionError("control-flow and imports leave none of these")

    def _discard(self, value: ast.Expression) -> None:
        """An expression as a statement; an `if` or a block need not give a value there."""
        if isinstance(value, ast.If | ast.Block):
            self.statement(value)
            return
        with self.emitter.statement(value):
            if isinstance(value, ast.Increment):
                increment(self, value, wants_value=False)
            else:
                self.expression(value)

    def _if(self, node: ast.If) -> None:
        kept = self.constants.get(node.condition)
        if kept is not None and isinstance(node.condition, ast.Comptime):
            block = node.then if kept else node.otherwise
            if block is not None:
                self.statement(block)
            return
        with self.emitter.statement(node.condition):
            self.emitter.branch(
                self.condition(node.condition),
                lambda: self.statement(node.then),
                lambda: None if node.otherwise is None else self.statement(node.otherwise),
            )

    def _assign(self, statement: ast.Assignment) -> None:
        target, operator, value = statement.target, statement.operator, statement.value
        if isinstance(target, ast.Map):
            self._assign_map(statement, target, operator, value)
        elif operator is None:
            self._set(target, value)
        else:
            place = self.place(target)
            old = self.emitter.load(place, place.type)
            store(self, place.type, place, arithmetic(self, statement, operator, old, self.expression(value)))

    def _set(self, variable: ast.Variable, value: ast.Expression) -> None:
        place = self.place(variable)
        # A string read into its place would leave the rest of a longer one behind its NUL.
        in_place = not is_scalar(place.type) and not isinstance(place.type, String)
        with self.emitter.wanted((place, size_of(place.type)) if in_place else None):
            result = self.expression(value)
        store(self, place.type, self.place(variable), result)

    def _assign_map(
        self, statement: ast.Assignment, target: ast.Map, operator: str | None, value: ast.Expression
    ) -> None:
        if operator is None and self._lower_aggregation(target, value):
            return
        if operator in ("+", "-") and self._is_wide_integer(target):
            amount = self.expression(value)
            if operator == "-":
                amount = self.emitter.binary("-", self.emitter.constant(0), amount)
            self.maps.change_in_place(target, "+", amount)
        elif operator in ("&", "|", "^") and self._is_wide_integer(target) and self.emitter.has("atomic_fetch"):
            self.maps.change_in_place(target, operator, self.expression(value))
        elif operator is None:
            self.maps.assign(target, value)
        else:
            self.maps.modify(
                target, lambda old: arithmetic(self, statement, operator, old, self.expression(value))
            )

    def _lower_aggregation(self, target: ast.Map, value: ast.Expression) -> bool:
        """`@m = count()`, also as the value of a block whose statements come first; False for anything else."""
        before: list[ast.Statement] = []
        while isinstance(value, ast.Block) and value.value is not None:
            before += value.statements
            value = value.value
        function = self.compilation.functions.get(value.name) if isinstance(value, ast.Call) else None
        if not isinstance(function, Aggregation):
            return False
        assert isinstance(value, ast.Call)
        for statement in before:
            self.statement(statement)
        # The map's type: one call with a signed number makes the numbers of all calls signed.
        self.maps.update(target, function, EmittedCall(self, value, self.maps.value_type(target)))
        return True

    def _is_wide_integer(self, target: ast.Map) -> bool:
        """True for an 8-byte integer, which can be changed atomically."""
        type_ = self.maps.value_type(target)
        return isinstance(type_, Int) and type_.size == 8

    # Expressions

    def expression(self, node: ast.Expression) -> Value:
        """Emits an expression; its value has the type that the type checker found."""
        wanted = self.emitter.take_wanted()
        self.emitter.at(node)
        return lower_expression(self, node, wanted)

    def condition(self, node: ast.Expression) -> Value:
        return self.emitter.compare("!=", self.expression(node), self.emitter.constant(0))


