"""Says in a user's words what the parser did not expect."""

from __future__ import annotations

from typing import Any

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

from ...core.source import Span, display

#: What a token is called. Tokens that begin an expression are told as one.
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
    "ASSIGN": "an assignment",
    "ELSE": "'else'",
    "CLOSE_PREDICATE": "'/'",
}
_EXPRESSION = {"NUMBER", "STRING", "LPAR", "MINUS", "NOT"}


def describe(error: Any, text: str, offset: int) -> tuple[str, Span]:
    """The message, without `syntax: `, and its span in `text`; the parser was given the text from `offset` on."""
    accepted: set[str] = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    at = _position(error, text, offset)
    length = _length(error)
    character = text[at : at + 1]
    if character == '"' and not (isinstance(error, UnexpectedToken) and error.token.type == "STRING"):
        line_end = text.find("\n", at)
        return "unterminated string", Span(at, line_end if line_end >= 0 else len(text))
    if character == "$" and length <= 1:
        return "expected identifier after '$'", Span(at, at + 1)
    wanted = _expected(accepted)
    if wanted is not None:
        place = _end_before(text, at, offset)
        # What is missing is missing where the text before it ends.
        return f"expected {wanted}", Span(place, place + 1) if wanted in ("';'", "'/' to close predicate") else Span(at, at + max(1, length))
    shown = display(text[at : at + max(1, length)]) or "end of input"
    choices = sorted({_WORDS[name] for name in accepted if name in _WORDS})
    expected = f", expected {' or '.join([', '.join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)}" if choices else ""
    return f"unexpected {_quoted(shown)}{expected}", Span(at, at + max(1, length))


def _expected(accepted: set[str]) -> str | None:
    """The one thing to name where several fit, the most helpful first."""
    if accepted >= _EXPRESSION - {"STRING"} and "RBRACE" not in accepted:
        return "expression"
    if "CLOSE_PREDICATE" in accepted:
        return "'/' to close predicate"
    if "SEMICOLON" in accepted and "ELSE" not in accepted and not accepted >= _EXPRESSION:
        return "';'"
    known = [name for name in accepted if name in _WORDS]
    return _WORDS[known[0]] if len(known) == 1 and len(accepted) == 1 else None


def _position(error: Any, text: str, offset: int) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text) if not offset else min(len(text), offset + (error.token.end_pos or 0))
    position = getattr(error, "pos_in_stream", None)
    if position is None and isinstance(error, UnexpectedToken):
        position = error.token.start_pos
    return offset + position if isinstance(position, int) and position >= 0 else len(text)


def _length(error: Any) -> int:
    if isinstance(error, UnexpectedToken) and isinstance(error.token, Token) and error.token.type != "$END":
        return len(error.token)
    return 0 if isinstance(error, UnexpectedEOF) else int(isinstance(error, UnexpectedCharacters))


def _end_before(text: str, at: int, offset: int) -> int:
    """Just behind the last character before `at` that is not white space."""
    return max(offset, len(text[:at].rstrip()))


def _quoted(shown: str) -> str:
    return shown if shown == "end of input" else f"'{shown}'"
