"""What a function or a probe type may ask of any code generator.

The rooms that extend the language write against this protocol and never see the code generator's own representation:
a `Value` is opaque but for its type. Every integer travels as 64 bits, extended by its type's sign; strings, tuples and
owned types travel as the address of their bytes in the program's own memory (stack, per-CPU scratch or a map's value).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from .frozen import dataclass

if TYPE_CHECKING:
    from .config import Config
    from .probe import ConcretePoint, ProbeType
    from .types import Type


@dataclass(frozen=True, slots=True)
class Value:
    """A run-time value. `handle` belongs to the code generator.

    A string may know its `length`: a Value with the bytes up to and without the NUL.
    """

    handle: object
    type: Type
    length: Value | None = None


class Emitter(Protocol):
    """Emits code at the current place of one BPF program."""

    config: Config
    probe_type: ProbeType
    point: ConcretePoint
    architecture: str
    pid_namespace: tuple[int, int] | None

    def constant(self, value: int, type_: Type = ...) -> Value: ...

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        """64-bit `+ - * & | ^ << >>` and unsigned `/ %` (the divisor must not be zero)."""

    def compare(self, operator: str, left: Value, right: Value, *, signed: bool = False) -> Value: ...

    def cast(self, value: Value, type_: Type) -> Value:
        """The integer cut to the size of `type_` and extended again by its sign."""

    def when(self, condition: Value) -> AbstractContextManager[None]:
        """Code emitted inside runs only when the condition is not zero."""

    def choose(self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value: ...

    def helper(self, name: str, *arguments: Value) -> Value:
        """Calls a BPF helper by its name without `bpf_` (bpf-helpers(7)); the result is an int64."""

    def kfunc(self, name: str, *arguments: Value, result: Type = ...) -> Value:
        """Calls a function of the kernel that programs may call (Documentation/bpf/kfuncs.rst) by its name, which load
        looks for in the running kernel. `result` is the type of what it gives, an int64 unless told."""

    def context(self) -> Value:
        """The address of the program's context."""

    def load(self, address: Value, type_: Type, offset: int = 0) -> Value:
        """Reads the program's own memory or its context directly."""

    def kernel_object(self, address: Value, offset: int = 0) -> Value:
        """Reads the address of a kernel object out of the context, or out of another such object.

        The verifier knows what it is, so that helpers take it that take no other address. It must not be calculated
        with.
        """

    def store(self, address: Value, value: Value, offset: int = 0) -> None:
        """Writes a value at its type's size; strings are copied up to their NUL and padded with zeros."""

    def atomic_add(self, address: Value, value: Value, offset: int = 0) -> None: ...

    def offset(self, address: Value, distance: int | Value) -> Value: ...

    def zero(self, address: Value, size: int) -> None: ...

    def scratch(self, size: int, *, string: bool = False) -> Value:
        """Memory of `size` bytes that lives until the end of the statement; not initialised.

        With `string` the code generator may give the place where the string is wanted, such as the event being built.
        """

    def string_constant(self, text: bytes) -> Value: ...

    def read_memory(self, space: str, destination: Value, size: int, address: Value) -> Value:
        """Copies from kernel or user memory; the destination is zeroed when the read fails. Gives 0 or a negative
        errno."""

    def read_string(self, space: str, destination: Value, size: int | Value, address: Value, capacity: int) -> Value:
        """Copies a string of at most `size` bytes with its NUL (`capacity` is the bound of a run-time size).

        Gives the string as a Value with its length; a failed read gives the empty string.
        """

    def map(self, name: str) -> Value:
        """A map as the argument of a helper."""

    def map_value(self, name: str) -> Value:
        """The address of the only value of a scalar map (or of this CPU's part of it)."""

    def for_each_cpu(self, body: Callable[[Value], None]) -> None:
        """Emits `body` for the number of every possible CPU, one after the other."""

    def global_value(self, name: str) -> Value:
        """A 64-bit number that load fills in: 'start_time' (boot clock, ns) or 'cpid'."""

    def event(self, fields: Sequence[Callable[[], Value]], types: Sequence[Type], settings: dict[str, object]) -> None:
        """Sends an event to the output stage: the current call's function, its settings, and the field values in
        order."""

    def count_failure(self, helper: str, code: Value, message: str = "") -> None:
        """Counts a run-time failure of the current call, reported with its place in the script."""

    def end_probe(self) -> None:
        """Ends the program here with the probe type's default return value."""
