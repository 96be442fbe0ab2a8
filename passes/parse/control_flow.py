"""Says where `break`, `continue` and `return` may not stand, and what can never run.

It sees macros before they are expanded, because what `return` and `exit()` mean depends on where they are written:
`exit()` in a probe ends the probe, and in a macro it does not. Types are not known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.rewrite import rewrite

N = TypeVar("N", bound=ast.Node)

UNREACHABLE_STATEMENT = "Unreachable statement."
UNREACHABLE_EXPRESSION = "Unreachable expression; block type is implicitly none."
INCONSISTENT = "Return value used in loop is inconsistent"
_WORDS: dict[type[ast.Node], str] = {ast.Break: "break", ast.Continue: "continue", ast.Return: "return"}
_LOOPS: dict[type[ast.Node], str] = {ast.For: "for-loop", ast.While: "while-loop"}


@dataclass(frozen=True, slots=True)
class CheckControlFlow:
    """Program -> Program in which every `exit()` of a probe is followed by the `return` that it implies, and in which a
    block that ends before its value has none."""

    name: str = "control-flow"
    stage: str = "parse"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        diagnostics = compilation.diagnostics
        exits = not any(macro.name == "exit" for macro in program.macros)
        probes = tuple(_Flow("probe", exits, diagnostics).checked(probe) for probe in program.probes)
        macros = tuple(_Flow("macro", False, diagnostics).checked(macro) for macro in program.macros)
        functions = tuple(_Flow("function", False, diagnostics).checked(function) for function in program.functions)
        unchanged = all(
            new is old
            for new, old in zip(
                (*probes, *macros, *functions), (*program.probes, *program.macros, *program.functions), strict=True
            )
        )
        return program if unchanged else replace(program, probes=probes, macros=macros, functions=functions)


def checked_macro(macro: ast.Macro, diagnostics: Diagnostics) -> ast.Macro:
    """A library macro, in which `exit()` ends the probe as it does in a probe's own text."""
    return _Flow("macro", True, diagnostics).checked(macro)


class _Flow:
    """One probe, macro or function. `exits` tells that `exit()` ends it."""

    def __init__(self, owner: str, exits: bool, diagnostics: Diagnostics) -> None:
        self._owner = owner
        self._exits = exits
        self._diagnostics = diagnostics
        self._loops: list[str] = []
        self._returns_value: bool | None = None
        self._in_place: set[ast.Node] = set()
        #: Statements and blocks behind which nothing runs.
        self._ending: set[ast.Node] = set()

    def checked(self, root: N) -> N:
        return rewrite(root, self._leave, self._enter)

    def _enter(self, node: ast.Node) -> bool:
        match node:
            case ast.For() | ast.While():
                self._loops.append(_LOOPS[type(node)])
            case ast.Break() | ast.Continue():
                if not self._loops:
                    self._misplaced(node, self._owner)
            case ast.Return(value=value):
                if self._owner == "macro":
                    self._misplaced(node, self._owner)
                elif self._loops:
                    self._check_consistent(node, value is not None)
            case ast.ExpressionStatement(expression=call) if self._is_exit(call):
                self._in_place.add(call)
            case ast.Block(value=ast.Call() as call) if self._is_exit(call):
                self._in_place.add(call)
            case ast.Call() if self._is_exit(node) and "for-loop" in self._loops:
                self._diagnostics.error("'return' statement is not allowed in a for-loop", node.span)
        return True

    def _misplaced(self, node: ast.Node, place: str) -> None:
        self._diagnostics.error(f"'{_WORDS[type(node)]}' statement is not allowed in a {place}", node.span)

    def _check_consistent(self, node: ast.Return, has_value: bool) -> None:
        if self._returns_value is None:
            self._returns_value = has_value
        elif self._returns_value != has_value:
            self._diagnostics.error(INCONSISTENT, node.span)

    def _is_exit(self, node: ast.Node) -> bool:
        return self._exits and isinstance(node, ast.Call) and node.name == "exit"

    def _leave(self, node: ast.Node, written: ast.Node) -> ast.Node:
        match node:
            case ast.For() | ast.While():
                self._loops.pop()
            case ast.Break() | ast.Continue() | ast.Return():
                self._ending.add(node)
            case ast.ExpressionStatement(expression=expression):
                if expression in self._ending or self._is_exit(expression):
                    self._ending.add(node)
            case ast.If(then=then, otherwise=otherwise):
                if then in self._ending and otherwise in self._ending:
                    self._ending.add(node)
            case ast.Call(span) if self._is_exit(node) and written not in self._in_place:
                # In the middle of an expression, where a statement fits only inside of a block.
                node = ast.Block(span, (ast.ExpressionStatement(span, node), ast.Return(span, None)))
                self._ending.add(node)
            case ast.Block():
                return self._block(node)
        return node

    def _block(self, block: ast.Block) -> ast.Block:
        """The block with the returns that `exit()` implies."""
        statements: list[ast.Statement] = []
        value = block.value
        if value is not None and self._is_exit(value):
            last = ast.ExpressionStatement(value.span, value)
            self._ending.add(last)
            block = replace(block, statements=(*block.statements, last), value=None)
            value = None
        ended = warned = False
        for statement in block.statements:
            if ended and not warned:
                self._diagnostics.warning(UNREACHABLE_STATEMENT, statement.span)
                warned = True
            statements.append(statement)
            ended = ended or statement in self._ending
            if isinstance(statement, ast.ExpressionStatement) and self._is_exit(statement.expression):
                statements.append(ast.Return(statement.span, None))
        if value is not None and ended:
            if not warned:
                self._diagnostics.warning(UNREACHABLE_EXPRESSION, value.span)
            match value:
                case ast.If() | ast.Block():
                    statements.append(value)
                case _:
                    statements.append(ast.ExpressionStatement(value.span, value))
            value = None
        if len(statements) != len(block.statements) or value is not block.value:
            block = replace(block, statements=tuple(statements), value=value)
        if ended or value in self._ending:
            self._ending.add(block)
        return block
