"""Binds every use of a scratch variable to the block that created it.

A variable is created by `let`, by a loop, or by the first assignment in the innermost enclosing block, and is visible
in nested blocks. Two sibling blocks may each have a `$x` of their own; every creation gets a slot name. What is said
here depends on the text's order alone, not on types.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics, Note, did_you_mean
from ...core.frozen import dataclass
from ...core.source import Span
from .matched import MatchedProbe, MatchedProgram


@dataclass(frozen=True, slots=True)
class ResolveVariables:
    """MatchedProgram -> MatchedProgram with `bindings`."""

    name: str = "resolve-variables"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> MatchedProgram:
        probes = tuple(_resolve(probe, compilation.diagnostics) for probe in matched.probes)
        functions = {f: _resolve_function(f, compilation.diagnostics) for f in matched.program.functions}
        return replace(matched, probes=probes, functions=functions)


def _resolve(probe: MatchedProbe, diagnostics: Diagnostics) -> MatchedProbe:
    resolver = _Resolver(diagnostics)
    resolver.open()
    if probe.node.predicate is not None:
        resolver.visit(probe.node.predicate)
    resolver.visit(probe.node.body)
    resolver.close()
    return replace(probe, bindings=resolver.bindings)


def _resolve_function(function: ast.Function, diagnostics: Diagnostics) -> dict[ast.Variable, str]:
    resolver = _Resolver(diagnostics)
    resolver.open()
    for parameter in function.parameters:
        resolver.create(parameter.variable, "function parameter", parameter.span)
    resolver.visit(function.body)
    resolver.close()
    return resolver.bindings


class _Creation:
    """Where a variable came from, and what has happened to it so far in the order of the text."""

    def __init__(self, slot: str, how: str, span: Span) -> None:
        self.slot = slot
        self.how = how
        self.span = span
        self.assigned = how != "declaration"


class _Resolver:
    def __init__(self, diagnostics: Diagnostics) -> None:
        self.bindings: dict[ast.Variable, str] = {}
        self._diagnostics = diagnostics
        self._scopes: list[dict[str, _Creation]] = []
        self._created: dict[str, int] = {}

    def open(self) -> None:
        self._scopes.append({})

    def close(self) -> None:
        for name, creation in self._scopes.pop().items():
            if not creation.assigned:
                self._diagnostics.warning(f"Variable {ast.shown(name)} was never assigned to.", creation.span)

    def visit(self, node: ast.Node) -> None:
        """Binds all variables in and below `node`, in the order in which they are evaluated."""
        match node:
            case ast.Block():
                self.open()
                self._visit_all(ast.children(node))
                self.close()
            case ast.Let(variable=variable, type=type_, value=value):
                self._visit_all(part for part in (type_, value) if part is not None)
                if known := self._find(variable.name):
                    self._refuse_shadow(
                        f"Variable {ast.shown(variable.name)} was already declared. "
                        "Variable shadowing is not allowed.",
                        node.span,
                        known,
                    )
                is_open = value is None and known is None
                self.create(variable, "declaration" if is_open else "initial declaration", node.span)
            case ast.Assignment(target=ast.Variable() as variable, operator=None, value=value):
                self.visit(value)
                known = self._find(variable.name)
                if known is None:
                    self.create(variable, "initial assignment", variable.span)
                else:
                    known.assigned = True
                    self.bindings[variable] = known.slot
            case ast.Assignment(target=target, value=value):
                self.visit(value)
                self._change(target)
            case ast.Increment(target=target):
                self._change(target)
            case ast.For(variable=variable, iterable=iterable, body=body):
                self.visit(iterable)
                self.open()
                if known := self._find(variable.name):
                    self._refuse_shadow(
                        f"Loop declaration shadows existing variable: {ast.shown(variable.name)}", variable.span, known
                    )
                self.create(variable, "loop variable", variable.span)
                self.visit(body)
                self.close()
            case ast.Unary(operator="&", operand=ast.Variable() as variable):
                if known := self._find(variable.name):
                    known.assigned = True
                self.visit(variable)
            case ast.Variable():
                self._use(node)
            case _:
                self._visit_all(ast.children(node))

    def _change(self, target: ast.Variable | ast.Map) -> None:
        """Something that gets a new value made of its old one."""
        self.visit(target)
        if isinstance(target, ast.Variable) and (known := self._find(target.name)):
            known.assigned = True

    def _visit_all(self, nodes: Iterable[ast.Node]) -> None:
        for node in nodes:
            self.visit(node)

    def _use(self, variable: ast.Variable) -> None:
        known = self._find(variable.name)
        if known is None:
            visible = [ast.shown(name) for scope in self._scopes for name in scope]
            self._diagnostics.error(
                f"Undefined or undeclared variable: {ast.shown(variable.name)}",
                variable.span,
                hints=did_you_mean(ast.shown(variable.name), visible),
            )
            return
        if not known.assigned:
            self._diagnostics.warning(
                f"Variable used before it was assigned: {ast.shown(variable.name)}", variable.span
            )
        self.bindings[variable] = known.slot

    def _refuse_shadow(self, message: str, span: Span, known: _Creation) -> None:
        how = "initial declaration" if known.how == "declaration" else known.how
        self._diagnostics.error(message, span, notes=[Note(f"This is the {how}.", known.span)])

    def _find(self, name: str) -> _Creation | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def create(self, variable: ast.Variable, how: str, span: Span) -> None:
        count = self._created[variable.name] = self._created.get(variable.name, 0) + 1
        slot = variable.name if count == 1 else f"{variable.name}.{count}"
        self._scopes[-1][variable.name] = _Creation(slot, how, span)
        self.bindings[variable] = slot
