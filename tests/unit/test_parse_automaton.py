"""The parser that runs the tables: small grammars of its own, and what it knows of a terminal's first characters."""

from __future__ import annotations

import pytest
from pybpftrace.passes.parse.automaton import Automaton, Token, Unexpected
from pybpftrace.passes.parse.first_characters import first_characters
from pybpftrace.passes.parse.tables import make

GRAMMAR = r"""
start: _list END_WORD? | "if" NAME "if"
lone_expression: NAME
_list: item ("," item)*
?item: pair | NAME -> name
pair: NAME _relation NAME
_relation: "=" | "=="
END_WORD: "end"
NAME: /[a-z]+/
%ignore " "
"""


class Shapes:
    """Makes nested lists of words."""

    def start(self, items: list[object]) -> list[object]:
        return [item.text if isinstance(item, Token) else item for item in items]

    def lone_expression(self, items: list[Token]) -> tuple[str, int, int]:
        return items[0].text, items[0].start, items[0].end

    def pair(self, items: list[Token]) -> list[str]:
        return [item.text for item in items]

    def name(self, items: list[Token]) -> list[str]:
        return [items[0].text]


@pytest.fixture(scope="module")
def automaton() -> Automaton:
    return Automaton(make(GRAMMAR))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a", [["a"]]),
        ("a=b, c ==d", [["a", "=", "b"], ",", ["c", "==", "d"]]),
        # A word is one where it fits, and a name elsewhere; it counts only as a whole.
        ("end end", [["end"], "end"]),
        ("a=if", [["a", "=", "if"]]),
        ("if if if", ["if", "if", "if"]),
        ("iffy", [["iffy"]]),
    ],
)
def test_rules_are_put_together_and_lists_are_laid_open(automaton: Automaton, text: str, shape: list[object]) -> None:
    assert automaton.parse(text, "start", Shapes(), 0) == shape


def test_each_start_has_its_own_rule_and_places_count_from_the_offset(automaton: Automaton) -> None:
    assert automaton.parse("  ab ", "lone_expression", Shapes(), 100) == ("ab", 102, 104)


@pytest.mark.parametrize(
    ("text", "at", "at_end", "accepted", "before"),
    [
        ("", 0, True, {"NAME", "IF"}, None),
        ("1", 0, False, {"NAME", "IF"}, None),
        ("a = ", 3, True, {"NAME"}, "="),
        ("a ? ", 2, False, {"COMMA", "EQUAL", "__ANON_0", "END_WORD"}, "a"),
        ("a b", 2, False, {"COMMA", "EQUAL", "__ANON_0", "END_WORD"}, "a"),
        ("a = b c", 6, False, {"COMMA", "END_WORD"}, "b"),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(
    automaton: Automaton, text: str, at: int, at_end: bool, accepted: set[str], before: str | None
) -> None:
    with pytest.raises(Unexpected) as caught:
        automaton.parse(text, "start", Shapes(), 0)
    error = caught.value
    assert (error.at, error.at_end, set(error.accepted)) == (at, at_end, accepted)
    assert (error.before.text if isinstance(error.before, Token) else error.before) == before


def test_a_long_list_takes_no_stack(automaton: Automaton) -> None:
    assert len(automaton.parse("a," * 10_000 + "a", "start", Shapes(), 0)) == 20_001


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [
        ("a", "a"),
        ("ab?", "a"),
        ("a?b", "ab"),
        ("a*b+c", "ab"),
        ("(?:a|bc)d", "ab"),
        ("(?:a|)d", "ad"),
        ("[a-c]x", "abc"),
        ("[^a]", "bcd(x1"),
        ("[^\\w(]", ""),
        (r"\w", "abcdx1"),
        ("(?!b)[a-c]", "abc"),
        ("(?=a)b", "b"),
        (r"\bx", "x"),
        (r"\(", "("),
        (r"(?:(?:a){0,2}|b)c", "abc"),
        (".", "abcd(x1"),
    ],
)
def test_the_first_characters_of_a_pattern(pattern: str, characters: str) -> None:
    assert set(first_characters(pattern)) & set("abcd(x1") == set(characters)
