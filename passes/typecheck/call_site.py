"""A call as a function's typing rule sees it (`core.function.CallSite`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core import ast
from ...core.call_arguments import CallArguments
from ...core.diagnostics import Note
from ...core.function import Function
from ...core.probe import ConcretePoint
from ...core.source import Span
from ...core.types import Type, base_name
from .calls import CORE
from .constants import is_constant
from .map_keys import add_key
from .positional_parameters import quoting_hint

if TYPE_CHECKING:
    from .body import Body

_LITERALS = {"int": int, "string": bytes, "bool": bool}


class TypedCall(CallArguments):
    """One call with the types of its arguments. `failed` tells that the call was refused."""

    def __init__(
        self,
        body: Body,
        node: ast.Expression,
        name: str,
        arguments: Sequence[ast.Expression],
        types: Sequence[Type],
        function: Function,
    ) -> None:
        super().__init__(arguments, {node: literal.value for node, literal in body.constants.items()})
        self.name = name
        self.types = types
        self.config = body.compilation.config
        self.target = body.compilation.target
        self.probe_type = body.layout.probe_type
        self.points: Sequence[ConcretePoint] = body.layout.points
        self.point = self.points[0]
        self.c_types = body.c_types
        self.in_loop = body.loops > 0
        self.allows_unsafe = body.compilation.options.allows_unsafe
        self.failed = False
        self._body = body
        self._node = node
        self._function = function

    def fits_signature(self) -> bool:
        """Checks the arguments against the signature's kinds and literals; records what is wrong."""
        signature, fits = self._function.signature, True
        for index, argument in enumerate(self._arguments):
            given = base_name(self.types[index])
            literal = signature.literals.get(index)
            kinds = signature.kinds.get(index)
            if literal is not None and type(self.literal(index)) is not _LITERALS[literal]:
                hints = quoting_hint(argument) if literal == "string" else ()
                self.error(f"{self.name}() expects a {literal} literal ({given} provided)", index, hints=hints)
                fits = False
            elif signature.maps_only and index in signature.maps and not self._is_map(argument):
                self._error_no_map(argument)
                fits = False
            elif kinds is not None and given not in kinds:
                self.error(f"{self.name}() only supports {'|'.join(kinds)} arguments ({given} provided)", index)
                fits = False
        return fits

    def is_literal(self, index: int) -> bool:
        return is_constant(self._body, self._arguments[index])

    def is_keyed(self, index: int) -> bool:
        argument = self._argument(index)
        return isinstance(argument, ast.Map) and bool(self._body.maps.keyed.get(argument.name))

    def is_scalar(self, index: int) -> bool:
        argument = self._argument(index)
        return isinstance(argument, ast.Map) and self._body.maps.keyed.get(argument.name) is False

    def use_key(self, map_index: int, key_index: int) -> None:
        argument = self._arguments[map_index]
        assert isinstance(argument, ast.Map)
        add_key(self._body, argument.name, self.types[key_index], self._arguments[key_index])

    def error(self, message: str, index: int | None = None, *, hints: Sequence[str] = ()) -> None:
        self.failed = True
        self._body.diagnostics.error(message, self._span(index), hints=hints)

    def _is_map(self, argument: ast.Expression) -> bool:
        """A map with keys is taken as the older spelling of a map and a key."""
        return isinstance(argument, ast.Map) and not (argument.keys and len(self._arguments) > 1)

    def _error_no_map(self, argument: ast.Expression) -> None:
        self.failed = True
        if self.name in CORE:
            self._body.diagnostics.error(f"{self.name}() expects a map argument", argument.span)
            return
        given = "a variable" if isinstance(argument, ast.Variable) else "an expression"
        note = f"Mismatched arg. {self.name}() expects a map for arg @map but got {given}."
        self._body.diagnostics.error(
            f"Call to {self.name}() has arguments that do not match any definition.",
            self._node.span,
            notes=[Note(note, argument.span)],
        )

    def warning(self, message: str, index: int | None = None) -> None:
        self._body.diagnostics.warning(message, self._span(index))

    def _span(self, index: int | None) -> Span:
        argument = None if index is None else self._argument(index)
        return (argument or self._node).span
