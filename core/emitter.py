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

    def kernel_variable(self, name: str) -> Value:
        """A per-CPU variable of the kernel, as the argument of bpf_per_cpu_ptr and bpf_this_cpu_ptr."""

    def kernel_symbol(self, name: str) -> Value:
        """The address of a symbol of the kernel or of a module (uint64), which load finds in the running kernel."""

    def context(self) -> Value:
        """The address of the program's context."""

    def load(self, address: Value, type_: Type, offset: int = 0) -> Value:
        """Reads the program's own memory or its context directly."""

    def kernel_object(self, address: Value, offset: int = 0) -> Value:
        """Reads the address of a kernel object out of the context, or out of another such object.

        The verifier knows what it is, so that helpers take it that take no other address. It must not be calculated
        with.
        """

    def detached(self, address: Value) -> Value:
        """An address as a number that the verifier does not follow, with which a script may do what it likes."""

    def store(self, address: Value, value: Value, offset: int = 0) -> None:
        """Writes a value at its type's size; strings are copied up to their NUL and padded with zeros."""

    def atomic_add(self, address: Value, value: Value, offset: int = 0) -> None: ...

    def raise_to(self, address: Value, value: Value) -> None:
        """Makes an unsigned 64-bit number in memory the larger of it and `value`. Programs that interrupt each other
        there, on one CPU, do not undo each other's work where the kernel can compare and exchange (Linux 5.12)."""

    def offset(self, address: Value, distance: int | Value, stride: int = 8) -> Value:
        """The address so many bytes further on; a distance that only the run knows is a multiple of `stride`."""

    def zero(self, address: Value, size: int) -> None: ...

    def scratch(self, size: int, *, string: bool = False) -> Value:
        """Memory of `size` bytes that lives until the end of the statement; not initialised.

        With `string` the code generator may give the place where the string is wanted, such as the event being built.
        """

    def string_constant(self, text: bytes) -> Value: ...

    def read_memory(
        self, space: str, destination: Value, size: int | Value, address: Value, capacity: int = 0
    ) -> Value:
        """Copies from kernel or user memory; what was to be filled is zeroed when the read fails. Gives 0 or a negative
        errno. `capacity` is the bound of a run-time size."""

    def read_string(self, space: str, destination: Value, size: int | Value, address: Value, capacity: int) -> Value:
        """Copies a string of at most `size` bytes with its NUL (`capacity` is the bound of a run-time size).

        Gives the string as a Value with its length; a failed read gives the empty string.
        """

    def at_most(self, limit: int, value: Value) -> Value:
        """The smaller of two unsigned integers, as the verifier can see it: for sizes and offsets of the run."""

    def equal_strings(self, left: Value, right: Value, most: int | None = None) -> Value:
        """1 when two strings agree up to their NUL, or over the smaller storage (at most `most` bytes of it) when none
        has one there."""

    def find_string(self, text: Value, wanted: Value) -> Value:
        """The place of the first occurrence of one string in another, an int64, or -1."""

    def compare_bytes(self, left: Value, right: Value, size: Value, capacity: int) -> Value:
        """What the first bytes that differ, signed, differ by, or 0; of `size` bytes, but at most of `capacity`."""

    def constant_row(self, name: str, rows: Sequence[bytes], width: int, index: Value) -> Value:
        """Row `index` of a table that the programs share by its `name` and cannot change, as a string in `width` bytes.

        An index that is too large (unsigned) gives the last row.
        """

    def map(self, name: str) -> Value:
        """A map as the argument of a helper."""

    def map_value(self, name: str) -> Value:
        """The address of the only value of a scalar map (or of this CPU's part of it)."""

    def map_part(self, name: str, cpu: Value) -> Value:
        """The address of one CPU's part of a scalar map's value, or null. Takes `map_lookup_percpu_elem`."""

    def count_keys(self, name: str) -> Value:
        """How many keys a keyed map has, an int64."""

    def for_each_cpu(self, body: Callable[[Value], None]) -> None:
        """Emits `body` for the number of every possible CPU, one after the other."""

    def global_value(self, name: str) -> Value:
        """A 64-bit number that load fills in: 'start_time' (boot clock, ns), 'cpid' (0 without a child), 'ncpus',
        'tai_offset' (how far TAI is ahead of the boot clock, ns)."""

    def pretended_time(self) -> Value | None:
        """The ns that stand for every clock's, where a test has asked for that (`CompileOptions.clock_map`)."""

    def unwind_user(
        self, header: int, limit: int, process: Value, returns: Sequence[int] = ()
    ) -> tuple[Value, Value]:
        """Unwinds the stack of the user's program by its binaries' unwind tables, on x86-64.

        Gives memory of `header` zero bytes, then the addresses of up to `limit` frames (u64), innermost first, and
        zeros; and the number of frames, an int64, which is -1 when there are no tables for the process of this id. The
        address of a frame that calls is the return address less one. A kernel thread has no frames.

        `returns` tells where the kernel keeps the return addresses that uretprobes have put theirs in place of, as
        offsets of task_struct.utask, uprobe_task.return_instances and return_instance's stack, orig_ret_vaddr and next.
        """

    def event(self, fields: Sequence[Callable[[], Value]], types: Sequence[Type], settings: dict[str, object]) -> None:
        """Sends an event to the output stage: the current call's function, its settings, and the field values in
        order."""

    def packet(self, buffer: Value, length: Value, settings: dict[str, object]) -> Value:
        """Sends the first `length` bytes (unsigned) of a packet, whose struct sk_buff is a kernel object, to be written
        into a file: the settings `file` and `offset` say which, and how many bytes to leave out. Gives 0 or a negative
        errno. A packet that finds no space counts as a lost event."""

    def count_failure(self, helper: str, code: Value, message: str = "") -> None:
        """Counts a run-time failure of the current call, reported with its place in the script."""

    def count_failed_read(self, helper: str, code: Value) -> None:
        """Counts a read of memory that gave the negative errno `code`, if the user wants to know of such (-k)."""

    def end_probe(self) -> None:
        """Ends the program here with the probe type's default return value."""
