"""How a call of a macro becomes a block made of the macro's body.

Variables of the body get a suffix behind a `#`, which no script can write, so they are private to the expansion;
`core.ast.shown` takes it off again in messages. What stands in a body keeps its place there and remembers the call that
it was expanded for. Which of several macros a call means is told in `macro_table.py`.
"""

from __future__ import annotations

from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.rewrite import copied, rewrite
from ...core.source import Span
from .library_files import LibraryFiles
from .macro_table import MacroTable
from .syntax import nested_too_deep

#: Nodes that all expansions of a script may have together (each macro may call another one twice), and how many calls
#: one may be inside of.
MAXIMUM_NODES, MAXIMUM_CALLS = 100_000, 64


def expand(program: ast.Program, compilation: Compilation) -> ast.Program:
    """The program without macros; after an error it may still have some."""
    diagnostics = compilation.diagnostics
    library = LibraryFiles(program.source, compilation)
    table = MacroTable(program.macros, library, compilation.functions, diagnostics)
    expander = _Expander(table, diagnostics)
    try:
        expanded = rewrite(replace(program, macros=()), expander.leave, expander.enter)
    except _TooLarge as error:
        diagnostics.error(str(error), error.span)
        return program
    if table.source is not program.source:
        expanded = replace(expanded, source=table.source)
    node = None if diagnostics.failed else nested_too_deep(expanded)
    if node is not None:
        diagnostics.error("macro expansion nests too deep", node.span)
    return expanded


class _TooLarge(Exception):
    """An expansion that would not end in a reasonable time."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.span = span


@dataclass(frozen=True, slots=True, eq=False)
class _Argument:
    """`value` is what the call says, with its own macros expanded; `written` without."""

    value: ast.Node
    written: ast.Node


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """The call whose expansion is being made. `suffix` is what its private variables get."""

    macro: ast.Macro
    arguments: dict[str, _Argument]
    span: Span
    suffix: str
    caller: _Call | None

    def chain(self) -> list[_Call]:
        """The calls that this one is inside of, outermost first, and itself."""
        calls, call = [], self
        while True:
            calls.append(call)
            if call.caller is None:
                return calls[::-1]
            call = call.caller


class _Expander:
    """Walks the script, and with another one of its kind each body for a `call`."""

    def __init__(
        self, table: MacroTable, diagnostics: Diagnostics, call: _Call | None = None, root: _Expander | None = None
    ) -> None:
        self._table = table
        self._diagnostics = diagnostics
        self._call = call
        self._root = root or self
        self.calls = self.nodes = 0
        #: Identifiers that stand where a type may, and those that are arguments of a call.
        self._in_type: set[ast.Node] = set()
        self._as_argument: set[ast.Node] = set()

    def enter(self, node: ast.Node) -> bool:
        match node:
            case ast.Call(arguments=arguments):
                self._as_argument.update(arguments)
            case ast.SizeOf(operand=operand) | ast.OffsetOf(operand=operand) | ast.TypeInfo(operand=operand) | (
                ast.TypeOf(operand=operand)
            ):
                self._in_type.add(operand)
            case ast.Let(variable=variable) | ast.For(variable=variable) if self._parameter(variable.name):
                message = f"Variable declaration shadows macro arg {variable.name}"
                self._diagnostics.error(message, self._span(variable.span))
        return True

    def leave(self, node: ast.Node, written: ast.Node) -> ast.Node:
        if self._call is not None:
            self._count()
            substituted = self._substitute(node, written, self._call)
            if substituted is not None:
                return substituted
            node = replace(node, span=self._span(node.span))
        match node:
            case ast.Call(arguments=arguments) if self._has_macro(node):
                assert isinstance(written, ast.Call)
                return self._expand(node, arguments, written.arguments)
            case ast.Identifier() if self._has_macro(node) and written not in self._in_type:
                return self._expand(node, (), ())
            case ast.ExpressionStatement(expression=ast.Block(value=None) as block):
                return block
        return node

    def _count(self, nodes: int = 1) -> None:
        self._root.nodes += nodes
        if self._root.nodes > MAXIMUM_NODES:
            assert self._call is not None
            raise _TooLarge("macro expansion is too large", self._call.chain()[0].span)

    def _span(self, span: Span) -> Span:
        """The place of a node of the body, with the call that it is there for."""
        return span if self._call is None else Span(span.start, span.end, self._call.span)

    def _parameter(self, name: str) -> _Argument | None:
        return None if self._call is None else self._call.arguments.get(name)

    # Calls

    @property
    def _in_library(self) -> bool:
        return self._call is not None and self._table.source.in_library(self._call.macro.span)

    def _has_macro(self, node: ast.Call | ast.Identifier) -> bool:
        return self._table.has(node.name, in_library=self._in_library)

    def _expand(
        self, node: ast.Call | ast.Identifier, arguments: tuple[ast.Node, ...], written: tuple[ast.Node, ...]
    ) -> ast.Node:
        macro = self._table.find(node, arguments, in_library=self._in_library)
        if macro is None:
            return node
        chain = [] if self._call is None else self._call.chain()
        if any(call.macro is macro for call in chain):
            names = " > ".join([*(call.macro.name for call in chain), node.name])
            self._diagnostics.error(f"Recursive macro call detected. Call chain: {names}", node.span)
            return node
        if len(chain) >= MAXIMUM_CALLS:
            raise _TooLarge(f"macro calls nest deeper than {MAXIMUM_CALLS}", chain[0].span)
        self._root.calls += 1
        bound = {
            parameter.name: _Argument(value, self._unexpanded(as_written))
            for parameter, value, as_written in zip(macro.parameters, arguments, written, strict=True)
        }
        call = _Call(macro, bound, node.span, f"#{self._root.calls}", self._call)
        inner = _Expander(self._table, self._diagnostics, call, self._root)
        body = rewrite(macro.body, inner.leave, inner.enter)
        match body.value:
            case None | ast.Variable() | ast.Map(keys=()) | ast.If() | ast.Block():
                return body
        # A block around a literal would hide it from those who need one.
        return body if body.statements else body.value

    def _unexpanded(self, node: ast.Node) -> ast.Node:
        """An argument as it was first written, when it is a parameter handed on."""
        argument = self._parameter(node.name) if isinstance(node, ast.Identifier) else None
        return node if argument is None else argument.written

    # Bodies

    def _substitute(self, node: ast.Node, written: ast.Node, call: _Call) -> ast.Node | None:
        """What takes the place of a variable, a map or a parameter of the body; None for all other nodes."""
        match node:
            case ast.Variable(span, name):
                argument = call.arguments.get(name)
                by_reference = argument.value if argument is not None else None
                new = by_reference.name if isinstance(by_reference, ast.Variable) else name + call.suffix
                return ast.Variable(self._span(span), new)
            case ast.Map(span, name, keys):
                argument = call.arguments.get(name)
                if argument is None or not isinstance(argument.value, ast.Map):
                    self._diagnostics.error(
                        f"Unhygienic access to map: {name}. Maps must be passed into the macro as arguments.",
                        self._span(span),
                    )
                    return None
                return ast.Map(self._span(span), argument.value.name, keys)
            case ast.Identifier(name=name) if name in call.arguments:
                return self._expression(written, call.arguments[name].value, name, node.span)
            case ast.NamedType(span, tag, name) if name in call.arguments:
                return self._type(tag, call.arguments[name].value, name, span)
            case ast.OffsetOf(span, operand, (first, *rest)) if first in call.arguments:
                path = _path(call.arguments[first].written)
                if not path:
                    self._refuse_replacement(first, span)
                return ast.OffsetOf(self._span(span), operand, (*path, *rest))
        return None

    def _expression(self, written: ast.Node, value: ast.Node, name: str, span: Span) -> ast.Node:
        """A parameter's value where its name stands in an expression."""
        self._count(sum(1 for _ in ast.walk(value)))
        copy: ast.Node = copied(value)
        if written in self._in_type:
            match copy:
                case ast.TypeOf(operand=operand):
                    return operand
                case ast.Identifier(at, word) if self._table.is_value(word):
                    # What the call says is an expression; a bare name would be a type here.
                    return ast.Call(at, word, ())
            return copy
        match copy:
            case ast.TypeOf():
                if written not in self._as_argument:
                    self._refuse_replacement(name, span)
            case ast.Variable() | ast.Map(keys=()):
                # The macro may read it, and nothing else.
                return ast.Block(copy.span, (), copy)
        return copy

    def _type(self, tag: str, value: ast.Node, name: str, span: Span) -> ast.Node | None:
        """A parameter's value where its name stands in a type."""
        match value:
            case ast.TypeOf(operand=ast.NamedType() | ast.PointerType() | ast.ArrayType() as type_) if not tag:
                return copied(type_)
            case ast.TypeOf() if not tag:
                return copied(value)
            case ast.TypeOf(operand=ast.NamedType(at, own_tag, type_name)) if own_tag in ("", tag):
                return ast.NamedType(at, tag, type_name)
            case ast.TypeOf(operand=ast.Identifier(at, type_name)):
                return ast.NamedType(at, tag, type_name)
        self._refuse_replacement(name, span)
        return None

    def _refuse_replacement(self, name: str, span: Span) -> None:
        assert self._call is not None
        self._diagnostics.error(
            f"Invalid replacement for macro '{self._call.macro.name}' type parameter '{name}'", self._span(span)
        )


def _path(node: ast.Node) -> tuple[str, ...]:
    """`a.b.c` as the path of an `offsetof`; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.FieldAccess):
        names.append(node.name)
        node = node.base
    return (node.name, *reversed(names)) if isinstance(node, ast.Identifier) else ()
