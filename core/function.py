"""The contract for functions: one object per function, in one file of its family.

A function types its call, emits code through the Emitter, and says what the output stage does with what arrives there.
`Function` is the plain kind (a value inside the program), `Aggregation` the kind that lives in a map's value
(`count`, `hist`, ...), `Action` the kind that the output stage carries out (`printf`, `exit`, ...). The output side of
an object must not need the compiler: a run from the cache loads only the files whose functions it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from struct import Struct
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from .frozen import dataclass
from .types import VOID, Int, OwnedType, Type

if TYPE_CHECKING:
    from .artifacts import EventSpec
    from .c_types import CTypes
    from .config import Config
    from .emitter import Emitter, Value
    from .output import Output, Rendering
    from .probe import ConcretePoint, ProbeType
    from .source import SavedSpan
    from .target import Target

_ALL_ONES = (1 << 64) - 1

#: A value that is known as a script is compiled; a mapping is a record of such values, in its order.
Constant: TypeAlias = "int | bool | bytes | Mapping[str, int | bool | bytes]"


class CallSite(Protocol):
    """A call as the type checker sees it. The body is checked once for all of `points`; `point` is the first."""

    name: str
    types: Sequence[Type]
    config: Config
    target: Target
    probe_type: ProbeType
    point: ConcretePoint
    points: Sequence[ConcretePoint]
    c_types: CTypes
    allows_unsafe: bool
    in_loop: bool

    def literal(self, index: int, *, cast: bool = True) -> int | bytes | bool | None:
        """The value of a literal argument, else None; if `cast`, also of one cast to 64 bits (as `getopt` does)."""

    def map_name(self, index: int) -> str | None:
        """The name of an argument that is a map written without keys, else None."""

    def word(self, index: int) -> str | None:
        """The text of an argument that is a bare identifier, else None."""

    def is_literal(self, index: int) -> bool:
        """True for an argument that comes down to a literal, or to a tuple or record of literals."""

    def called(self, index: int) -> tuple[str, str | None] | None:
        """What an argument calls, if it is a call: the function's name, and the bare word that it begins with."""

    def is_keyed(self, index: int) -> bool:
        """True when an argument is a map that has keys, as far as is known."""

    def is_scalar(self, index: int) -> bool:
        """True when an argument is a map that has no keys, as far as is known."""

    def use_key(self, map_index: int, key_index: int) -> None:
        """Says that an argument is a key of the map that another argument names."""

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

    def literal(self, index: int, *, cast: bool = True) -> int | bytes | bool | None: ...

    def map_name(self, index: int) -> str | None: ...

    def word(self, index: int) -> str | None: ...

    def place(self) -> tuple[SavedSpan, ...]:
        """Where the call is, and the macro calls that it comes from (see `Source.saved`): for an event's settings."""

    def value(self, index: int) -> Value:
        """Emits the argument's code here and gives its value; once per argument."""

    def pointee(self, index: int) -> Value:
        """What the argument points to, copied into the program's own memory unless it is a number."""

    def storage(self, index: int) -> Value:
        """The address of an argument's bytes in the program's own memory: the same as `value`, but that of a string in
        a struct they are all of them, also those behind a NUL."""

    def object(self, index: int) -> Value:
        """Emits the argument's code again, as loads from the context on: the address of a kernel object that the
        verifier knows as such (see `Emitter.kernel_object`)."""

    def map_of(self, index: int) -> str:
        """The name of an argument that is a map, with or without keys."""

    def map_key(self, index: int, key_index: int | None = None) -> Value | None:
        """The address of the key of a map argument: its own key, or another argument's value as key; None: scalar
        map."""


@dataclass(frozen=True, slots=True)
class Signature:
    """How many arguments a function takes and which must be of one kind.

    `kinds` maps an argument's position to base names (`int`, `string`, ...), `literals` to the base name that a
    literal there must have; `words` are positions that take bare words (a stack mode), `formats` those of format
    strings, which may be longer than other literals. `maps` are positions where a map means the map itself; with
    `maps_only` nothing else may stand there. `undefined_map` is what is said of a map that nothing is known of.
    """

    minimum: int = 0
    maximum: int = 0
    kinds: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    literals: Mapping[int, str] = field(default_factory=dict)
    words: frozenset[int] = frozenset()
    formats: frozenset[int] = frozenset()
    maps: frozenset[int] = frozenset()
    maps_only: bool = False
    undefined_map: str = "Undefined map"


class Function:
    """A function or builtin. Objects are stateless; one serves all calls.

    `names` are all names that it answers to; with `bare` it is also usable without parentheses, with `callable` false
    only so.
    """

    names: ClassVar[tuple[str, ...]]
    bare: ClassVar[bool] = False
    callable: ClassVar[bool] = True
    #: False where a statement that throws the result away is ordinary and not worth a warning.
    warns_when_discarded: ClassVar[bool] = True
    #: True when a call changes something, so that it cannot be left out with the event that its value was for.
    has_effect: ClassVar[bool] = False
    #: True when it reads the probe's context, which the body of a `for` does not see.
    uses_context: ClassVar[bool] = False
    #: True when it has no meaning outside of a probe: a script's own function cannot use it.
    needs_probe: ClassVar[bool] = False
    #: True when it differs by the point that the probe is at: a program is then made for each point of a wildcard.
    names_points: ClassVar[bool] = False
    #: The types that this function owns and that a script can name.
    named_types: ClassVar[Mapping[str, OwnedType]] = {}
    #: True when an integer can be cast to the function's type.
    cast_from_integer: ClassVar[bool] = False
    #: True when the text of its values is the script's own words (a format), and nothing that was traced.
    text_is_of_script: ClassVar[bool] = False
    signature: ClassVar[Signature] = Signature()

    def type_of(self, call: CallSite) -> Type:
        """The type of the call's result. Argument counts and kinds of `signature` hold when this is called."""
        raise NotImplementedError

    def constant(self, call: CallSite) -> Constant | None:
        """The call's value where it is known as the script is compiled, else None. Asked after `type_of`.

        It counts as a literal then, which also gives it its type, so that `if comptime` can ask for it; `emit` is not
        called.
        """
        return None

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

    #: 'map', or the name of the JSON message kind that maps of this function use: 'hist', 'tseries', 'stats'.
    json_kind: ClassVar[str] = "map"
    #: True when a part is one 64-bit number, and the numbers of all CPUs add up to the value.
    is_sum: ClassVar[bool] = False
    #: True when maps print in the order of their keys' bytes, and always whole.
    keeps_key_order: ClassVar[bool] = False
    #: The error for two uses on one map whose `params` differ.
    params_conflict: ClassVar[str] = ""

    def emit_update(self, emitter: Emitter, slot: Value, call: EmitSite) -> None:
        """Updates this CPU's part at the address `slot`; a new part is all zeros."""
        raise NotImplementedError

    def emit_read(self, emitter: Emitter, type_: OwnedType, part: Callable[[Value], Value]) -> Value:
        """The number that the parts of all CPUs come to, for a type that reads as an integer; as `reduce` does it. For
        another type of which an entry can be copied, the address of such a copy, which `decode` reads.

        `part` emits the look-up of one CPU's part and gives its address, which is null when there is none.
        """
        raise NotImplementedError

    def reduce(self, type_: OwnedType, parts: Sequence[bytes]) -> Any:
        """Combines the parts of all CPUs (`type_.size` bytes each) into one value."""
        raise NotImplementedError

    def merge(self, type_: OwnedType, parts: Sequence[bytes]) -> bytes:
        """The parts of all CPUs as one part, of which `reduce` makes the same value. As it is, sums of u64 words."""
        read = Struct(f"<{type_.size // 8}Q")
        return read.pack(*[sum(words) & _ALL_ONES for words in zip(*map(read.unpack, parts), strict=True)])

    def note(self, type_: OwnedType, noted: Any, value: Any) -> Any:
        """What one has to know of all values of a map to show one, by what was noted of others (None at first)."""
        return None

    def among(self, type_: OwnedType, value: Any, noted: Any) -> Any:
        """The value with what was noted of its whole map."""
        return value

    def sort_key(self, type_: OwnedType, value: Any) -> int:
        """Maps print in ascending order of this."""
        raise NotImplementedError

    def divide(self, type_: OwnedType, value: Any, divisor: int) -> Any:
        """The value for `print(@m, top, divisor)`."""
        raise NotImplementedError

    def map_text(self, type_: OwnedType, label: bytes, value: Any, rendering: Rendering) -> bytes:
        """One map entry with its final newline; `label` is `@name` or `@name[KEY]`."""
        return label + b": " + self.text(type_, value, rendering) + b"\n"


@dataclass(frozen=True, slots=True)
class Writer:
    """Turns the events of one call site into the bytes that they write.

    `views[i]` is the type that field i is read as: an integer type takes the field's low bytes (little endian), so
    that a conversion costs nothing. `text` makes one event's bytes from its fields. Where `template` is set, which
    needs numbers and short strings that are shown whole, `template % fields` gives the same once the NULs that pad the
    strings are taken out; whole runs of events are formatted at once.
    """

    views: tuple[Type, ...]
    text: Callable[[tuple[Any, ...]], bytes]
    template: bytes | None = None


class Action(Function):
    """A function that the output stage carries out when its event arrives. Its call has no value.

    String fields arrive as they are to be shown: cut at their NUL, or with the `str_trunc_trailer` when they had none.
    """

    #: True where waiting for the reader's next poll would be felt.
    wakes_reader: ClassVar[bool] = False

    def type_of(self, call: CallSite) -> Type:
        self.check(call)
        return VOID

    def check(self, call: CallSite) -> None:
        """Further checks of the call, beyond the signature."""

    def handler(self, event: EventSpec, output: Output) -> Callable[[tuple[Any, ...]], None]:
        """Called once per call site before the first event; the result is called with the decoded fields of each
        event."""
        raise NotImplementedError

    def writer(self, event: EventSpec, output: Output) -> Writer | None:
        """For an action that does nothing but write: how. `handler` is not asked then."""
        return None


def integer_of(type_: Type) -> Int | None:
    """The integer type that a type reads as: itself, or a castable aggregation's."""
    if isinstance(type_, Int):
        return type_
    return type_.integer if isinstance(type_, OwnedType) else None
