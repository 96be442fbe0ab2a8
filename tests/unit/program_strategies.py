"""Random programs over the whole language, for tests that must hold for any of them.

`programs()` gives text that parses; it need not make sense. Between the tokens are blanks, ends of lines and, if
wanted, comments. Each comment holds a word of its own (`c1`, `c2`, ...), so that a test can look for it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

from hypothesis import strategies as st

_NAMES = ("a", "x", "comm", "pid", "args", "arg0", "nsecs", "curtask", "a_longer_name", "broken", "iffy")
_TYPES = ("int32", "uint8", "foo", "string", "struct task_struct", "union u", "enum e", "timestamp")
_FIELDS = ("f", "if", "type", "parent", "0", "1", "12")
_VARIABLES = ("$x", "$y", "$if", "$a_longer_name")
_MAPS = ("@", "@m", "@for", "@a_longer_name")
_NUMBERS = ("0", "7", "0755", "0xFF", "1_000", "1e6", "5ms", "10ull", "18446744073709551615")
_STRINGS = (
    '""', '"text"', r'"%d\t%s\n"', r'"\x41\033\"\\"', '"// no comment {"', '"/* none */"', '"\u00e9\u4e2d"', r'"\xff\r"',
)  # fmt: skip
_OPERATORS = ("||", "&&", "|", "^", "&", "==", "!=", "<", "<=", ">", ">=", "<<", ">>", "+", "-", "*", "/", "%")
_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")
_POINTS = (
    "begin", "END", "kprobe:vfs_read", "tracepoint:syscalls:sys_enter_*", "uprobe:/bin//bash:readline", "uprobe:/a/*:f",
    'kprobe:"a b,{// no comment"', "mine=interval:s:1", "kprobe:$1",
)  # fmt: skip
_C_ITEMS = (
    "#include <linux/sched.h>\n", "#define SIX (2 * 3)\n", "#define LONG \\\n  1\n",
    "struct foo { int a; /* kept */ char b[8]; };", "enum { A, B = 2 }",
    "struct __attribute__((packed)) p { int a : 3; } __attribute__((aligned(8)));", "union u { int x; struct { int y; }; };",
)  # fmt: skip
_CONFIGS = ('stack_mode = "perf"', 'license = "Dual BSD/GPL"', "max_strlen = 0x40", "cpp_demangle = true", "x = y")
#: Tokens beside which no blank is needed.
_BRACKETS = tuple("()[]{},;")


class _Program:
    """Draws the tokens of a program. `depth` is how many more levels an expression or a statement may have."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def number(self, limit: int) -> int:
        return self._draw(st.integers(0, limit - 1))

    def one(self, choices: tuple[str, ...]) -> str:
        return choices[self.number(len(choices))]

    def listed(self, item: Callable[[int], list[str]], depth: int, least: int = 0, most: int = 4) -> list[str]:
        tokens: list[str] = []
        for at in range(least + self.number(most - least + 1)):
            tokens += [",", *item(depth)] if at else item(depth)
        return tokens

    # Expressions

    def expression(self, depth: int) -> list[str]:
        kind = self.number(6) if depth > 0 else 0
        if kind == 5:
            middle = [] if self.number(4) == 0 else self.expression(depth - 1)
            return [*self.row(depth - 1, 1), "?", *middle, ":", *self.expression(depth - 1)]
        return self.row(depth, 1 + max(0, kind - 1))

    def row(self, depth: int, length: int) -> list[str]:
        tokens = self.unary(depth)
        for _ in range(length - 1):
            operator = self.one(_OPERATORS)
            operand = self.unary(depth - 1)
            # In a predicate, `/` in front of a `{` is its end.
            tokens += [operator, *(_enclosed(operand) if operator == "/" and operand[0] == "{" else operand)]
        return tokens

    def unary(self, depth: int) -> list[str]:
        match self.number(10) if depth > 0 else 0:
            case 7:
                return [self.one(("-", "!", "~", "*")), *self.prefixed(depth - 1)]
            case 8:
                return ["(", *self.type(depth - 1), ")", *self.prefixed(depth - 1)]
            case 9:
                target = self.one(_VARIABLES) if self.number(2) else self.one(_MAPS)
                match self.number(4):
                    case 0:
                        return ["&", target]
                    case 1:
                        return ["comptime", *self.prefixed(depth - 1)]
                    case 2:
                        return [self.one(("++", "--")), target]
                    case _:
                        return [target, self.one(("++", "--"))]
            case _:
                return self.postfix(depth)

    def prefixed(self, depth: int) -> list[str]:
        """What may follow a cast or a prefix, also in a condition, where a block or an `if` would not end."""
        operand = self.unary(depth)
        return _enclosed(operand) if operand[0] in ("{", "if", "++") else operand

    def postfix(self, depth: int) -> list[str]:
        tokens = self.primary(depth)
        while depth > 0 and self.number(4) == 0:
            if self.number(2):
                tokens += [self.one((".", "->")), self.one(_FIELDS)]
            else:
                tokens += ["[", *self.expression(depth - 1), "]"]
        return tokens

    def primary(self, depth: int) -> list[str]:
        kind = self.number(16) if depth > 0 else self.number(7)
        below = depth - 1
        match kind:
            case 0:
                return [self.one(_NUMBERS)]
            case 1:
                return [self.one(_NAMES)]
            case 2 | 3:
                return [self.one(_VARIABLES)]
            case 4:
                return [self.one(_STRINGS)]
            case 5:
                return [self.one(("true", "false", "$1", "$23", "$#"))]
            case 6:
                return [self.one(_MAPS)]
            case 7:
                return [self.one(_MAPS), "[", *self.listed(self.expression, below, 1), "]"]
            case 8 | 9:
                return [self.one(_NAMES), "(", *self.listed(self.argument, below, 0, 6), ")"]
            case 10:
                elements = self.listed(self.expression, below, 0, 3)
                return ["(", *elements, *([","] if elements else []), ")"]
            case 11:
                fields = [(name, self.expression(below)) for name in ("f", "g", "long_name")[: 1 + self.number(3)]]
                tokens = [token for name, value in fields for token in (",", name, "=", *value)]
                return ["(", *tokens[1:], ")"]
            case 12:
                word = self.one(("sizeof", "typeinfo", "offsetof"))
                path = [",", "a", ".", "if"] if word == "offsetof" else []
                return [word, "(", *self.operand(below), *path, ")"]
            case 13:
                return self.condition_value(below)
            case 14:
                return self.block(below)
            case _:
                inner = self.expression(below)
                # `(x) & 1` would be a cast.
                return _enclosed(["-", *inner] if inner[0] in (*_NAMES, "true", "false") else inner)

    def argument(self, depth: int) -> list[str]:
        if depth > 0 and self.number(8) == 0:
            return ["typeof", "(", *self.operand(depth - 1), ")"]
        return self.expression(depth)

    def operand(self, depth: int) -> list[str]:
        match self.number(4):
            case 0:
                return self.type(depth)
            case 1:
                return self.one(("x", "(x)", "(x[1])", "(x)[1]", "((uint8))", "args[1]")).replace("(", " ( ").split()
            case _:
                return self.expression(depth)

    def type(self, depth: int) -> list[str]:
        tokens = self.one(_TYPES).split()
        if depth > 0 and self.number(6) == 0:
            tokens = ["typeof", "(", *self.operand(depth - 1), ")"]
        for _ in range(self.number(3)):
            tokens += (["*"], ["[", "]"], ["[", "0x10", "]"])[self.number(3)]
        return tokens

    def condition(self, depth: int) -> list[str]:
        match self.number(4):
            case 0:
                return [self.one(_VARIABLES)]
            case 1:
                return ["comptime", *self.prefixed(depth)]
            case 2:
                return ["!", *self.prefixed(depth)]
            case _:
                return _enclosed(self.row(depth, 2))

    def condition_value(self, depth: int) -> list[str]:
        tokens = ["if", *self.condition(depth), *self.block(depth)]
        while self.number(3) == 0:
            tokens += ["else", "if", *self.condition(depth), *self.block(depth)]
        return [*tokens, "else", *self.block(depth)] if self.number(3) else tokens

    # Statements

    def block(self, depth: int) -> list[str]:
        tokens = []
        for _ in range(self.number(3)):
            tokens += self.statement(depth)
        match self.number(4):
            case 0:
                tokens += self.expression_statement(depth)[:-1]
            case 1:
                tokens.append(self.one(("return", "break", "continue")))
        return ["{", *tokens, "}"]

    def expression_statement(self, depth: int) -> list[str]:
        tokens = self.expression(depth)
        return [*(_enclosed(tokens) if tokens[0] in ("{", "if") else tokens), ";"]

    def statement(self, depth: int) -> list[str]:
        below = depth - 1
        match self.number(13) if depth > 0 else self.number(6):
            case 0 | 1:
                return self.expression_statement(depth)
            case 2:
                return [self.one(_VARIABLES), self.one(_ASSIGNMENTS), *self.expression(depth), ";"]
            case 3:
                keys = ["[", *self.listed(self.expression, below, 1, 3), "]"] if self.number(2) else []
                return [self.one(_MAPS), *keys, self.one(_ASSIGNMENTS), *self.expression(depth), ";"]
            case 4:
                return ["_", "=", *self.expression(depth), ";"]
            case 5:
                words = ("break ;", "continue ;", "return ;", 'import "x.bt" ;', "( break ) ;", "( for ( 1 ) ) ;")
                return self.one(words).split()
            case 6 | 7:
                type_ = [":", *self.type(depth)] if self.number(2) else []
                value = ["=", *self.expression(depth)] if self.number(2) else []
                return ["let", self.one(_VARIABLES), *type_, *value, ";"]
            case 8:
                return ["return", *self.expression(depth), ";"]
            case 9:
                return [*self.condition_value(below), *([";"] if self.number(3) == 0 else [])]
            case 10:
                return [*self.block(below), *([";"] if self.number(3) == 0 else [])]
            case 11:
                return [self.one(("while", "unroll")), *self.condition(below), *self.block(below)]
            case _:
                iterable = [self.one(_MAPS)] if self.number(2) else [*self.bound(below), "..", *self.bound(below)]
                inside = [self.one(_VARIABLES), ":", *iterable]
                return ["for", *(_enclosed(inside) if self.number(2) else inside), *self.block(below)]

    def bound(self, depth: int) -> list[str]:
        return [self.one((*_NUMBERS, *_VARIABLES))] if self.number(2) else _enclosed(["-", *self.unary(depth)])

    # Items

    def items(self, depth: int) -> list[str]:
        tokens = ["#!/usr/bin/env pybpftrace\n"] if self.number(6) == 0 else []
        for _ in range(self.number(3)):
            tokens.append(self.one(_C_ITEMS))
        if self.number(4) == 0:
            entries = [token for _ in range(self.number(3)) for token in (*_spaced(self.one(_CONFIGS)), ";")]
            tokens += ["config", "=", "{", *entries, "}"]
        if self.number(6) == 0:
            tokens += ["import", '"lib.bt"', ";"]
        for _ in range(1 + self.number(3)):
            tokens += self.item(depth)
        return tokens

    def item(self, depth: int) -> list[str]:
        match self.number(8):
            case 0:
                end = [";"] if self.number(2) else []
                return ["let", self.one(_MAPS), "=", "hash", "(", self.one(_NUMBERS), ")", *end]
            case 1:
                parameters = ["$a", ",", "@b", ",", "c"][: max(0, 2 * self.number(4) - 1)]
                return ["macro", self.one(_NAMES), "(", *parameters, ")", *self.block(depth)]
            case 2:
                parameters = ["$a", ":", *self.type(depth)] if self.number(2) else []
                return ["fn", self.one(_NAMES), "(", *parameters, ")", ":", *self.type(0), *self.block(depth)]
            case _:
                points = self.listed(lambda _: [self.one(_POINTS)], depth, 1, 3)
                comma = [","] if self.number(4) == 0 else []
                predicate = ["/", *self.expression(depth - 1), "/"] if self.number(3) == 0 else []
                return [*points, *comma, *predicate, *self.block(depth)]


def _enclosed(tokens: list[str]) -> list[str]:
    return ["(", *tokens, ")"]


def _spaced(entry: str) -> list[str]:
    key, _, value = entry.partition(" = ")
    return [key, "=", value]


class _Spacing:
    """What stands between tokens."""

    def __init__(self, random: Random, comments: bool) -> None:
        self._random = random
        self._comments = comments
        self._count = 0

    def _comment(self) -> str:
        self._count += 1
        word = f"c{self._count}"
        lines = f"/*\n * {word} of\n *   lines\n */\n"
        return self._random.choice((f"/* {word} */", f"/*{word}*/", f"// {word}\n", f"//{word} */\n", lines))

    def between(self, before: str, behind: str) -> str:
        if before.endswith("\n"):
            return self._random.choice(("", "", "\n", " \n\n"))
        near = before in _BRACKETS or (behind in _BRACKETS and before not in _POINTS) or behind in ("{", ",")
        blank = self._random.choice(("", " ", " ", "\n", "\n\n\n", "\t") if near else (" ", " ", " ", "\n", "\r\n"))
        if behind.startswith("#"):
            return blank + "\n"
        if self._comments and self._random.random() < 0.07:
            return (blank or " ") + self._comment() + self._random.choice((" ", "\n", "\n\n"))
        return blank


@st.composite
def programs(draw: st.DrawFn, *, comments: bool = True, depth: int = 3) -> str:
    """The text of a program whose statements and expressions are nested at most so deep."""
    tokens = _Program(draw).items(depth)
    spacing = _Spacing(Random(draw(st.integers(0, 2**32))), comments)
    text = tokens[0]
    for before, behind in pairwise(tokens):
        text += spacing.between(before, behind) + behind
    return text + draw(st.sampled_from(["", "\n", " // c0\n", "\n\n/* c0"] if comments else ["", "\n"]))
