"""A call as a function's emission sees it (`core.function.EmitSite`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...core import ast
from ...core.call_arguments import CallArguments
from ...core.emitter import Value
from ...core.function import Aggregation
from ...core.types import VOID, Type

if TYPE_CHECKING:
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

    def map_of(self, index: int) -> str:
        argument = self._arguments[index]
        assert isinstance(argument, ast.Map)
        return argument.name

    def map_key(self, index: int, key_index: int | None = None) -> Value | None:
        argument = self._arguments[index]
        assert isinstance(argument, ast.Map)
        keys = argument.keys if key_index is None else (self._arguments[key_index],)
        return self._lowering.maps.key(argument.name, keys) if keys else None
