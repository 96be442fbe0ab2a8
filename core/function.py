"""The contract for functions: one object per function, in one file of its family.

A function types its call, emits code through the Emitter, and says what the output stage does with what arrives there.
`Function` is the plain kind (a value inside the program), `Aggregation` the kind that lives in a map's value
(`count`, `hist`, ...), `Action` the kind that the output stage carries out (`printf`, `exit`, ...). The output side of
an object must not need the compiler: a run from the cache loads only the files whose functions it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .types import VOID, Int, OwnedType, Type

if TYPE_CHECKING:
    from .artifacts import EventSpec
    from .config import Config
    from .emitter import Emitter, Value
    from .output import Output, Rendering
    from .probe import ConcretePoint, ProbeType
    from .target import Target


class CallSite(Protocol):
    """A call as the type checker sees it."""

    name: str
    types: Sequence[Type]
    config: Config
    target: Target
    probe_type: ProbeType
    point: ConcretePoint

    def literal(self, index: int) -> int | bytes | bool | None:
        """The value of a literal argument, else None."""

    def map_name(self, index: int) -> str | None:
        """The name of an argument that is a map written without keys, else None."""

    def word(self, index: int) -> str | None:
        """The text of an argument that is a bare identifier, else None."""

    def error(self, message: str, index: int | None = None, *, hints: Sequence[str] = ()) -> None:
        """Records an error at the call, or at one argument."""

    def warning(self, message: str, index: int | None = None) -> None: ...


class EmitSite(Protocol):
    """A call as the code generator sees it: the typed call, plus its arguments as values."""

    name: str
    types: Sequence[Type]
    type: Type
    config: Config
    target: Target

    def literal(self, index: int) -> int | bytes | bool | None: ...

    def map_name(self, index: int) -> str | None: ...

    def word(self, index: int) -> str | None: ...

    def value(self, index: int) -> Value:
        """Emits the argument's code here and gives its value; once per argument."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How many arguments a function takes and which must be of one kind.

    `kinds` maps an argument's position to base names (`int`, `string`, ...), `literals` to the base name that a literal
    there must have; `words` are positions that take bare words (a stack mode), `maps` those that take a whole map.
    """

    minimum: int = 0
    maximum: int = 0
    kinds: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    literals: Mapping[int, str] = field(default_factory=dict)
    words: frozenset[int] = frozenset()
    maps: frozenset[int] = frozenset()


class Function:
    """A function or builtin. Objects are stateless; one serves all calls.

    `names` are all names that it answers to; with `bare` it is also usable without parentheses, with `call` false only so.
    """

    names: ClassVar[tuple[str, ...]]
    bare: ClassVar[bool] = False
    callable: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature()

    def type_of(self, call: CallSite) -> Type:
        """The type of the call's result. Argument counts and kinds of `signature` hold when this is called."""
        raise NotImplementedError

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        raise NotImplementedError

    def text(self, type_: OwnedType, value: Any, rendering: Rendering) -> bytes:
        """The text of a value of a type that this function owns; `value` is what `decode` gave."""
        raise NotImplementedError

    def json(self, type_: OwnedType, value: Any, rendering: Rendering) -> str:
        raise NotImplementedError

    def decode(self, type_: OwnedType, data: bytes) -> Any:
        """The value held in `data`, `type_.size` bytes as the program stored them."""
        return data


class Aggregation(Function):
    """A function that must be assigned to a map and updates the map's value in place, one part per CPU."""

    #: 'map', or the name of the JSON message kind that maps of this function use ('hist', 'stats').
    json_kind: ClassVar[str] = "map"

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        """Updates this CPU's part at the address `slot`; a new part is all zeros."""
        raise NotImplementedError

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        """Combines the parts of all CPUs (`type_.size` bytes each) into one value."""
        raise NotImplementedError

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        """Maps print in ascending order of this."""
        raise NotImplementedError

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        """The value for `print(@m, top, divisor)`."""
        raise NotImplementedError

    def map_text(self, type_: OwnedType, label: bytes, value: Any, rendering: Rendering) -> bytes:
        """One map entry with its final newline; `label` is `@name` or `@name[KEY]`."""
        return label + b": " + self.text(type_, value, rendering) + b"\n"


class Action(Function):
    """A function that the output stage carries out when its event arrives. Its call has no value."""

    def type_of(self, call: CallSite) -> Type:
        self.check(call)
        return VOID

    def check(self, call: CallSite) -> None:
        """Further checks of the call, beyond the signature."""

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        """Called once per call site before the first event; the result is called with the decoded fields of each event."""
        raise NotImplementedError


def integer_of(type_: Type) -> Int | None:
    """The integer type that a type reads as: itself, or a castable aggregation's."""
    if isinstance(type_, Int):
        return type_
    return type_.integer if isinstance(type_, OwnedType) else None
