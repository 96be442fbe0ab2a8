"""Says in a user's words what the parser did not expect.

It reads lark's errors and the script, never the tree. Names of terminals are translated by the tables below; one that
is not in them is not told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...core.source import Span, printable

if TYPE_CHECKING:
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
_EXPRESSION = frozenset(
    ("VARIABLE", "MAP", "NUMBER", "STRING", "TRUE", "FALSE", "NAME", "LPAR", "LBRACE", "MINUS", "NOT", "INCREMENT", "IF")
)
_STATEMENT = _EXPRESSION | {"IF_STATEMENT", "RETURN", "BLOCK"}

#: What is shown as the unexpected token: a word, a string, an operator, or one character, of UTF-8 if it is that.
_TOKEN = re.compile(
    r'[$@]?[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9_]*|"(?:\\[^\n]|[^"\\\n])*"|<<=|>>=|[-+*/%&|^=!<>]=|->|\+\+|--|&&|\|\||<<|>>'
    r"|[\xc2-\xf4][\x80-\xbf]{1,3}|.",
    re.DOTALL,
)
_LONGEST = 40


def describe(error: Any, text: str, builder: TreeBuilder) -> tuple[str, Span]:
    """The message for a lark UnexpectedInput, without `syntax: `, and its span in `text`.

    The builder is the one that the parser had, with `offset` still as it was.
    """
    at, token = _unexpected(error, text, builder.offset)
    span = Span(at, at + max(1, len(token)))
    if token == '"':
        line = text[at:].split("\n", 1)[0].rstrip("\r")
        return "unterminated string", Span(at, at + len(line))
    if token == "$":
        return "expected identifier after '$'", Span(at + 1, at + 2)
    values = list(error.interactive_parser.parser_state.value_stack)
    accepted = _accepted(error)
    if accepted >= _EXPRESSION and (token == ";" or not accepted & (_STATEMENT - _EXPRESSION)):
        return "expected expression", span
    missing = _missing(accepted) if token or "CLOSE_PREDICATE" in accepted else None
    if missing:
        # What is missing is missing where the expression before it ends.
        before = builder.extent(values[-1]).end
        return f"expected {missing}", Span(before, before + 1)
    choices = _choices(accepted)
    expected = f", expected {choices}" if choices else ""
    return f"unexpected {_shown(token)}{expected}", span


def _missing(accepted: frozenset[str]) -> str | None:
    """What has to follow the expression that was just read."""
    if "CLOSE_PREDICATE" in accepted:
        return "'/' to close predicate"
    return "';'" if "SEMICOLON" in accepted and not accepted >= _EXPRESSION else None


def _accepted(error: Any) -> frozenset[str]:
    """The terminals that would have fitted."""
    state = error.interactive_parser
    # The values parsed so far do not matter here, and older larks would copy all of them.
    state.parser_state.value_stack.clear()
    return frozenset(state.accepts())


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


def _unexpected(error: Any, text: str, offset: int) -> tuple[int, str]:
    """Where the unexpected token begins, and its text; the end of input is just behind the last token, without text."""
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        return offset + (token.end_pos or 0), ""
    at = offset + int(error.pos_in_stream)
    found = _TOKEN.match(text, at)
    return at, found.group() if found else ""


def _shown(token: str) -> str:
    if not token:
        return "end of input"
    text = printable(token)
    return f"'{text}'" if len(text) <= _LONGEST else f"'{text[: _LONGEST - 3]}...'"
