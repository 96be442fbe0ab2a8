"""Replaces operations on literals by their results, exactly: 64-bit overflow is an error, not a wrap.

Runs before any type is known, so it looks at literals only and knows no functions. Subtrees without a literal operation
keep their identity.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Diagnostics
from ...core.frozen import dataclass

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


@dataclass(frozen=True, slots=True)
class FoldConstants:
    """Program -> Program."""

    name: str = "fold"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        return _fold(program, compilation.diagnostics)


def _fold(node: N, diagnostics: Diagnostics) -> N:
    """The node with its children folded, and itself where it is an operation on literals."""
    changed: dict[str, Any] = {}
    # In `a ?: b` one node is both the condition and the first branch, and must stay one.
    folded: dict[ast.Node, ast.Node] = {}
    for member in fields(node):
        value = getattr(node, member.name)
        if isinstance(value, ast.Node):
            if value not in folded:
                folded[value] = _fold(value, diagnostics)
            if folded[value] is not value:
                changed[member.name] = folded[value]
        elif isinstance(value, tuple) and value and isinstance(value[0], ast.Node):
            items = tuple(_fold(item, diagnostics) for item in value)
            if any(new is not old for new, old in zip(items, value, strict=True)):
                changed[member.name] = items
    rebuilt = replace(node, **changed) if changed else node
    result: Any = None
    try:
        result = _operation(rebuilt, diagnostics)
    except (OverflowError, ZeroDivisionError):
        diagnostics.error(OVERFLOW, rebuilt.span)
    except _Illegal as error:
        diagnostics.error(str(error), rebuilt.span)
    return rebuilt if result is None else result


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
    return None


def _integer(node: ast.Node, value: int) -> ast.IntegerLiteral:
    if not _LOWEST <= value <= _HIGHEST:
        raise OverflowError
    return ast.IntegerLiteral(node.span, value, str(value))


def _integers(node: ast.Node, operator_: str, left: int, right: int) -> ast.Expression:
    if operator_ in _ARITHMETIC:
        return _integer(node, _ARITHMETIC[operator_](left, right))
    return ast.BooleanLiteral(node.span, {**_COMPARISONS, **_LOGIC}[operator_](left, right))


def _strings(node: ast.Node, operator_: str, left: bytes, right: bytes) -> ast.Expression:
    if operator_ == "+":
        return ast.StringLiteral(node.span, left + right)
    if operator_ in _COMPARISONS:
        return ast.BooleanLiteral(node.span, _COMPARISONS[operator_](left, right))
    raise _Illegal(ILLEGAL_STRINGS)
