"""Parses scripts for tests, in a compilation that has nothing but diagnostics: the parser asks for nothing else."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from pybpftrace.core import ast
from pybpftrace.core.compilation import Compilation
from pybpftrace.core.diagnostics import Diagnostics, format_location
from pybpftrace.core.registry import Registry
from pybpftrace.core.source import Source
from pybpftrace.passes.parse.attach_points import SplitAttachPoints
from pybpftrace.passes.parse.syntax import ParseSyntax

N = TypeVar("N", bound=ast.Node)


def compilation() -> Compilation:
    nothing = cast(Any, None)
    return Compilation(target=nothing, functions=Registry(), probe_types=Registry(), pipeline=nothing)


def parse_with_diagnostics(script: str | bytes) -> tuple[ast.Program, Diagnostics]:
    """The tree after both passes of the stage, the second left out when the first failed."""
    data = script if isinstance(script, bytes) else script.encode()
    context = compilation()
    program = ParseSyntax().run(Source.from_bytes("t", data), context)
    if not context.diagnostics.failed:
        program = SplitAttachPoints().run(program, context)
    return program, context.diagnostics


def parse(script: str | bytes) -> ast.Program:
    program, diagnostics = parse_with_diagnostics(script)
    assert diagnostics.recorded == []
    return program


def errors(script: str | bytes) -> list[str]:
    """Each as `LINE:COLUMN-COLUMN message`, without the word `syntax: `, which every one must have."""
    program, diagnostics = parse_with_diagnostics(script)
    found = []
    for diagnostic in diagnostics.recorded:
        assert diagnostic.message.startswith("syntax: ")
        assert diagnostic.span is not None
        place = format_location(program.source, diagnostic.span).removeprefix("t:")
        found.append(f"{place} {diagnostic.message.removeprefix('syntax: ')}")
    return found


def error(script: str | bytes) -> str:
    (only,) = errors(script)
    return only


def statements(body: str) -> tuple[ast.Statement, ...]:
    """The statements of a probe with this body."""
    return parse(f"BEGIN {{ {body} }}").probes[0].body.statements


def statement(body: str) -> ast.Statement:
    (only,) = statements(body)
    return only


def expression(text: str) -> ast.Expression:
    found = statement(f"{text};")
    assert isinstance(found, ast.ExpressionStatement)
    return found.expression


def written(program: ast.Program, node: ast.Node) -> str:
    """The part of the script that a node's span covers."""
    return program.source.text[node.span.start : node.span.end]


def find(program: ast.Node, kind: type[N]) -> N:
    """The first node of a kind, parents first."""
    return next(node for node in ast.walk(program) if isinstance(node, kind))


def shape(node: ast.Node) -> str:
    """An expression with all its parentheses; a tuple or record is in `<>`, a type says that it is one."""
    match node:
        case ast.Binary(_, operator, left, right):
            return f"({shape(left)} {operator} {shape(right)})"
        case ast.Unary(_, operator, operand):
            return f"({operator}{shape(operand)})"
        case ast.Ternary(_, condition, then, otherwise):
            return f"({shape(condition)} ? {shape(then)} : {shape(otherwise)})"
        case ast.Increment(_, operator, target, postfix):
            return f"({shape(target)}{operator})" if postfix else f"({operator}{shape(target)})"
        case ast.FieldAccess(_, base, name):
            return f"{shape(base)}.{name}"
        case ast.Index(_, base, index):
            return f"{shape(base)}[{shape(index)}]"
        case ast.Call(_, name, arguments):
            return f"{name}({', '.join(map(shape, arguments))})"
        case ast.Map(_, name, keys):
            return name + (f"[{', '.join(map(shape, keys))}]" if keys else "")
        case ast.Identifier(_, name) | ast.Variable(_, name):
            return name
        case ast.IntegerLiteral() | ast.BooleanLiteral() | ast.StringLiteral():
            return repr(node.value)
        case ast.PositionalParameter(_, number):
            return f"${number}"
        case ast.PositionalCount():
            return "$#"
        case ast.Tuple(_, elements):
            return f"<{', '.join(map(shape, elements))}>"
        case ast.Record(_, fields):
            return f"<{', '.join(f'{field.name}={shape(field.value)}' for field in fields)}>"
        case ast.Cast(_, type_, operand):
            return f"({{{shape(type_)}}} {shape(operand)})"
        case ast.Comptime(_, operand):
            return f"(comptime {shape(operand)})"
        case ast.SizeOf(_, operand):
            return f"sizeof({shape(operand)})"
        case ast.TypeInfo(_, operand):
            return f"typeinfo({shape(operand)})"
        case ast.OffsetOf(_, operand, path):
            return f"offsetof({shape(operand)}, {'.'.join(path)})"
        case ast.TypeOf(_, operand):
            return f"typeof({shape(operand)})"
        case ast.NamedType(_, tag, name):
            return f"type {tag} {name}".replace("  ", " ")
        case ast.PointerType(_, pointee):
            return f"{shape(pointee)}*"
        case ast.ArrayType(_, element, count):
            return f"{shape(element)}[{'' if count is None else count}]"
        case ast.If(_, condition, then, otherwise):
            return f"if {shape(condition)} {shape(then)}" + (f" else {shape(otherwise)}" if otherwise else "")
        case ast.Block(_, statements, value):
            parts = [*(f"{shape(statement)};" for statement in statements), *([shape(value)] if value else [])]
            return f"{{ {' '.join(parts)} }}" if parts else "{ }"
        case ast.ExpressionStatement(_, inner):
            return shape(inner)
        case ast.Range(_, start, end):
            return f"{shape(start)}..{shape(end)}"
    raise AssertionError(node)
