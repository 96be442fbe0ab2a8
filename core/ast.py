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
    """`base.name` or `base->name`, which mean the same; of a tuple `name` is the element's number."""

    base: Expression
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Index(Node):
    """`base[index]`."""

    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Node):
    """`operator` is one of `- ~ ! * &`; `&` stands before a variable or a map without keys."""

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


@dataclass(frozen=True, slots=True, eq=False)
class PositionalParameter(Node):
    """`$1`, `$2`, ...: an argument of the script."""

    number: int


@dataclass(frozen=True, slots=True, eq=False)
class PositionalCount(Node):
    """`$#`."""


@dataclass(frozen=True, slots=True, eq=False)
class Tuple(Node):
    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RecordField(Node):
    name: str
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Record(Node):
    """`(name=value, ...)`."""

    fields: tuple[RecordField, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NamedType(Node):
    """A type's name, behind its `tag` ('struct', 'union' or 'enum') where one is written; else `tag` is empty."""

    tag: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class PointerType(Node):
    pointee: TypeName


@dataclass(frozen=True, slots=True, eq=False)
class ArrayType(Node):
    """`element[count]`, or `element[]` with a count of None; behind `string`, `buffer` and `inet` a size in bytes."""

    element: TypeName
    count: int | None


@dataclass(frozen=True, slots=True, eq=False)
class TypeOf(Node):
    """`typeof(...)` of a type or of an expression that is never evaluated; also the argument of a macro."""

    operand: Expression | TypeName


TypeName: TypeAlias = NamedType | PointerType | ArrayType | TypeOf


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Node):
    """`(type)operand`. The span is that of the parentheses alone, where the messages about a cast point."""

    type: TypeName
    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class SizeOf(Node):
    """`sizeof(...)`; a bare identifier in it is an Identifier, whether it turns out to be a type or not."""

    operand: Expression | TypeName


@dataclass(frozen=True, slots=True, eq=False)
class OffsetOf(Node):
    """`offsetof(operand, a.b.c)`."""

    operand: Expression | TypeName
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TypeInfo(Node):
    """`typeinfo(...)`."""

    operand: Expression | TypeName


@dataclass(frozen=True, slots=True, eq=False)
class Comptime(Node):
    """`comptime operand`: has to be a literal once the types are known."""

    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionStatement(Node):
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Let(Node):
    """`let variable : type = value`, of which type and value may be missing."""

    variable: Variable
    type: TypeName | None
    value: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Assignment(Node):
    """`target = value`, or `target OP= value` when `operator` is set (`+`, `<<`, ...)."""

    target: Variable | Map
    operator: str | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Discard(Node):
    """`_ = value`."""

    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class If(Node):
    """A statement, or an expression with the value of the block that runs. `else if` is an If inside a Block."""

    condition: Expression
    then: Block
    otherwise: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class Range(Node):
    """`start..end`, half-open."""

    start: Expression
    end: Expression


@dataclass(frozen=True, slots=True, eq=False)
class For(Node):
    """`for (variable : iterable) body`; a Map without keys is walked entry by entry."""

    variable: Variable
    iterable: Map | Range
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class While(Node):
    condition: Expression
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Unroll(Node):
    """`unroll(count) body`: the body that many times over."""

    count: Expression
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Break(Node):
    """Ends the innermost loop."""


@dataclass(frozen=True, slots=True, eq=False)
class Continue(Node):
    """Goes on with the next round of the innermost loop."""


@dataclass(frozen=True, slots=True, eq=False)
class Return(Node):
    """Ends the probe; without a value the probe type's default goes to the kernel."""

    value: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Import(Node):
    """`import "path";` at the top of a script, or as a statement."""

    path: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Block(Node):
    """A statement, or an expression: `value` is the last expression where it stands without a `;`. The body of a
    probe or of a loop has no value."""

    statements: tuple[Statement, ...]
    value: Expression | None = None


Expression: TypeAlias = (
    IntegerLiteral
    | StringLiteral
    | BooleanLiteral
    | PositionalParameter
    | PositionalCount
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
    | Tuple
    | Record
    | Cast
    | SizeOf
    | OffsetOf
    | TypeInfo
    | TypeOf
    | Comptime
    | If
    | Block
)

Statement: TypeAlias = (
    ExpressionStatement
    | Let
    | Assignment
    | Discard
    | If
    | For
    | While
    | Unroll
    | Break
    | Continue
    | Return
    | Import
    | Block
)


@dataclass(frozen=True, slots=True, eq=False)
class AttachPoint(Node):
    """One attach point as written. `parts` is `text` cut at its unquoted colons, quotes removed; empty until the
    `attach-points` pass has run. `name` is the user's own name for the probe (`name=provider:...`), or empty."""

    text: str
    parts: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Probe(Node):
    attach_points: tuple[AttachPoint, ...]
    predicate: Expression | None
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class CDefinition(Node):
    """A `#` line or a definition of a struct, union or enum, verbatim; a `;` that was missing at its end is added."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class ConfigEntry(Node):
    """One `key = value` of a config block."""

    key: str
    value: IntegerLiteral | StringLiteral | BooleanLiteral | Identifier


@dataclass(frozen=True, slots=True, eq=False)
class Config(Node):
    """A config block."""

    entries: tuple[ConfigEntry, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MapDeclaration(Node):
    """`let @name = kind(entries);`; `name` includes the `@`."""

    name: str
    kind: str
    entries: int


@dataclass(frozen=True, slots=True, eq=False)
class Macro(Node):
    """`macro name(parameters) body`. The span is that of `macro name`.

    A Variable or a Map as parameter is passed by reference; an Identifier stands for any expression, or for a type.
    """

    name: str
    parameters: tuple[Variable | Map | Identifier, ...]
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Node):
    """`$variable : type` of a function."""

    variable: Variable
    type: TypeName


@dataclass(frozen=True, slots=True, eq=False)
class Function(Node):
    """`fn name(parameters) : result body`."""

    name: str
    parameters: tuple[Parameter, ...]
    result: TypeName
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class CFile(Node):
    """An imported C file whose functions the script can call; it stands where the import does."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class Program(Node):
    """The parse artifact: a whole script. Positions in it are offsets into `source`.

    `source` has the text of `c_files` too, behind that of the scripts, so that a place in their code can be shown.
    """

    source: Source
    preamble: tuple[CDefinition, ...]
    configs: tuple[Config, ...]
    imports: tuple[Import, ...]
    maps: tuple[MapDeclaration, ...]
    macros: tuple[Macro, ...]
    functions: tuple[Function, ...]
    probes: tuple[Probe, ...]
    c_files: tuple[CFile, ...] = ()


#: Types of members that are no nodes, as they are annotated above.
_PLAIN = frozenset(
    ("Span", "Source", "int", "str", "bytes", "bool", "int | None", "str | None", "tuple[str, ...]")
)
#: The names of the members that hold nodes, by class.
_NODE_MEMBERS: dict[type[Node], tuple[str, ...]] = {}


def node_members(kind: type[Node]) -> tuple[str, ...]:
    """The names of a class's members that hold a node, None or a tuple of nodes."""
    known = _NODE_MEMBERS.get(kind)
    if known is None:
        known = tuple(member.name for member in fields(kind) if member.type not in _PLAIN)
        _NODE_MEMBERS[kind] = known
    return known


def children(node: Node) -> list[Node]:
    """The nodes directly below `node`, in source order."""
    found: list[Node] = []
    for name in node_members(node.__class__):
        value = getattr(node, name)
        if value.__class__ is tuple:
            found.extend(value)
        elif value is not None:
            found.append(value)
    return found


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it, parents first."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def mentions(program: Program, *words: str) -> bool:
    """False when the text of the script and its imports has none of the words: there is nothing for a pass to look
    for then, and looking at every node of a tree takes longer than most passes' work."""
    return any(word in program.source.text for word in words)


def shown(name: str) -> str:
    """A variable's name as the script wrote it; in a macro's expansion variables get a suffix behind a `#`."""
    return name.partition("#")[0] or name
