"""Runs the passes between the parser and type inference on scripts, with nothing of the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from pybpftrace.core import ast
from pybpftrace.core.compilation import Compilation
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.config import Config
from pybpftrace.core.diagnostics import format_diagnostic
from pybpftrace.core.pipeline import Pass
from pybpftrace.core.registry import Registry
from pybpftrace.core.source import Source
from pybpftrace.core.target.dependency import Dependency
from pybpftrace.passes.parse.syntax import ParseSyntax


class RememberingTarget:
    """All that these passes ask of a target."""

    def __init__(self) -> None:
        self.dependencies: list[Dependency] = []

    def remember(self, dependency: Dependency) -> None:
        self.dependencies.append(dependency)


class Staged:
    """A script, and what a list of passes made of it."""

    def __init__(
        self, script: str, *passes: Pass, config: Config | None = None, name: str = "t", **options: Any
    ) -> None:
        self.target = RememberingTarget()
        nothing = cast(Any, None)
        self.compilation = Compilation(
            target=cast(Any, self.target),
            functions=Registry(),
            probe_types=Registry(),
            pipeline=nothing,
            config=config or Config(),
            options=replace(CompileOptions(), **options),
        )
        self.program: ast.Program = ParseSyntax().run(Source.from_bytes(name, script.encode()), self.compilation)
        assert not self.diagnostics.failed, self.messages
        for pass_ in passes:
            if not self.diagnostics.failed:
                self.program = pass_.run(self.program, self.compilation)

    @property
    def diagnostics(self) -> Any:
        return self.compilation.diagnostics

    @property
    def messages(self) -> list[str]:
        """Each as `ERROR: text`, without its place."""
        return [f"{d.severity.value}: {d.message}" for d in self.diagnostics.recorded]

    @property
    def message(self) -> str:
        (only,) = self.messages
        return only

    @property
    def hints(self) -> list[str]:
        return [hint for d in self.diagnostics.recorded for hint in d.hints]

    def printed(self) -> str:
        """All diagnostics as a user sees them."""
        source = self.diagnostics.source or self.program.source
        return "".join(format_diagnostic(d, source) for d in self.diagnostics.recorded)

    def marked(self) -> list[str]:
        """The part of the source that each diagnostic points at."""
        text = (self.diagnostics.source or self.program.source).text
        return [text[d.span.start : d.span.end] for d in self.diagnostics.recorded if d.span]

    @property
    def body(self) -> tuple[ast.Statement, ...]:
        """The statements of the last probe."""
        return self.program.probes[-1].body.statements

    def text(self) -> str:
        """The last probe's body written out; see `written`."""
        return written(self.program.probes[-1].body)


def written(node: ast.Node | None) -> str:
    """A tree as text with all its parentheses. Names of a macro's variables keep their suffix."""
    match node:
        case None:
            return ""
        case ast.Block(_, statements, value):
            parts = [f"{written(s)};" if _needs_semicolon(s) else written(s) for s in statements]
            return "{ " + " ".join([*parts, *([written(value)] if value else [])]) + " }"
        case ast.ExpressionStatement(_, expression):
            return written(expression)
        case ast.Assignment(_, target, operator, value):
            return f"{written(target)} {operator or ''}= {written(value)}"
        case ast.Let(_, variable, type_, value):
            return f"let {written(variable)}" + (f" : {written(type_)}" if type_ else "") + (
                f" = {written(value)}" if value else ""
            )
        case ast.Discard(_, value):
            return f"_ = {written(value)}"
        case ast.If(_, condition, then, otherwise):
            return f"if ({written(condition)}) {written(then)}" + (f" else {written(otherwise)}" if otherwise else "")
        case ast.For(_, variable, iterable, body):
            return f"for ({written(variable)} : {written(iterable)}) {written(body)}"
        case ast.While(_, condition, body):
            return f"while ({written(condition)}) {written(body)}"
        case ast.Unroll(_, count, body):
            return f"unroll ({written(count)}) {written(body)}"
        case ast.Range(_, start, end):
            return f"{written(start)}..{written(end)}"
        case ast.Break():
            return "break"
        case ast.Continue():
            return "continue"
        case ast.Return(_, value):
            return f"return {written(value)}".strip()
        case ast.Binary(_, operator, left, right):
            return f"({written(left)} {operator} {written(right)})"
        case ast.Unary(_, operator, operand):
            return f"{operator}{written(operand)}"
        case ast.Increment(_, operator, target, postfix):
            return f"{written(target)}{operator}" if postfix else f"{operator}{written(target)}"
        case ast.Ternary(_, condition, then_value, other):
            return f"({written(condition)} ? {written(then_value)} : {written(other)})"
        case ast.Call(_, name, arguments):
            return f"{name}({', '.join(map(written, arguments))})"
        case ast.Map(_, name, keys):
            return name + (f"[{', '.join(map(written, keys))}]" if keys else "")
        case ast.Variable(_, name) | ast.Identifier(_, name):
            return name
        case ast.FieldAccess(_, base, name):
            return f"{written(base)}.{name}"
        case ast.Index(_, base, index):
            return f"{written(base)}[{written(index)}]"
        case ast.Tuple(_, elements):
            return f"({', '.join(map(written, elements))})"
        case ast.Cast(_, type_, operand):
            return f"({written(type_)}){written(operand)}"
        case ast.SizeOf(_, operand):
            return f"sizeof({written(operand)})"
        case ast.TypeOf(_, operand):
            return f"typeof({written(operand)})"
        case ast.TypeInfo(_, operand):
            return f"typeinfo({written(operand)})"
        case ast.OffsetOf(_, operand, path):
            return f"offsetof({written(operand)}, {'.'.join(path)})"
        case ast.NamedType(_, tag, name):
            return f"{tag} {name}".strip()
        case ast.PointerType(_, pointee):
            return f"{written(pointee)}*"
        case ast.ArrayType(_, element, count):
            return f"{written(element)}[{'' if count is None else count}]"
        case ast.PositionalParameter(_, number):
            return f"${number}"
        case ast.PositionalCount():
            return "$#"
        case ast.StringLiteral(_, data):
            return '"' + data.decode("latin-1") + '"'
        case ast.BooleanLiteral(_, truth):
            return str(truth).lower()
        case ast.IntegerLiteral(_, number):
            return str(number)
    raise AssertionError(node)


def _needs_semicolon(statement: ast.Statement) -> bool:
    return not isinstance(statement, ast.Block | ast.If | ast.For | ast.While | ast.Unroll)
