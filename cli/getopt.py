"""GNU getopt_long's rules for a command line, which scripts rely on and click does not have.

`canonical` walks the words as getopt_long(3) does (bundled short options, unambiguous prefixes of long ones, options
after the first operand, `--`) and gives the same command line in the one spelling that click reads alike: options
first, each followed by its value, then `--`, then the operands. It must not know what any option means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from ..core.frozen import dataclass
from .usage import UsageError


@dataclass(frozen=True, slots=True)
class Spelling:
    """An option as getopt sees it: `word` is its canonical spelling; one that is `immediate` ends the command line.

    An 'optional' value is taken only after `=`; without it the value is empty.
    """

    word: str
    takes: Literal["nothing", "value", "optional"]
    immediate: bool = False


def canonical(arguments: Sequence[str], known: Mapping[str, Spelling], program: str) -> list[str]:
    """The command line as click takes it; what follows an option like `-h`, which acts at once, is left out.

    Raises: UsageError: with getopt_long's own texts.
    """
    options: list[str] = []
    operands: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            operands += rest
            break
        if word.startswith("--"):
            spelling = _long(word, rest, known, program, options)
        elif word.startswith("-") and word != "-":
            spelling = _bundle(word, rest, known, program, options)
        else:
            operands.append(word)
            continue
        if spelling.immediate:
            return options
    return [*options, "--", *operands]


def _long(
    word: str, rest: list[str], known: Mapping[str, Spelling], program: str, options: list[str]
) -> Spelling:
    name, equals, value = word.partition("=")
    spelling = known.get(name) or _prefixed(name, word, known, program)
    if spelling.takes == "nothing" and equals:
        raise UsageError(f"{program}: option '{name}' doesn't allow an argument", show_usage=True)
    if spelling.takes == "value" and not equals:
        if not rest:
            raise UsageError(f"{program}: option '{name}' requires an argument", show_usage=True)
        value = rest.pop(0)
    options += _spelled(spelling, value)
    return spelling


def _prefixed(name: str, word: str, known: Mapping[str, Spelling], program: str) -> Spelling:
    candidates = [n for n in known if n.startswith(name) and n.startswith("--")]
    if not candidates:
        raise UsageError(f"{program}: unrecognized option '{name}'", show_usage=True)
    if len({known[n] for n in candidates}) > 1:
        listed = " ".join(f"'{n}'" for n in candidates)
        raise UsageError(f"{program}: option '{word}' is ambiguous; possibilities: {listed}", show_usage=True)
    return known[candidates[0]]


def _bundle(
    word: str, rest: list[str], known: Mapping[str, Spelling], program: str, options: list[str]
) -> Spelling:
    """`-qvp123` is `-q -v -p 123`."""
    for at, letter in enumerate(word[1:], 2):
        if f"-{letter}" not in known:
            raise UsageError(f"{program}: invalid option -- '{letter}'", show_usage=True)
        spelling = known[f"-{letter}"]
        value = ""
        if spelling.takes == "value":
            value = word[at:]
            if not value:
                if not rest:
                    raise UsageError(f"{program}: option requires an argument -- '{letter}'", show_usage=True)
                value = rest.pop(0)
        options += _spelled(spelling, value)
        if spelling.immediate or spelling.takes == "value":
            break
    return spelling


def _spelled(spelling: Spelling, value: str) -> list[str]:
    return [spelling.word] if spelling.takes == "nothing" else [spelling.word, value]
