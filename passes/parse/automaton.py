"""Runs the tables of an LALR(1) parser over a text, with a lexer that looks only for what fits the place.

It calls a builder's methods as rules are completed and knows neither the grammar nor what the methods make. lark could
do the same; this takes less than half of the time, and the time to import lark.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

Value: TypeAlias = Any  # a Token, or what a builder's method made

#: The tables as plain data: (name, pattern, whether it is a literal, first characters, words) of each terminal, in the
#: order in which the lexer tries them; a pattern of what stands between tokens; (what it makes, length, method,
#: positions of lists) of each rule; actions, gotos (see `Automaton`); the first and the last state of each start.
Data: TypeAlias = tuple[
    list[tuple[str, str, bool, str, dict[str, str]]],
    str,
    list[tuple[str, int, str, tuple[int, ...]]],
    list[dict[str, int]],
    list[dict[str, int]],
    dict[str, int],
    dict[str, int],
]

END = "$END"


class Token:
    """A piece of the text; `start` and `end` are offsets in the source."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type_: str, text: str, start: int, end: int) -> None:
        self.type = type_
        self.text = text
        self.start = start
        self.end = end


class Unexpected(Exception):
    """The text does not go on as it should.

    `at` is the offset in the text at which the unexpected token begins; when that is the end of the text (`at_end`), it
    is where the last token ends. `accepted` are the terminals that would have fitted; the end is none of them. `before`
    is the value in front of the place, if any.
    """

    def __init__(self, at: int, at_end: bool, accepted: frozenset[str], before: Value) -> None:
        super().__init__(at)
        self.at = at
        self.at_end = at_end
        self.accepted = accepted
        self.before = before


#: (terminal, matches it at a position, its text if it is a literal, the words that look like it).
_Candidate: TypeAlias = tuple[str, Callable[[str, int], "re.Match[str] | None"], str, dict[str, str]]


class Automaton:
    """A parser made of tables. An action is the next state, or the complement of the rule that is complete."""

    def __init__(self, data: Data) -> None:
        self._terminals, between, self._rules, self._actions, self._gotos, self._starts, self._ends = data
        self._skip = re.compile(f"(?:{between})*", re.ASCII).match
        #: For each state, by the character at hand. States with the same terminals share one.
        self._candidates: list[dict[str, tuple[_Candidate, ...]]] = []
        by_terminals: dict[frozenset[str], dict[str, tuple[_Candidate, ...]]] = {}
        for row in self._actions:
            self._candidates.append(by_terminals.setdefault(frozenset(row), {}))
        self._compiled: dict[str, Callable[[str, int], re.Match[str] | None]] = {}

    def parse(self, text: str, start: str, builder: object, offset: int) -> Value:
        """What the builder's methods make of the text, which begins at `offset` of the source. Raises: Unexpected."""
        actions, gotos, candidates, skip = self._actions, self._gotos, self._candidates, self._skip
        rules = [
            (origin, length, list if method == "[]" else getattr(builder, method) if method else None, lists)
            for origin, length, method, lists in self._rules
        ]
        state, final = self._starts[start], self._ends[start]
        states = [state]
        values: list[Value] = []
        at = last = 0
        while True:
            found = skip(text, at)
            at = found.end() if found else at
            character = text[at : at + 1]
            if character:
                known = candidates[state].get(character)
                if known is None:
                    known = candidates[state][character] = self._fitting(actions[state], character)
                for name, match, literal, words in known:
                    if literal:
                        if text.startswith(literal, at):
                            end, token_text = at + len(literal), literal
                            break
                    elif (found := match(text, at)) is not None:
                        end, token_text = found.end(), found.group()
                        if token_text in words and words[token_text] in actions[state]:
                            name = words[token_text]
                        break
                else:
                    raise Unexpected(at, False, self._accepted(states), values[-1] if values else None)
            else:
                name, token_text, end = END, "", at
            action = actions[state].get(name)
            while action is not None and action < 0:
                origin, length, method, lists = rules[~action]
                if method is not None:
                    items = values[-length:] if length else []
                    if lists:
                        items = _joined(items, lists)
                    if length:
                        del values[-length:]
                        del states[-length:]
                    values.append(items if method is list else method(items))
                else:
                    states.pop()
                state = gotos[states[-1]][origin]
                if state == final:
                    return values[-1]
                states.append(state)
                action = actions[state].get(name)
            if action is None:
                before = values[-1] if values else None
                raise Unexpected(at if character else last, not character, self._accepted(states), before)
            state = action
            states.append(state)
            values.append(Token(name, token_text, at + offset, end + offset))
            at = last = end

    def _fitting(self, row: dict[str, int], character: str) -> tuple[_Candidate, ...]:
        """The terminals that a state accepts and that can begin with the character."""
        words = {word for name, *_, looking_alike in self._terminals if name in row for word in looking_alike.values()}
        return tuple(
            (name, self._matcher(name, "" if is_literal else pattern), pattern if is_literal else "", looking_alike)
            for name, pattern, is_literal, first, looking_alike in self._terminals
            if name in row and name not in words and character in first
        )

    def _matcher(self, name: str, pattern: str) -> Callable[[str, int], re.Match[str] | None]:
        if name not in self._compiled:
            self._compiled[name] = re.compile(pattern, re.ASCII).match
        return self._compiled[name]

    def _accepted(self, states: list[int]) -> frozenset[str]:
        """The terminals with which the text could have gone on."""
        return frozenset(name for name in self._actions[states[-1]] if self._accepts(states, name))

    def _accepts(self, states: list[int], name: str) -> bool:
        """Whether the rules that the terminal completes lead to a state that takes it."""
        # Only what the rules push is copied: the stack below may be long.
        pushed: list[int] = []
        below = len(states)
        state = states[-1]
        while True:
            action = self._actions[state].get(name)
            if action is None:
                return False
            if action >= 0:
                return True
            origin, length, _, _ = self._rules[~action]
            taken = min(length, len(pushed))
            if taken:
                del pushed[-taken:]
            below -= length - taken
            state = self._gotos[pushed[-1] if pushed else states[below - 1]][origin]
            pushed.append(state)


def _joined(items: list[Value], lists: tuple[int, ...]) -> list[Value]:
    """The items, with those of the lists in the lists' places. A list that comes first is extended, not copied: a long
    list is made of one item at a time."""
    begins_with_list = 0 in lists
    joined: list[Value] = items[0] if begins_with_list else []
    for at in range(begins_with_list, len(items)):
        if at in lists:
            joined += items[at]
        else:
            joined.append(items[at])
    return joined
