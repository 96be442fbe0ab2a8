"""What a call's arguments say as they are written, for whoever looks at a call: its typing rule or its emission.

The half that `core.function.CallSite` and `EmitSite` have in common; it needs the tree and no types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import ast


class CallArguments:
    """The written arguments of one call. `constants` are expressions that types have turned into literals."""

    def __init__(
        self, arguments: Sequence[ast.Expression], constants: Mapping[ast.Node, object]
    ) -> None:
        self._arguments = arguments
        self._constants = constants

    def literal(self, index: int, *, cast: bool = True) -> int | bytes | bool | None:
        """The value of a literal argument, else None; if `cast`, also of one cast to 64 bits (as `getopt` does)."""
        match self._argument(index):
            case ast.IntegerLiteral() | ast.StringLiteral() | ast.BooleanLiteral() as argument:
                return argument.value
            case ast.Cast(_, ast.NamedType(name="int64" | "uint64"), ast.IntegerLiteral(value=value)) if value >= 0:
                return value if cast else None
            case argument:
                known = None if argument is None else self._constants.get(argument)
                return known if isinstance(known, int | bytes) else None

    def map_name(self, index: int) -> str | None:
        """The name of an argument that is a map written without keys, else None."""
        argument = self._argument(index)
        return argument.name if isinstance(argument, ast.Map) and not argument.keys else None

    def word(self, index: int) -> str | None:
        """The text of an argument that is a bare identifier, else None."""
        argument = self._argument(index)
        return argument.name if isinstance(argument, ast.Identifier) else None

    def called(self, index: int) -> tuple[str, str | None] | None:
        """What an argument calls, if it is a call: the function's name, and the bare word that it begins with."""
        argument = self._argument(index)
        if not isinstance(argument, ast.Call):
            return None
        first = argument.arguments[0] if argument.arguments else None
        return argument.name, first.name if isinstance(first, ast.Identifier) else None

    def _argument(self, index: int) -> ast.Expression | None:
        return self._arguments[index] if index < len(self._arguments) else None
