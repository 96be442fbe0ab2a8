"""A call as a function's emission sees it (`core.function.EmitSite`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...core import ast
from ...core.call_arguments import CallArguments
from ...core.emitter import Value
from ...core.function import Aggregation
from ...core.types import UINT8, VOID, Array, String, Type, size_of
from .kernel_objects import kernel_object
from .places import lower_place, read_pointee

if TYPE_CHECKING:
    from ...core.source import SavedSpan
    from .lower import BodyLowering


class EmittedCall(CallArguments):
    """One call; evaluating an argument emits its code at the current place."""

    def __init__(self, lowering: BodyLowering, node: ast.Call | ast.Identifier, type_: Type) -> None:
        super().__init__(node.arguments if isinstance(node, ast.Call) else (), lowering.constants)
        self.name = node.name
        self.type = type_
        self.config = lowering.compilation.config
        self.target = lowering.compilation.target
        self._lowering = lowering
        self._node = node
        self._wanted: tuple[Value, int] | None = None
        self.types: Sequence[Type] = tuple(lowering.types.get(argument, VOID) for argument in self._arguments)

    @contextmanager
    def emitting(self, wanted: tuple[Value, int] | None) -> Iterator[None]:
        """While a function emits: events and failures belong to this call, its result may go to the wanted place."""
        emitter = self._lowering.emitter
        outer, emitter.call = emitter.call, self._node
        self._wanted = wanted
        with emitter.wanted(wanted):
            yield
        emitter.call = outer

    def place(self) -> tuple[SavedSpan, ...]:
        return self._lowering.emitter.resources.source.saved(self._node.span)

    def value(self, index: int) -> Value:
        # The place that is wanted for this call's own result is not for its arguments.
        emitter = self._lowering.emitter
        if emitter.wants(self._wanted):
            with emitter.wanted(None):
                return self._lowering.expression(self._arguments[index])
        value = self._lowering.expression(self._arguments[index])
        # A histogram makes an address of its number: checks of it stay, whatever the script has checked before.
        is_aggregated = isinstance(self._lowering.function(self.name), Aggregation)
        return emitter.opaque(value) if is_aggregated else value

    def pointee(self, index: int) -> Value:
        return read_pointee(self._lowering, self.value(index), self.types[index])

    def storage(self, index: int) -> Value:
        argument, type_ = self._arguments[index], self.types[index]
        if isinstance(type_, String) and isinstance(argument, ast.FieldAccess):
            place = lower_place(self._lowering, argument)
            return place.at(0, Array(UINT8, size_of(place.type))).read(self._lowering)
        return self.value(index)

    def object(self, index: int) -> Value:
        return kernel_object(self._lowering, self._arguments[index])

    def map_of(self, index: int) -> str:
        argument = self._arguments[index]
        assert isinstance(argument, ast.Map)
        return argument.name

    def map_key(self, index: int, key_index: int | None = None) -> Value | None:
        argument = self._arguments[index]
        assert isinstance(argument, ast.Map)
        keys = argument.keys if key_index is None else (self._arguments[key_index],)
        return self._lowering.maps.key(argument.name, keys) if keys else None
