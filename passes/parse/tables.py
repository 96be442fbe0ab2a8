"""The tables of the parser that `grammar.lark` describes, made once and kept in the user's cache directory.

lark makes them, and is imported for nothing else: what is kept is plain data for `automaton.py`, so that an ordinary
start does without lark. The kept tables are read only from a file that nobody else can have written, and only when
their digest says that this grammar and this Python made them. Nothing here knows scripts.
"""

from __future__ import annotations

import marshal
import os
import sys
from contextlib import suppress
from functools import cache
from typing import Any

from ...core.digest import digest
from ...core.target.cache_directory import cache_directory, read_private_file, write_private_file
from .automaton import Automaton, Data

#: The file's name in the cache directory: 32 hexadecimal digits, then the tables as `marshal` writes them.
FILE = "grammar"
_DIGEST_LENGTH = 32
#: The rules that a text can be parsed by: a script, or an expression by itself.
STARTS = ["start", "lone_expression"]
#: Changes when this module writes something else for the same grammar.
_FORMAT = 1


@cache
def automaton() -> Automaton:
    """The parser; it is made at the first call."""
    with open(os.path.join(os.path.dirname(__file__), "grammar.lark"), encoding="ascii") as file:
        grammar = file.read()
    return Automaton(marshal.loads(_tables(grammar)))


def _tables(grammar: str) -> bytes:
    """What `make` gives for the grammar, from the cache if it is there."""
    directory = cache_directory()
    path = os.path.join(directory, FILE) if directory else None
    made_by = f"{_FORMAT} {sys.version} {grammar}".encode()
    kept = read_private_file(path) if path else None
    if kept is not None and kept[:_DIGEST_LENGTH] == _seal(made_by, kept[_DIGEST_LENGTH:]):
        return kept[_DIGEST_LENGTH:]
    tables = marshal.dumps(make(grammar))
    if path:
        with suppress(OSError):  # a cache is a convenience: without one everything works, only later
            write_private_file(path, _seal(made_by, tables) + tables)
    return tables


def _seal(made_by: bytes, tables: bytes) -> bytes:
    return digest(made_by + b"\0" + tables).encode("ascii")


def make(grammar: str) -> Data:
    """The tables of a grammar. It takes 0.2 s and more."""
    import re

    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    made: Any = Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        start=STARTS,
        keep_all_tokens=True,
        maybe_placeholders=False,
        g_regex_flags=re.ASCII,
    )
    # lark has no public name for its parse table; it has been this one since version 0.6.
    table = made.parser.parser._parse_table
    terminals = sorted(made.terminals, key=_lexing_order)
    names = {terminal.name for terminal in terminals} | {"$END"}
    rules = {rule: number for number, rule in enumerate(made.rules)}
    actions, gotos = [], []
    for state in range(len(table.states)):
        row: dict[str, int] = {}
        goto: dict[str, int] = {}
        for symbol, (action, argument) in table.states[state].items():
            number = argument if action is Shift else ~rules[argument]
            (row if symbol in names else goto)[symbol] = number
        actions.append(row)
        gotos.append(goto)
    return (
        [(t.name, *_pattern(t), _words(t, terminals)) for t in terminals if t.name not in made.ignore_tokens],
        "|".join(t.pattern.to_regexp() for t in terminals if t.name in made.ignore_tokens),
        _rules(made.rules),
        actions,
        gotos,
        dict(table.start_states),
        dict(table.end_states),
    )


def _lexing_order(terminal: Any) -> tuple[int, int, int, str]:
    """The order in which lark tries terminals."""
    return -terminal.priority, -terminal.pattern.max_width, -len(terminal.pattern.value), terminal.name


def _pattern(terminal: Any) -> tuple[str, bool, str]:
    """(literal or regular expression, whether it is a literal, the characters that it can begin with)."""
    text = terminal.pattern.value
    if terminal.pattern.type == "str" and not text.isidentifier():
        return text, True, text[0]
    regexp = rf"{text}\b" if terminal.pattern.type == "str" else terminal.pattern.to_regexp()
    from .first_characters import first_characters

    return regexp, False, first_characters(regexp)


def _words(terminal: Any, terminals: list[Any]) -> dict[str, str]:
    """The words that look like this terminal, such as names do, and what each of them is where it fits."""
    import re

    if terminal.pattern.type == "str":
        return {}
    matches = re.compile(terminal.pattern.to_regexp(), re.ASCII).fullmatch
    words = [t for t in terminals if t.pattern.type == "str" and t.priority == terminal.priority]
    return {word.pattern.value: word.name for word in words if matches(word.pattern.value)}


def _rules(rules: list[Any]) -> list[tuple[str, int, str, tuple[int, ...]]]:
    """For each rule (what it makes, how many symbols it takes, the builder's method, the positions of lists).

    A rule whose name begins with `_` makes a list, which the rule around it takes for its own symbols; then the method
    is `[]`. When all of its forms are single symbols no list is needed. A rule that hands on what its only symbol made
    has no method.
    """
    handed_on = _handed_on(rules)

    def is_list(symbol: Any) -> bool:
        return bool(symbol.name.startswith("_") and not symbol.is_term and symbol.name not in handed_on)

    made = []
    for rule in rules:
        symbols = rule.expansion
        lists = tuple(at for at, symbol in enumerate(symbols) if is_list(symbol))
        name = str(rule.origin.name)
        if name in handed_on or (rule.options.expand1 and not rule.alias and len(symbols) == 1 and not lists):
            method = ""
        else:
            method = "[]" if name.startswith("_") else str(rule.alias or name)
        made.append((name, len(symbols), method, lists))
    return made


def _handed_on(rules: list[Any]) -> set[str]:
    """The inlined rules that are single symbols in all of their forms."""
    found = {rule.origin.name for rule in rules if rule.origin.name.startswith("_")}
    while True:
        left = {
            name
            for name in found
            if all(
                len(rule.expansion) == 1
                and not (
                    rule.expansion[0].name.startswith("_")
                    and not rule.expansion[0].is_term
                    and rule.expansion[0].name not in found
                )
                for rule in rules
                if rule.origin.name == name
            )
        }
        if left == found:
            return found
        found = left
