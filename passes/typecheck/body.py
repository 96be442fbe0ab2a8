"""What is known of one body for one layout of `args`, and the walk that finds out more.

Each walk gives every expression the best type known so far; an expression whose type is not known yet has none, and
whatever needs it waits for the next walk. The rules are in the files beside: `statements`, `expressions`, `operators`,
`members`, `casts`, `type_names`, `constants`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.source import Span
from ...core.types import INT64, UINT64, Int, Pointer, Type, promote_integers, settle
from .map_table import MapTable
from .matched import Layout
from .promotion import IMPOSSIBLE, INVALID, LOSSY, conversion
from .unknowns import Unknowns

Literal = ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral


class Body:
    """`types` and `variables` hold what is known; `changed` and `unknown` tell of the latest walk.

    `constants` are expressions that types have turned into literals (`sizeof`), `records` the members of those that
    became a record of literals (`typeinfo`), `decided` the conditions of `if comptime`. `declared` are the slots whose
    `let` fixes their type, `open` those whose `let` leaves the size to what is assigned, `locked` those whose type a
    decision was based on. `given` is what an expression was when it was last assigned, `loops` counts the loops around
    the statement that is walked.

    The body of a script's own `function` has the type of its `result`.

    While `gathers` holds, operators on nothing but literals give a type that has no sign yet, because something with a
    sign may still turn up; `waits` tells that there was one.
    """

    def __init__(
        self,
        layout: Layout,
        bindings: Mapping[ast.Variable, str],
        maps: MapTable,
        compilation: Compilation,
    ) -> None:
        self.layout = layout
        self.bindings = bindings
        self.compilation = compilation
        self.maps = maps
        self.c_types = compilation.c_types
        self.types: dict[ast.Node, Type] = {}
        self.variables = Unknowns()
        self.given: dict[ast.Expression, Type] = {}
        self.declared: dict[str, Type] = {}
        self.open: dict[str, Type] = {}
        self.locked: set[str] = set()
        self.constants: dict[ast.Node, Literal] = {}
        self.records: dict[ast.Node, tuple[int | bool | bytes, ...]] = {}
        self.decided: dict[ast.Node, bool] = {}
        self.undecided: list[ast.Expression] = []
        self.function: ast.Function | None = None
        self.result: Type | None = None
        self.loops = 0
        self.gathers = True
        self.waits = False
        self.changed = False
        self.unknown = False
        self.final = False
        self.diagnostics = Diagnostics()

    def check(self, node: ast.Probe, diagnostics: Diagnostics, *, final: bool) -> None:
        """Walks a probe once. With `final`, what is still unknown is an error."""
        from .statements import check_condition, check_statement

        self.begin(diagnostics, final=final)
        if node.predicate is not None:
            check_condition(self, node.predicate)
        check_statement(self, node.body)

    def begin(self, diagnostics: Diagnostics, *, final: bool) -> None:
        """Starts a new walk."""
        self.diagnostics, self.final = diagnostics, final
        self.changed = self.unknown = self.waits = False
        self.undecided = []

    def expression(self, node: ast.Expression) -> Type | None:
        """The type of an expression as far as it is known, which is also recorded in `types`."""
        from .expressions import type_of

        type_ = type_of(self, node)
        if type_ is None:
            self.unknown = True
        else:
            self.types[node] = type_
        return type_

    def error(self, message: str, node: ast.Node, hints: Sequence[str] = ()) -> Type:
        """Records an error; gives the type that says no more."""
        self.diagnostics.error(message, node.span, hints=hints)
        return INVALID

    def in_library(self, node: ast.Node) -> bool:
        """True for a node of a library macro's text, about whose style nobody wants to hear."""
        source = self.compilation.diagnostics.source
        return source is not None and source.in_library(node.span)

    def outside_library(self, node: ast.Node) -> Span:
        """A node's place, or that of the call outside of the library that it was expanded for."""
        source, span = self.compilation.diagnostics.source, node.span
        while source is not None and source.in_library(span) and span.expanded_from is not None:
            span = span.expanded_from
        return span

    def requires(self, feature: str, node: ast.Node) -> None:
        """Records an error when the kernel lacks what the code for a node is made of (`Target.features`)."""
        if feature not in self.compilation.target.features:
            self.error(f"Missing required kernel feature: {feature}", node)

    def literal(self, node: ast.Node) -> Literal | None:
        """An expression that is a literal, or that types have turned into one."""
        if isinstance(node, ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral):
            return node
        return self.constants.get(node)

    def integer(self, node: ast.Expression) -> int | None:
        """The value of an expression that is an integer literal."""
        literal = self.literal(node)
        return literal.value if isinstance(literal, ast.IntegerLiteral) else None

    def wide(self, number: Int | None, other: Int | None = None) -> Int:
        """The 64-bit integer that an operator on integers gives; None stands for what is not known yet."""
        operands = [operand for operand in (number, other) if operand is not None]
        if self.gathers and all(operand.flexible for operand in operands):
            self.waits = True
            return Int(8, True, flexible=True)
        whole = operands[0] if len(operands) == 1 else promote_integers(*operands) if operands else INT64
        return INT64 if whole.signed else UINT64

    def is_outdated(self, value: ast.Expression, known: Type) -> bool:
        """True when something has the type of an address that this very expression gave before what lies there grew."""
        return isinstance(known, Pointer) and self.given.get(value) == known and self.types.get(value) != known

    def grow(self, slot: str, type_: Type) -> None:
        """Notes a variable's new type."""
        if self.variables.get(slot) != type_:
            self.variables[slot] = type_
            self.changed = True


def mismatch(kind: str, name: str, given: Type, known: Type) -> str:
    """The message for an assignment that does not fit what a variable or a map holds."""
    return (
        f"Type mismatch for {ast.shown(name)}: trying to assign value of type '{settle(given)}' "
        f"when {kind} already has a type '{settle(known)}'"
    )


def warn_if_lossy(body: Body, node: ast.Node, source: Type, destination: Type, literal: int | None = None) -> None:
    """The warning for a conversion that nobody asked for and that may change the value."""
    found = conversion(source, destination, literal)
    if found is LOSSY or (found is IMPOSSIBLE and literal is not None):
        body.diagnostics.warning(
            f"Expression of type: {settle(source)} being cast to type: {settle(destination)}. "
            "This may cause unexpected results. Use an explicit cast to suppress this warning.",
            node.span,
        )
