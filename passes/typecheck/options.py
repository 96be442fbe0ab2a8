"""Replaces `getopt(...)` by the value that the script was started with, or by its default.

A call declares an option of the script (`-- --name=value`), so this is also where a command line with options that no
call declares is refused. How a command line is cut into words is not known here.
"""

from __future__ import annotations

from dataclasses import replace

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import CompileError, Diagnostic, Diagnostics, Severity
from ...core.frozen import dataclass
from ...core.numbers import NumberError, parse_integer
from ...core.rewrite import rewrite
from ...core.source import Span, printable
from .positional_parameters import quoting_hint

_TRUE, _FALSE = {"1", "true", "on", "yes"}, {"0", "false", "off", "no"}
_HIGHEST, _LOWEST = (1 << 63) - 1, -(1 << 63)
COUNT = "The 'getopt' function can take a maximum of three arguments and a minimum of one argument."
FIRST = "First argument to 'getopt' must be a string literal."
SECOND = "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal."
THIRD = "Function 'getopt' requires the third parameter to be a string literal."

Default = ast.IntegerLiteral | ast.StringLiteral | ast.BooleanLiteral


@dataclass(frozen=True, slots=True)
class ReplaceOptions:
    """Program -> Program without calls of `getopt`.

    Literals have been folded before. Raises: CompileError: with the options as a hint, for a command line with --help.
    """

    name: str = "getopt"
    stage: str = "typecheck"

    def run(self, program: ast.Program, compilation: Compilation) -> ast.Program:
        diagnostics = compilation.diagnostics
        named = dict(compilation.options.named)  # the last occurrence of a name wins
        if not named and not ast.mentions(program, "getopt"):
            return program
        options = _Options(named, diagnostics)
        replaced = rewrite(program, options.leave)
        if "help" in named and "help" not in options.declared:
            hint = Diagnostic(Severity.HINT, options.listed())
            raise CompileError((*(d for d in diagnostics.recorded if d.severity is Severity.ERROR), hint))
        unknown = [f"--{name}" for name in named if name not in options.declared]
        if unknown:
            message = f"unexpected program command line options: {', '.join(unknown)}"
            diagnostics.error(message, hints=[options.listed()])
        return replaced


class _BadValue(ValueError):
    """Text of the command line that is no value of the option; the message says which values are."""


@dataclass(frozen=True, slots=True)
class _Option:
    default: Default
    description: str | None


class _Options:
    """The options that the script declares, in the order of their first calls."""

    def __init__(self, named: dict[str, str | None], diagnostics: Diagnostics) -> None:
        self.declared: dict[str, _Option] = {}
        self._named = named
        self._diagnostics = diagnostics

    def listed(self) -> str:
        """The declared options with their descriptions, one a line."""
        if not self.declared:
            return "no custom program options defined."
        lines = [f"\n--{printable(name)}: {option.description or ''}".rstrip(" ")
                 for name, option in self.declared.items()]  # fmt: skip
        return "expected program options:" + "".join(lines)

    def leave(self, node: ast.Node, written: ast.Node) -> ast.Node:
        if not isinstance(node, ast.Call) or node.name != "getopt":
            return node
        arguments = node.arguments
        if not 1 <= len(arguments) <= 3:
            self._diagnostics.error(COUNT, node.span)
            return node
        name = arguments[0]
        default = arguments[1] if len(arguments) > 1 else None
        description = arguments[2] if len(arguments) > 2 else None
        if not isinstance(name, ast.StringLiteral):
            self._diagnostics.error(FIRST, name.span, hints=quoting_hint(name))
            return node
        if default is not None and not isinstance(default, Default):
            self._diagnostics.error(SECOND, default.span)
            return node
        if description is not None and not isinstance(description, ast.StringLiteral):
            self._diagnostics.warning(THIRD, description.span)
            self._diagnostics.error("Unknown function: 'getopt'", node.span)
            return node
        text = None if description is None else printable(description.value.decode("latin-1"))
        return self._value(node, name.value, default or ast.BooleanLiteral(node.span, False), text)

    def _value(self, call: ast.Call, name_bytes: bytes, default: Default, description: str | None) -> ast.Node:
        name = name_bytes.decode("utf-8", "surrogateescape")
        known = self.declared.get(name)
        if known is None:
            self.declared[name] = _Option(default, description)
        else:
            self._check_same(name, known, default, description, call.span)
            if known.description is None and description is not None:
                self.declared[name] = _Option(known.default, description)
        if name not in self._named:
            return _typed(replace(default, span=call.span), default)
        text = self._named[name]
        try:
            return _typed(_literal(default, text, call.span), default)
        except _BadValue as error:
            self._diagnostics.error(f"program command line option --{printable(name)} {error} "
                                    f"(value: {'true' if text is None else printable(text)})")  # fmt: skip
            return default

    def _check_same(
        self, name: str, known: _Option, default: Default, description: str | None, span: Span
    ) -> None:
        option = f"Command line option '{printable(name)}'"
        if type(known.default) is not type(default) or known.default.value != default.value:
            self._diagnostics.error(
                f"{option} needs to have the same default value in all places it is used. "
                f"Previous default value: {_shown(known.default)}",
                span,
            )
        if None not in (description, known.description) and description != known.description:
            self._diagnostics.error(
                f"{option} must have the same description in all places it is used. "
                f"Previous description: {known.description}",
                span,
            )


def _shown(default: Default) -> str:
    match default:
        case ast.StringLiteral(value=data):
            return f'"{printable(data.decode("latin-1"))}"'
        case ast.BooleanLiteral(value=value):
            return str(value).lower()
    return str(default.value)


def _literal(default: Default, text: str | None, span: Span) -> Default:
    """The option's value as a literal of its default's kind; a text of None is a bare `--name`. Raises: _BadValue."""
    if text is not None and "=" in text:
        text = ""  # as bpftrace reads it
    match default:
        case ast.BooleanLiteral():
            if text is not None and text.lower() not in _TRUE | _FALSE:
                raise _BadValue("expects a boolean (e.g. 'true')")
            return ast.BooleanLiteral(span, text is None or text.lower() in _TRUE)
        case ast.IntegerLiteral(value=value):
            number = _number(text, signed=value < 0)
            return ast.IntegerLiteral(span, number, str(number))
    if text is None:
        raise _BadValue("expects a string")
    return ast.StringLiteral(span, text.encode("utf-8", "surrogateescape"))


def _number(text: str | None, *, signed: bool) -> int:
    """A negative number for an unsigned option wraps. Raises: _BadValue."""
    if text is None:
        raise _BadValue("expects an integer")
    if text == "" and signed:
        return 0
    if text == "":
        raise _BadValue("invalid integer")
    try:
        number = parse_integer(text.removeprefix("-"))
    except NumberError as error:
        too_large = str(error).startswith("overflow")
        raise _BadValue("value is out of range" if too_large else "expects an integer") from None
    if text.startswith("-"):
        number = -number
    if number < _LOWEST or (signed and number > _HIGHEST):
        raise _BadValue("value is out of range")
    return number if signed else number % (1 << 64)


def _typed(literal: Default, default: Default) -> ast.Expression:
    """The literal with the type of an option: a number has 64 bits, whatever its value, and the sign of its default."""
    if not isinstance(literal, ast.IntegerLiteral):
        return literal
    signed = isinstance(default, ast.IntegerLiteral) and default.value < 0
    if literal.value > _HIGHEST or (signed and literal.value < -(1 << 31)):
        return literal  # has that type already
    return ast.Cast(literal.span, ast.NamedType(literal.span, "", "int64" if signed else "uint64"), literal)
