"""Says in a user's words what the parser did not expect.

It reads the parser's errors and the script, never the tree. Names of terminals are translated by the tables below; one
that is not in them is not told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...core.source import Span, printable

if TYPE_CHECKING:
    from .automaton import Unexpected
    from .tree import TreeBuilder

#: What a terminal is called. Operators are left out: they fit behind every expression.
_WORDS = {
    "ATTACH_POINT": "a probe",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "RPAR": "')'",
    "RSQB": "']'",
    "COMMA": "','",
    "COLON": "':'",
    "SEMICOLON": "';'",
    "NAME": "a name",
    "VARIABLE": "a variable",
    "MAP": "a map",
    "NUMBER": "a number",
    "STRING": "a string",
    "LPAR": "'('",
    "EQUAL": "'='",
    "ELSE": "'else'",
}
#: What can begin an expression, and what else can begin a statement.
_OPERAND = frozenset(("VARIABLE", "MAP", "NUMBER", "STRING", "TRUE", "FALSE", "NAME", "IF", "LPAR", "LBRACE"))
_EXPRESSION = _OPERAND | {"MINUS", "NOT", "STAR", "AMPERSAND", "INCREMENT"}
_STATEMENT = _EXPRESSION | {"IF_STATEMENT", "RETURN", "BLOCK"}

#: What is shown as the unexpected token: a word, a string, an operator, or one character, of UTF-8 if it is that.
_TOKEN = re.compile(
    r'[$@]?[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_]*|"(?:\\[^\n]|[^"\\\n])*"|<<=|>>=|[-+*/%&|^=!<>]=|->|\+\+|--|&&|\|\||<<|>>'
    r"|[\xc2-\xf4][\x80-\xbf]{1,3}|.",
    re.DOTALL,
)
_LONGEST = 40
#: What begins a statement and no probe.
_STATEMENT_WITHOUT_PROBE = re.compile(r"\s*(?:\w+[ \t]*\(|[@$])")
_NO_PROBE = "statements stand inside of a probe: begin { ... }"
#: What may follow a condition, a key or an argument.
_BEHIND_CONDITION = frozenset(("CLOSE_PREDICATE", "LBRACE", "RPAR", "RSQB"))
_NO_COMPARISON = "'==' compares"


def describe(error: Unexpected, text: str, offset: int, builder: TreeBuilder) -> tuple[str, Span]:
    """The message, without `syntax: `, and its span in the source's text; what was parsed began at `offset`.

    The builder is the one that the parser had.
    """
    at = offset + error.at
    found = None if error.at_end else _TOKEN.match(text, at)
    token = found.group() if found else ""
    span = Span(at, at + max(1, len(token)))
    if token == '"':
        line = text[at:].split("\n", 1)[0].rstrip("\r")
        return "unterminated string", Span(at, at + len(line))
    if token == "$":
        return "expected identifier after '$'", Span(at + 1, at + 2)
    accepted = error.accepted
    if accepted >= _EXPRESSION and (token == ";" or not accepted & (_STATEMENT - _EXPRESSION)):
        return "expected expression", span
    if accepted == {"MAP"}:
        return "root-level let statements need to be map declarations", span
    missing = _missing(accepted) if token or "CLOSE_PREDICATE" in accepted else None
    if missing:
        # What is missing is missing where the expression before it ends.
        before = builder.end(error.before)
        return f"expected {missing}", Span(before, before + 1)
    choices = _choices(accepted)
    expected = f", expected {choices}" if choices else ""
    return f"unexpected {_shown(token)}{expected}", span


def hints(error: Unexpected, text: str, offset: int) -> tuple[str, ...]:
    """What people mean who write this; the arguments are those of `describe`."""
    accepted = error.accepted
    if accepted >= {"COMMA", "LBRACE"}:  # behind a probe
        return (_NO_PROBE,) if _STATEMENT_WITHOUT_PROBE.match(text, offset) else ()
    found = _TOKEN.match(text, offset + error.at)
    if found and found.group() == "=" and accepted & _BEHIND_CONDITION and not accepted >= _OPERAND:
        return (_NO_COMPARISON,)
    return ()


def _missing(accepted: frozenset[str]) -> str | None:
    """What has to follow the expression that was just read."""
    if "CLOSE_PREDICATE" in accepted:
        return "'/' to close predicate"
    return "';'" if "SEMICOLON" in accepted and not accepted >= _EXPRESSION else None


def _choices(accepted: frozenset[str]) -> str:
    """`A, B or C`; what begins an expression is told as one thing, and so is what begins a statement."""
    words = []
    if "ATTACH_POINT" in accepted:
        return _WORDS["ATTACH_POINT"]
    if accepted >= _STATEMENT:
        words, accepted = ["a statement"], accepted - _STATEMENT - {"SEMICOLON"}
    elif accepted >= _EXPRESSION:
        words, accepted = ["an expression"], accepted - _EXPRESSION
    words = sorted([*words, *(_WORDS[name] for name in accepted if name in _WORDS)])
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _shown(token: str) -> str:
    if not token:
        return "end of input"
    text = printable(token)
    return f"'{text}'" if len(text) <= _LONGEST else f"'{text[: _LONGEST - 3]}...'"
