"""Replaces operations on literals by their results, exactly: 64-bit overflow is an error, not a wrap.

Runs before any type is known, so it looks at literals only, and of the functions it knows `str` alone, which makes a
literal of a literal. Subtrees without a literal operation keep their identity.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass
from ...core.rewrite import rewrite
from ...core.source import Span

OVERFLOW = "unable to fold literals due to overflow or underflow"
ILLEGAL_STRINGS = "illegal literal operation with strings"
ALWAYS_EMPTY = "literal string will always be empty"
_LOWEST, _HIGHEST = -(1 << 63), (1 << 64) - 1


def _divide(left: int, right: int) -> int:
    """C's division, which truncates towards zero."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _shift(shift: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def shifted(left: int, right: int) -> int:
        if not 0 <= right < 64:
            raise OverflowError
        return shift(left, right)

    return shifted


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": lambda left, right: left - right * _divide(left, right),
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": _shift(operator.lshift),
    ">>": _shift(operator.rshift),
}
#: These give a truth value; on strings the comparisons go by bytes.
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LOGIC: dict[str, Callable[[int, int], bool]] = {
    "&&": lambda left, right: bool(left and right),
    "||": lambda left, right: bool(left or right),
}
_BOOLEANS: dict[str, Callable[[int, int], int]] = {**_ARITHMETIC, **_COMPARISONS, **_LOGIC}

N = TypeVar("N", bound=ast.Node)
Literal: TypeAlias = ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral


@dataclass(frozen=True, slots=True)
class FoldConstants:
    """Program -> Program."""

    name: str = "fold"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        return folded(program, compilation.diagnostics)


def folded(root: N, diagnostics: Diagnostics) -> N:
    """The tree with every operation on literals replaced by its result."""

    def leave(node: ast.Node, written: ast.Node) -> ast.Node:
        try:
            return _operation(node, diagnostics) or node
        except (OverflowError, ZeroDivisionError):
            diagnostics.error(OVERFLOW, node.span)
        except _Illegal as error:
            diagnostics.error(str(error), node.span)
        return node

    return rewrite(root, leave)


class _Illegal(ValueError):
    """An operation that literals of this kind do not have."""


def _operation(node: ast.Node, diagnostics: Diagnostics) -> ast.Expression | None:
    """The literal that an operation on literals gives, or None. Raises: OverflowError, ZeroDivisionError, _Illegal."""
    match node:
        case ast.Binary(_, operator_, ast.IntegerLiteral(value=left), ast.IntegerLiteral(value=right)):
            return _integers(node, operator_, left, right)
        case ast.Binary(_, operator_, ast.BooleanLiteral(value=left), ast.BooleanLiteral(value=right)):
            return ast.BooleanLiteral(node.span, bool(_BOOLEANS[operator_](left, right)))
        case ast.Binary(
            _,
            "&&" | "||" as operator_,
            ast.IntegerLiteral(value=left) | ast.BooleanLiteral(value=left),
            ast.IntegerLiteral(value=right) | ast.BooleanLiteral(value=right),
        ):
            return ast.BooleanLiteral(node.span, _LOGIC[operator_](left, right))
        case ast.Binary(_, operator_, ast.StringLiteral(value=text), ast.StringLiteral(value=other)):
            return _strings(node, operator_, text, other)
        case ast.Binary(_, operator_, ast.StringLiteral(value=text), ast.IntegerLiteral(value=count)):
            if operator_ != "+" or count < 0:
                raise _Illegal(ILLEGAL_STRINGS)
            if count >= len(text):
                diagnostics.warning(ALWAYS_EMPTY, node.span)
            return ast.StringLiteral(node.span, text[count:])
        case ast.Unary(_, "-", ast.IntegerLiteral(value=value)):
            if value > 1 << 63:
                raise _Illegal("negative value will underflow")
            return _integer(node, -value)
        case ast.Unary(_, "~", ast.IntegerLiteral(value=value)):
            return _integer(node, ~value & _HIGHEST if value >= 0 else ~value)
        case ast.Unary(_, "!", ast.IntegerLiteral(value=value) | ast.BooleanLiteral(value=value)):
            return ast.BooleanLiteral(node.span, not value)
        case ast.Index(_, ast.StringLiteral(value=text), ast.IntegerLiteral(value=at)) if 0 <= at <= len(text):
            return _integer(node, (text + b"\0")[at])
        case ast.Binary(_, "==" | "!=" as operator_, left, right) if _is_compound(left) and _is_compound(right):
            equal = _equal(left, right)
            return None if equal is None else ast.BooleanLiteral(node.span, equal == (operator_ == "=="))
        case ast.FieldAccess(_, ast.Tuple() | ast.Record() as base, name) if _is_constant(base):
            return _element(base, name, node.span)
        case ast.Call(_, "str", (argument, *rest)):
            return _text_of(node.span, argument, rest)
    return None


def _integer(node: ast.Node, value: int) -> ast.IntegerLiteral:
    if not _LOWEST <= value <= _HIGHEST:
        raise OverflowError
    return ast.IntegerLiteral(node.span, value, str(value))


def _integers(node: ast.Node, operator_: str, left: int, right: int) -> ast.Expression:
    if operator_ in _ARITHMETIC:
        return _integer(node, _ARITHMETIC[operator_](left, right))
    return ast.BooleanLiteral(node.span, {**_COMPARISONS, **_LOGIC}[operator_](left, right))


def _is_compound(node: ast.Node) -> bool:
    return isinstance(node, ast.Tuple | ast.Record)


def _is_constant(node: ast.Node) -> bool:
    """Whether the node is a literal, or made of nothing else: an element can be taken out without losing effects."""
    kinds = (Literal, ast.Tuple, ast.Record, ast.RecordField)
    return all(isinstance(part, kinds) for part in ast.walk(node))


def _equal(left: ast.Node, right: ast.Node) -> bool | None:
    """Whether two constants are equal; None when they have different types, or are no constants."""
    pairs = [(left, right)]
    equal = True
    while pairs:
        match pairs.pop():
            case ast.Tuple(elements=a), ast.Tuple(elements=b) if len(a) == len(b):
                pairs += zip(a, b, strict=True)
            case ast.Record(fields=a), ast.Record(fields=b) if {f.name for f in a} == {f.name for f in b}:
                others = {field.name: field.value for field in b}
                pairs += [(field.value, others[field.name]) for field in a]
            case (
                (ast.IntegerLiteral(value=x), ast.IntegerLiteral(value=y))
                | (ast.StringLiteral(value=x), ast.StringLiteral(value=y))
                | (ast.BooleanLiteral(value=x), ast.BooleanLiteral(value=y))
            ):
                equal = equal and x == y
            case _:
                return None
    return equal


def _element(base: ast.Tuple | ast.Record, name: str, span: Span) -> ast.Expression | None:
    """A constant's element, which now stands where the access to it stood; None when there is no such one."""
    if isinstance(base, ast.Record):
        found = next((field.value for field in base.fields if field.name == name), None)
    else:
        found = base.elements[int(name)] if name.isdecimal() and int(name) < len(base.elements) else None
    return None if found is None else replace(found, span=span)


def _text_of(span: Span, argument: ast.Expression, rest: Sequence[ast.Expression]) -> ast.Expression | None:
    """`str` of a literal; a second literal says how many bytes of it are kept."""
    match argument, rest:
        case ast.IntegerLiteral(value=number), ():
            return ast.StringLiteral(span, str(number).encode())
        case ast.StringLiteral(value=text), ():
            return ast.StringLiteral(span, text)
        case ast.StringLiteral(value=text), (ast.IntegerLiteral(value=count),) if count >= 0:
            return ast.StringLiteral(span, text[:count])
    return None


def _strings(node: ast.Node, operator_: str, left: bytes, right: bytes) -> ast.Expression:
    if operator_ == "+":
        return ast.StringLiteral(node.span, left + right)
    if operator_ in _COMPARISONS:
        return ast.BooleanLiteral(node.span, _COMPARISONS[operator_](left, right))
    raise _Illegal(ILLEGAL_STRINGS)
