"""Checks what can be said of calls before any type is known: how many arguments they take, and that they stand where
they may.

Names that nobody knows are left to inference, which does not look at what an `if comptime` drops; everything that
depends on types is asked of the functions themselves there.
"""

from __future__ import annotations

from ...core import ast
from ...core.compilation import Compilation
from ...core.diagnostics import Note
from ...core.frozen import dataclass
from ...core.function import Aggregation, Function, Signature
from .matched import MatchedProgram

#: What `sizeof` and its like are called where an assignment inside of one is refused.
_UNEVALUATED = {ast.SizeOf: "sizeof", ast.OffsetOf: "offsetof", ast.TypeInfo: "typeof or typeinfo",
                ast.TypeOf: "typeof or typeinfo"}  # fmt: skip

#: The functions that the language itself has. All others are macros in its manual, whatever they are made of, and a
#: wrong number of arguments is told as of a macro.
CORE = frozenset({
    "avg", "bswap", "buf", "cat", "cgroup_path", "cgroupid", "clear", "count", "debugf", "errorf", "exit", "fail",
    "getopt", "hist", "join", "kaddr", "kptr", "kstack", "ksym", "lhist", "macaddr", "max", "min", "nsecs", "ntop",
    "offsetof", "path", "percpu_kaddr", "pid", "print", "printf", "pton", "reg", "sizeof", "skboutput",
    "socket_cookie", "stats", "str", "strftime", "strncmp", "sum", "system", "tid", "time", "tseries", "unwatch",
    "uptr", "ustack", "usym", "warnf", "zero",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckCalls:
    """A check: MatchedProgram stays as it is."""

    name: str = "check-calls"
    stage: str = "typecheck"

    def run(self, matched: MatchedProgram, compilation: Compilation) -> MatchedProgram:
        for body in (*matched.program.probes, *matched.program.functions):
            _BodyCheck(compilation, in_probe=isinstance(body, ast.Probe)).check(body)
        return matched


class _BodyCheck:
    """One probe or function. `words` are nodes that are no expressions: stack modes and the like."""

    def __init__(self, compilation: Compilation, *, in_probe: bool) -> None:
        self._in_probe = in_probe
        self._functions = compilation.functions
        self._c_functions = compilation.c_functions
        self._diagnostics = compilation.diagnostics
        self._words: set[ast.Node] = set()
        self._assigned: set[ast.Node] = set()

    def check(self, body: ast.Node) -> None:
        """Walks with a stack of its own: (node, whether it stands in the body of a for loop)."""
        pending: list[tuple[ast.Node, bool]] = [(body, False)]
        while pending:
            node, in_for = pending.pop()
            self._check(node, in_for)
            for child in reversed(list(ast.children(node))):
                pending.append((child, in_for or (isinstance(node, ast.For) and child is node.body)))

    def _check(self, node: ast.Node, in_for: bool) -> None:
        match node:
            case ast.Call(name=name, arguments=arguments):
                self._check_call(node, name, arguments, in_for)
            case ast.Identifier(name=name) if node not in self._words:
                self._check_name(node, name, in_for)
            case ast.Assignment(target=ast.Map(), operator=None, value=value):
                while isinstance(value, ast.Block) and value.value is not None:
                    value = value.value
                self._assigned.add(value)
            case ast.SizeOf(operand=operand) | ast.OffsetOf(operand=operand) | ast.TypeInfo(operand=operand) | (
                ast.TypeOf(operand=operand)
            ):
                self._check_unevaluated(node, operand)

    def _check_unevaluated(self, node: ast.Node, operand: ast.Node) -> None:
        for part in ast.walk(operand):
            target = part.target if isinstance(part, ast.Assignment | ast.Increment) else None
            if isinstance(target, ast.Map):
                self._diagnostics.error(
                    f"Map assignments not allowed inside of {_UNEVALUATED[type(node)]}", part.span
                )

    def _check_call(
        self, node: ast.Call, name: str, arguments: tuple[ast.Expression, ...], in_for: bool
    ) -> None:
        function = self._functions.get(name)
        if function is None or not function.callable:
            if name not in self._c_functions:
                self._words.update(arguments)
            return
        for index, argument in enumerate(arguments):
            if index in function.signature.words:
                self._words.add(argument)
            if isinstance(argument, ast.TypeOf):
                self._diagnostics.error(
                    "When used as a call argument, `typeof` builtin only valid for macro calls that are expecting a "
                    "type parameter",
                    argument.span,
                )
        self._check_count(node, name, function.signature, len(arguments))
        if isinstance(function, Aggregation) and node not in self._assigned:
            self._diagnostics.error(f"{name}() must be assigned directly to a map", node.span)
        self._check_place(node, name, function, in_for)

    def _check_count(self, node: ast.Call, name: str, signature: Signature, given: int) -> None:
        if name in CORE:
            wrong = count_error(name, signature, given)
            if wrong:
                self._diagnostics.error(wrong, node.span)
        elif not signature.minimum <= given <= signature.maximum:
            expected = signature.minimum if given < signature.minimum else signature.maximum
            note = (
                f"The closest definition of {name}() has a different number of arguments. "
                f"Expected: {expected} but got {given}"
            )
            message = f"Call to {name}() has arguments that do not match any definition."
            self._diagnostics.error(message, node.span, notes=[Note(note, None)])

    def _check_name(self, node: ast.Identifier, name: str, in_for: bool) -> None:
        function = self._functions.get(name)
        if function is not None and function.bare:
            self._check_place(node, name, function, in_for)

    def _check_place(self, node: ast.Node, name: str, function: Function, in_for: bool) -> None:
        if function.needs_probe and not self._in_probe:
            self._diagnostics.error(f"Builtin {name} not supported outside probe", node.span)
        elif in_for and function.uses_context:
            self._diagnostics.error(f"'{name}' builtin is not allowed in a for-loop", node.span)


def count_error(name: str, signature: Signature, given: int) -> str | None:
    """The text for a wrong number of arguments, or None."""
    low, high = signature.minimum, signature.maximum
    if low <= given <= high:
        return None
    amount = {0: "no arguments", 1: "one argument"}
    if low == high:
        wanted = amount.get(low, f"{low} arguments")
        return f"{name}() requires {wanted} ({given} provided)"
    if given < low:
        wanted = amount.get(low, f"{low} arguments")
        return f"{name}() requires at least {wanted} ({given} provided)"
    wanted = amount.get(high, f"{high} arguments")
    return f"{name}() takes up to {wanted} ({given} provided)"
