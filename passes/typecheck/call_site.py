"""A call as a function's typing rule sees it (`core.function.CallSite`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core import ast
from ...core.call_arguments import CallArguments
from ...core.diagnostics import Diagnostics
from ...core.function import Function
from ...core.probe import ConcretePoint
from ...core.source import Span
from ...core.types import Type, base_name

if TYPE_CHECKING:
    from .body import BodyChecker

_LITERALS = {"int": ast.IntegerLiteral, "string": ast.StringLiteral, "bool": ast.BooleanLiteral}


class TypedCall(CallArguments):
    """One call with the types of its arguments."""

    def __init__(
        self,
        checker: BodyChecker,
        node: ast.Expression,
        name: str,
        arguments: Sequence[ast.Expression],
        types: Sequence[Type],
        function: Function,
        diagnostics: Diagnostics,
    ) -> None:
        super().__init__(arguments)
        self.name = name
        self.types = types
        self.config = checker.compilation.config
        self.target = checker.compilation.target
        self.probe_type = checker.layout.probe_type
        self.points: Sequence[ConcretePoint] = checker.layout.points
        self.point = self.points[0]
        self._checker = checker
        self._node = node
        self._function = function
        self._diagnostics = diagnostics

    def fits_signature(self) -> bool:
        """Checks the arguments against the signature's kinds and literals; records what is wrong."""
        signature, fits = self._function.signature, True
        for index, argument in enumerate(self._arguments):
            given = base_name(self.types[index])
            literal = signature.literals.get(index)
            kinds = signature.kinds.get(index)
            if literal is not None and not isinstance(argument, _LITERALS[literal]):
                self.error(f"{self.name}() expects a {literal} literal ({given} provided)", index)
                fits = False
            elif signature.maps_only and index in signature.maps and not isinstance(argument, ast.Map):
                self.error(f"{self.name}() expects a map argument", index)
                fits = False
            elif kinds is not None and given not in kinds:
                self.error(f"{self.name}() only supports {'|'.join(kinds)} arguments ({given} provided)", index)
                fits = False
        return fits

    def is_keyed(self, index: int) -> bool:
        argument = self._argument(index)
        return isinstance(argument, ast.Map) and bool(self._checker.maps.keyed.get(argument.name))

    def use_key(self, map_index: int, key_index: int) -> None:
        argument = self._arguments[map_index]
        assert isinstance(argument, ast.Map)
        self._checker.add_map_key(argument.name, self.types[key_index], self._arguments[key_index])

    def error(self, message: str, index: int | None = None, *, hints: Sequence[str] = ()) -> None:
        self._diagnostics.error(message, self._span(index), hints=hints)

    def warning(self, message: str, index: int | None = None) -> None:
        self._diagnostics.warning(message, self._span(index))

    def _span(self, index: int | None) -> Span:
        argument = None if index is None else self._argument(index)
        return (argument or self._node).span
