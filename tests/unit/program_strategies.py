"""Random programs over the whole language, as text: what the grammar allows, with comments and blanks anywhere.

The programs parse; nothing says that they mean anything. Every comment has a word of its own (`note17`).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st

_NAMES = ("a", "foo", "comm", "pid", "arg0", "retval", "nsecs", "int8", "string", "type", "e")
_FIELDS = ("x", "if", "type", "return", "0", "1", "12")
_TYPES = ("int8", "uint64", "foo", "string", "void", "struct s", "union u", "enum e", "buffer", "type")
_NUMBERS = ("0", "1", "42", "1_000", "0xff", "0XdeadBEEF", "0755", "1e6", "5s", "10ul", "3e2ms", "18446744073709551615")
_STRINGS = (
    '""',
    '"a"',
    r'"%s\n"',
    r'"\t\"\\"',
    r'"\x00\101\xff"',
    '"// no"',
    '"/* no */"',
    '"\xc3\xa9 \xff"',
    '"a text that is so long that a line which has it with others cannot hold all"',
)
_BINARY = ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">=", "&&", "||")
_ASSIGN = ("=", "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=")
_POINTS = (
    "BEGIN",
    "end",
    "kprobe:vfs_read",
    "kprobe:vfs_*",
    'uprobe:/bin/bash:"a b{, c"',
    "uprobe:/usr//lib/x*:f",
    "tracepoint:syscalls:sys_enter_openat",
    "mine=kprobe:f",
    "config:x",
    "usdt:./a:b:c",
    "interval:s:$1",
)
_C = (
    "#include <linux/fs.h>\n",
    "#define X (1 + 2) // no comment\n",
    "#define Y \\\n  2\n",
    "#ifdef A\n",
    "#endif\n",
    "struct s { int a; /* } */ char b[4]; };",
    "struct s {\n  int a;  \n\n  struct { int c; } b; // text\n} __attribute__((packed));",
    "enum e { A, B }",
    "union u {}",
    "typedef struct { int a; /* ; */ } t;",
    "typedef unsigned int number;",
)
_CONFIG = (
    'a = "perf"',
    'b = "Dual BSD/GPL"',
    "c = true",
    "d = 0x10",
    "e = raw",
    'f = "true"',
    'g = ".."',
    'h = ""',
    "i = 5ms",
)
_COMMENTS = (
    "/* {} */",
    "/*{}*/",
    "/** {} **/",
    "// {}\n",
    "//{}\n",
    "//// {}\n",
    "// {} */ x  \r\n",
    "//\t{} \xc3\xa0\n",
    "/*\n * {}\n *\n *   more\n */",
    "/* {}\n   more\n     even more */",
    "/*\n\n{}\n/path */",
)
_BLANKS = (" ", " ", " ", "\n", "\n\n", "\n\n\n", "\t", " \r\n")
#: Tokens that need no blank before or behind them.
_TIGHT = frozenset("()[],;")

Tokens = list[str]


class _Writer:
    """Writes a program as tokens. `budget` is how many nodes there may be: when it is used up, all is short."""

    def __init__(self, random: Random, budget: int, comments: bool) -> None:
        self._random = random
        self._budget = budget
        self._comments = comments
        self._notes = 0
        self._copies = 0  # of `a` in `a ?: b`: the tree has it twice

    def number(self, below: int) -> int:
        return self._random.randrange(below)

    def one_of(self, options: tuple[str, ...]) -> str:
        return options[self.number(len(options))]

    def maybe(self, tokens: Tokens) -> Tokens:
        return tokens if self.number(2) else []

    def spend(self) -> bool:
        self._budget -= 1
        return self._budget > 0

    def listed(self, item: Callable[[], Tokens], least: int = 0, most: int = 3) -> Tokens:
        tokens: Tokens = []
        for at in range(least + self.number(most - least + 1)):
            tokens += [",", *item()] if at else item()
        return tokens

    # Gaps

    def gap(self) -> str:
        """What is between two tokens."""
        gap = self.one_of(_BLANKS)
        if self._comments:
            while not self.number(12):
                self._notes += 1
                gap += self.one_of(_COMMENTS).format(f"note{self._notes}") + self.one_of(_BLANKS)
        return gap

    def joined(self, tokens: Tokens) -> str:
        text = ""
        for at, token in enumerate(tokens):
            if at and not ((token in _TIGHT or tokens[at - 1] in _TIGHT) and self.number(3)):
                text += self.gap()
            text += token
        return text

    # Expressions

    def expression(self) -> Tokens:
        if not self.spend():
            return self.leaf()
        match self.number(8):
            case 0:
                return [*self.binary(), "?", *self.expression(), ":", *self.expression()]
            case 1 if self._copies < 4:
                self._copies += 1
                return [*self.binary(), "?", ":", *self.expression()]
            case 1 | 2 | 3 | 4:
                return self.binary()
            case _:
                return self.unary()

    def binary(self) -> Tokens:
        tokens = self.unary()
        for _ in range(1 + self.number(3)):
            operator = self.one_of(_BINARY)
            right = self.unary()
            # In a predicate a `/` before a `{` is its end.
            tokens += [operator, *(["(", *right, ")"] if right[0] == "{" else right)]
        return tokens

    def unary(self) -> Tokens:
        if not self.spend():
            return self.leaf()
        match self.number(14):
            case 0 | 1:
                return [self.one_of(("-", "~", "!", "*")), *self.unary()]
            case 2:
                return ["&", self.one_of(("$x", "@m", "@"))]
            case 3:
                return [self.one_of(("++", "--")), *self.target()]
            case 4 | 5:
                operand = self.unary()
                return ["(", *self.type(), ")", *(["(", *operand, ")"] if operand[0] in ("++", "--", "{") else operand)]
            case 6:
                return ["comptime", *self.unary()]
            case _:
                return self.postfix()

    def postfix(self) -> Tokens:
        if not self.number(8):
            return [*self.target(), self.one_of(("++", "--"))]
        tokens = self.primary()
        for _ in range(max(0, self.number(5) - 2)):
            if self.number(2):
                tokens += [self.one_of((".", "->")), self.one_of(_FIELDS)]
            else:
                tokens += ["[", *self.expression(), "]"]
        return tokens

    def target(self) -> Tokens:
        match self.number(3):
            case 0:
                return [self.one_of(("$x", "$if", "$a_long_variable"))]
            case 1:
                return [self.one_of(("@m", "@"))]
            case _:
                return [self.one_of(("@m", "@")), "[", *self.listed(self.expression, least=1), "]"]

    def leaf(self) -> Tokens:
        return [self.one_of((*_NUMBERS, *_STRINGS, *_NAMES, "true", "false", "$1", "$#", "$x", "$y", "@m", "@"))]

    def primary(self) -> Tokens:
        if not self.spend():
            return self.leaf()
        match self.number(16):
            case 0 | 1:
                return ["(", *self.expression(), ")"]
            case 2:
                return ["(", *self.expression(), ",", ")"]
            case 3:
                return ["(", *self.listed(self.expression, least=2), *self.maybe([","]), ")"]
            case 4:
                fields = [f"{name} = " for name in ("a", "b", "type")[: 1 + self.number(3)]]
                tokens: Tokens = []
                for name in fields:
                    tokens += [*([","] if tokens else []), name, *self.expression()]
                return ["(", *tokens, ")"]
            case 5 | 6:
                return [self.one_of(("f", "print", "str")), "(", *self.listed(self.argument, most=5), ")"]
            case 7:
                return ["sizeof", "(", *self.operand(), ")"]
            case 8:
                return ["offsetof", "(", *self.operand(), ",", "a", *self.maybe([".", "type"]), ")"]
            case 9:
                return ["typeinfo", "(", *self.operand(), ")"]
            case 10:
                return self.block(has_value=True)
            case 11:
                return self.if_(is_value=True)
            case 12 | 13:
                return self.target()
            case _:
                return self.leaf()

    def argument(self) -> Tokens:
        return self.expression() if self.number(6) else ["typeof", "(", *self.operand(), ")"]

    def operand(self) -> Tokens:
        return self.expression() if self.number(2) else self.type()

    def type(self) -> Tokens:
        if not self.number(6) and self.spend():
            tokens = ["typeof", "(", *self.operand(), ")"]
        else:
            tokens = self.one_of(_TYPES).split()
        for _ in range(max(0, self.number(5) - 2)):
            tokens += self.one_of(("*", "[ ]", "[ 4 ]", "[ 0x10 ]")).split()
        return tokens

    # Statements

    def condition(self) -> Tokens:
        match self.number(3):
            case 0:
                return self.leaf()
            case 1:
                return [self.one_of(("!", "-", "comptime")), *self.leaf()]
            case _:
                return ["(", *self.binary(), ")"]

    def block(self, *, has_value: bool = False) -> Tokens:
        tokens = ["{"]
        for _ in range(self.number(4) if self._budget > 0 else 0):
            tokens += self.statement()
        if has_value or not self.number(3):
            tokens += self.value()
        elif tokens[-1] == ";" and tokens[-3:-2] != ["import"] and not self.number(3):
            del tokens[-1]
        return [*tokens, "}"]

    def value(self) -> Tokens:
        """What a block ends with."""
        match self.number(6):
            case 0:
                return self.block(has_value=True)
            case 1:
                return self.if_(is_value=True)
            case _:
                return _as_statement(self.expression())

    def if_(self, *, is_value: bool = False) -> Tokens:
        tokens = ["if", *self.condition(), *self.block(has_value=is_value)]
        while self.spend() and not self.number(3):
            tokens += ["else", "if", *self.condition(), *self.block(has_value=is_value)]
        return tokens + self.maybe(["else", *self.block(has_value=is_value)])

    def statement(self) -> Tokens:
        self.spend()
        match self.number(16):
            case 0 | 1 | 2:
                return [*self.target(), self.one_of(_ASSIGN), *self.expression(), ";"]
            case 3:
                type_ = self.maybe([":", *self.type()])
                return ["let", "$x", *type_, *self.maybe(["=", *self.expression()]), ";"]
            case 4:
                return ["_", "=", *self.expression(), ";"]
            case 5 | 6:
                return self.if_() + (self.maybe([";"]) if not self.number(3) else [])
            case 7:
                iterable = ["@m"] if self.number(2) else [*self.bound(), "..", *self.bound()]
                loop = ["$kv", ":", *iterable]
                return ["for", *(["(", *loop, ")"] if self.number(2) else loop), *self.block()]
            case 8:
                return [self.one_of(("while", "unroll")), *self.condition(), *self.block()]
            case 9:
                return [self.one_of(("break", "continue", "return")), ";"]
            case 10:
                return ["return", *self.expression(), ";"]
            case 11:
                return ["import", '"a.h"', ";"]
            case 12:
                return self.block()
            case _:
                return [*_as_statement(self.expression()), ";"]

    def bound(self) -> Tokens:
        return ["(", *self.expression(), ")"] if self.number(2) else [self.one_of(("1", "0x10", "$x", "pid", "$1"))]

    # Items

    def program(self) -> str:
        parts = [self.one_of(("", "", "#!/usr/bin/env pybpftrace -v \n"))]
        parts += [self.one_of(_C) for _ in range(max(0, self.number(6) - 3))]
        if not self.number(4):
            entries = self.joined(["config", "=", "{", *(self.one_of(_CONFIG) + ";" for _ in range(self.number(4)))])
            parts.append(entries.removesuffix(";" * self.number(2)) + self.gap() + "}")
        if not self.number(8):
            parts.append(self.joined(["import", self.one_of(_STRINGS), ";"]))
        parts += [self.item() for _ in range(1 + self.number(4))]
        text = ""
        for part in parts:
            text += self.gap() + part if not part.startswith("#!") else part
        return text + self.one_of(("", "\n", self.gap(), "/* note0"))

    def item(self) -> str:
        match self.number(8):
            case 0:
                number = self.one_of(_NUMBERS)
                return self.joined(["let", "@m", "=", "hash", "(", number, ")", *self.maybe([";"])])
            case 1:
                parameters = self.listed(lambda: [self.one_of(("$x", "@m", "e", "foo"))])
                body = self.block(has_value=self.number(2) == 0)
                return self.joined(["macro", "name", "(", *parameters, ")", *body])
            case 2:
                parameters = self.listed(lambda: ["$x", ":", *self.type()])
                return self.joined(["fn", "name", "(", *parameters, ")", ":", *self.type(), *self.block()])
            case _:
                return self.probe()

    def probe(self) -> str:
        text = ""
        for at in range(1 + self.number(3)):
            text += f",{self.gap()}" if at else ""
            text += self.one_of(_POINTS) + self.gap()
        if not self.number(3):
            text += self.one_of((",", "")) + self.gap()
        if not self.number(3):
            text += f"/{self.gap()}{self.joined(self.expression())}{self.gap()}/{self.gap()}"
        return text + self.joined(self.block())


def _as_statement(tokens: Tokens) -> Tokens:
    """An expression where a statement could be: a block or an `if` would end at its bracket."""
    return ["(", *tokens, ")"] if tokens[0] in ("{", "if") else tokens


def random_program(random: Random, size: int, *, comments: bool = True) -> str:
    """The text of a program, one character for each byte, with about `size` expressions and statements at most."""
    return _Writer(random, size, comments).program()


def programs(*, comments: bool = True, size: int = 60) -> st.SearchStrategy[str]:
    """Such programs. They are made of a seed, because to draw each token takes a hundred times as long."""
    return st.builds(
        lambda seed, size: random_program(Random(seed), size, comments=comments),
        st.integers(0, 2**64),
        st.integers(1, size),
    )
