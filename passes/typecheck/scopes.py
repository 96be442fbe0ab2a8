"""Binds every use of a scratch variable to the block that created it.

A variable is created by the first assignment in the innermost enclosing block and is visible in nested blocks, so two
sibling blocks may each have a `$x` of their own; every creation gets a slot name.
"""

from __future__ import annotations

from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics, did_you_mean
from ...core.frozen import dataclass
from .matched import MatchedProbe, MatchedProgram


@dataclass(frozen=True, slots=True)
class ResolveVariables:
    """MatchedProgram -> MatchedProgram with `bindings`."""

    name: str = "resolve-variables"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> MatchedProgram:
        return replace(matched, probes=tuple(_resolve(probe, compilation.diagnostics) for probe in matched.probes))


def _resolve(probe: MatchedProbe, diagnostics: Diagnostics) -> MatchedProbe:
    resolver = _Resolver(diagnostics)
    if probe.node.predicate is not None:
        resolver.read(probe.node.predicate)
    resolver.block(probe.node.body)
    return replace(probe, bindings=resolver.bindings)


class _Resolver:
    def __init__(self, diagnostics: Diagnostics) -> None:
        self.bindings: dict[ast.Variable, str] = {}
        self._diagnostics = diagnostics
        self._scopes: list[dict[str, str]] = []
        self._created: dict[str, int] = {}

    def block(self, block: ast.Block) -> None:
        self._scopes.append({})
        for statement in block.statements:
            self._statement(statement)
        self._scopes.pop()

    def _statement(self, statement: ast.Statement) -> None:
        match statement:
            case ast.Assignment(target=target, operator=operator, value=value):
                self.read(value)
                if isinstance(target, ast.Variable) and operator is None:
                    self.bindings[target] = self._find(target.name) or self._create(target.name)
                else:
                    self.read(target)
            case ast.If(condition=condition, then=then, otherwise=otherwise):
                self.read(condition)
                self.block(then)
                if otherwise is not None:
                    self.block(otherwise)
            case ast.Block():
                self.block(statement)
            case _:
                self.read(statement)

    def read(self, node: ast.Node) -> None:
        """Binds all variables below `node`, which must exist already."""
        for variable in ast.walk(node):
            if isinstance(variable, ast.Variable):
                slot = self._find(variable.name)
                if slot is None:
                    visible = [name for scope in self._scopes for name in scope]
                    self._diagnostics.error(
                        f"Undefined or undeclared variable: {variable.name}",
                        variable.span,
                        hints=did_you_mean(variable.name, visible),
                    )
                else:
                    self.bindings[variable] = slot

    def _find(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def _create(self, name: str) -> str:
        count = self._created[name] = self._created.get(name, 0) + 1
        slot = name if count == 1 else f"{name}.{count}"
        self._scopes[-1][name] = slot
        return slot
