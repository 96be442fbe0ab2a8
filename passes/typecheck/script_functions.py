"""Checks the bodies of a script's own functions (`fn`). No call reaches them yet, so that nothing is generated."""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.probe import ConcretePoint, ProbeType
from ...core.types import Void
from .body import Body
from .map_table import MapTable
from .matched import Layout, MatchedProgram
from .promotion import INVALID
from .statements import check_statement
from .type_names import named_type


class _InFunction(ProbeType):
    """What the body of a function sees of a probe: kernel memory, and nothing else."""

    names = ("function",)
    program_type = ""
    space = "kernel"


class FunctionCheck:
    """One function, to be walked."""

    def __init__(self, body: Body, node: ast.Function) -> None:
        self.body = body
        self._node = node

    def walk(self, diagnostics: Diagnostics, *, final: bool) -> None:
        body, node = self.body, self._node
        body.begin(diagnostics, final=final)
        for parameter in node.parameters:
            type_ = named_type(body, parameter.type)
            if type_ is not None:
                slot = body.bindings[parameter.variable]
                body.declared[slot] = type_
                body.grow(slot, type_)
        result = named_type(body, node.result)
        body.function, body.result = node, result if result is not INVALID else None
        check_statement(body, node.body)
        returns = any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(node.body))
        if result is not None and result is not INVALID and not isinstance(result, Void) and not returns:
            body.error(f"Function {node.name} is of type {result}, cannot return none", node)


def function_checks(matched: MatchedProgram, maps: MapTable, compilation: Compilation) -> list[FunctionCheck]:
    layout = Layout(_InFunction(), (ConcretePoint("function", "function", {}),), None)
    return [
        FunctionCheck(Body(layout, bindings, maps, compilation), function)
        for function, bindings in matched.functions.items()
    ]
