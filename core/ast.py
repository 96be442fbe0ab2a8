"""The tree that the parser makes and every later stage reads.

Nodes are frozen and compare by identity, so that side tables (types, resolved calls) can use a node as their key. A
node holds what the script says and where, never what a stage found out about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import TypeAlias

from .frozen import dataclass
from .source import Source, Span


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class IntegerLiteral(Node):
    """`text` keeps the source spelling (`1e6`, `0xff`, `5s`)."""

    value: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class StringLiteral(Node):
    """`value` has the escapes resolved and no final NUL."""

    value: bytes


@dataclass(frozen=True, slots=True, eq=False)
class BooleanLiteral(Node):
    value: bool


@dataclass(frozen=True, slots=True, eq=False)
class Identifier(Node):
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Node):
    """A scratch variable; `name` includes the `$`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Map(Node):
    """A map, with its key expressions if any; `name` includes the `@` and is `@` for the anonymous map."""

    name: str
    keys: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FieldAccess(Node):
    """`base.name` or `base->name`, which mean the same."""

    base: Expression
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Index(Node):
    """`base[index]`."""

    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Node):
    """`operator` is one of `- ~ !`."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Ternary(Node):
    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Increment(Node):
    """`++` or `--` on a variable or map; the value is the old one when `postfix`."""

    operator: str
    target: Variable | Map
    postfix: bool


Expression: TypeAlias = (
    IntegerLiteral
    | StringLiteral
    | BooleanLiteral
    | Identifier
    | Variable
    | Map
    | Call
    | FieldAccess
    | Index
    | Unary
    | Binary
    | Ternary
    | Increment
)


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionStatement(Node):
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Assignment(Node):
    """`target = value`, or `target OP= value` when `operator` is set (`+`, `<<`, ...)."""

    target: Variable | Map
    operator: str | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class If(Node):
    condition: Expression
    then: Block
    otherwise: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class Return(Node):
    """Ends the probe; without a value the probe type's default goes to the kernel."""

    value: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Block(Node):
    statements: tuple[Statement, ...]


Statement: TypeAlias = ExpressionStatement | Assignment | If | Return | Block


@dataclass(frozen=True, slots=True, eq=False)
class AttachPoint(Node):
    """One attach point as written. `parts` is `text` cut at its unquoted colons, quotes removed; empty until the
    `attach-points` pass has run."""

    text: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Probe(Node):
    attach_points: tuple[AttachPoint, ...]
    predicate: Expression | None
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Program(Node):
    """The parse artifact: a whole script. Positions in it are offsets into `source`."""

    source: Source
    probes: tuple[Probe, ...]


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below `node`, in source order."""
    for member in fields(node):
        value = getattr(node, member.name)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Node))


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it, parents first."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(list(children(current))))
