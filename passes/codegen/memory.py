"""The Emitter's own memory: where values are put (stack or per-CPU scratch), and loads, stores and copies there.

Small temporaries live on the BPF stack, of which a program has 512 bytes for all its functions; everything else lives
in the program's area of the scratch map. It knows neither the script nor the maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from ...core import ast
from ...core.config import Config
from ...core.emitter import Value
from ...core.probe import ProbeType
from ...core.types import INT64, UINT64, Bool, Enum, Int, Pointer, String, Type, round_up, size_of
from .control import ControlEmitter
from .llvm import I8, I64, INTEGERS, PTR, VolatileLoad
from .values import OWN_MEMORY, Constant
from .variables import Variable

#: Up to this many bytes are copied and cleared word by word; beyond, one helper call is shorter and not slower.
INLINE_COPY = 64
#: The verifier allows 512 bytes of stack; the compiler's own spills need the rest.
STACK_BUDGET = 320
#: Where loops make functions share the stack, only this much goes there.
SHARED_STACK_LIMIT = 16
_ATOMIC = {"+": "add", "&": "and", "|": "or", "^": "xor"}
#: How often in a row an exchange can be interrupted by one that did the same.
_TRIES = 4


class MemoryEmitter(ControlEmitter):
    """`scratch_used` and `scratch_peak` are bytes of the program's scratch area, over all its functions."""

    config: Config
    probe_type: ProbeType
    scratch_used: int
    scratch_peak: int
    stack_budget: int
    keeps_variables_in_scratch: bool
    #: The innermost `statement`.
    statement_node: ast.Node
    _wanted: tuple[Value, int] | None = None

    def __init__(self) -> None:
        super().__init__()
        #: Addresses of variables that LLVM shall not keep in registers.
        self._reloaded: set[Any] = set()

    def at(self, node: ast.Node) -> None:
        """Instructions from here on belong to this node's place in the script."""
        raise NotImplementedError

    def has(self, feature: str) -> bool:
        """Whether the kernel has a feature."""
        raise NotImplementedError

    def zeros(self, size: int) -> Value:
        """The address of `size` zero bytes that nothing writes to."""
        raise NotImplementedError

    def in_memory(self, literal: Value) -> Any:
        place = self.memory(literal.type)
        self.store(place, literal)
        return place.handle

    # Finding memory

    def scratch(self, size: int, *, string: bool = False) -> Value:
        if self._wanted is not None:
            place, wanted_size = self._wanted
            if size == wanted_size or (string and size < wanted_size):
                self._wanted = None
                return place
        return self.reserve(size)

    def memory(self, type_: Type) -> Value:
        """Memory for a value of a type, until the end of the statement."""
        return self.reserve(size_of(type_))

    def reserve(self, size: int) -> Value:
        """Memory until the end of the statement: on the stack when it is small, in per-CPU scratch otherwise."""
        rounded = round_up(max(size, 1), 8)
        if self._fits_on_stack(rounded):
            return Value(self.unit.stack(rounded), OWN_MEMORY)
        return self.scratch_at(self.claim(rounded))

    def _fits_on_stack(self, size: int) -> bool:
        limit = self.config.on_stack_limit
        if self.stack_budget < STACK_BUDGET:
            limit = min(limit, SHARED_STACK_LIMIT)
        return size <= limit and self.unit.stack_used + size <= self.stack_budget

    def claim(self, size: int) -> int:
        """The offset of `size` bytes of scratch, until the end of the statement."""
        at = self.scratch_used
        self.scratch_used += size
        self.scratch_peak = max(self.scratch_peak, self.scratch_used)
        return at

    def scratch_at(self, offset: int) -> Value:
        base = self.builder.load(self.unit.word("scratch"), typ=PTR)
        return self.offset(Value(base, OWN_MEMORY), offset)

    @contextmanager
    def statement(self, node: ast.Node) -> Iterator[None]:
        """Scratch reserved inside is free again afterwards."""
        self.at(node)
        used, outer = self.scratch_used, self.statement_node
        self.statement_node = node
        yield
        self.scratch_used, self.statement_node = used, outer

    @contextmanager
    def wanted(self, place: tuple[Value, int] | None) -> Iterator[None]:
        """Inside, the first scratch of the right size asked for is this place: the result is made where it goes."""
        saved, self._wanted = self._wanted, place
        yield
        self._wanted = saved

    def wants(self, place: tuple[Value, int] | None) -> bool:
        """True while this very place is the one to be filled."""
        return place is not None and self._wanted is place

    def take_wanted(self) -> tuple[Value, int] | None:
        wanted, self._wanted = self._wanted, None
        return wanted

    # Variables

    def variable(self, type_: Type, *, captured: bool = False) -> Variable:
        """Memory for a variable, zeroed here, until the end of the statement that encloses this call.

        `captured`: bodies of loops see it that are not the one that it is made in.
        """
        size = 8 if _is_scalar(type_) else round_up(max(size_of(type_), 1), 8)
        if not (captured or self.keeps_variables_in_scratch) and self._fits_on_stack(size):
            variable = Variable(type_, self.unit, self.unit.stack(size), 0)
        else:
            variable = Variable(type_, None, None, self.claim(size))
        self.zero(self.place_of(variable), size)
        return variable

    def place_of(self, variable: Variable) -> Value:
        """The variable's address in the function that is being emitted; as a Value it has the variable's type."""
        if variable.place is not None:
            assert variable.unit is self.unit, "a variable that other functions see is captured"
            return Value(variable.place, variable.type)
        place = Value(self.scratch_at(variable.offset).handle, variable.type)
        if _is_scalar(variable.type):
            self._reloaded.add(place.handle)
        return place

    def load_variable(self, variable: Variable) -> Value:
        return self.load(self.place_of(variable), variable.type)

    # Loads and stores

    def load(self, address: Value, type_: Type, offset: int = 0) -> Value:
        place = self.offset(address, offset)
        match type_:
            case Int(size=size, signed=signed) | Enum(size=size, signed=signed):
                narrow = self._load(address, place, size)
                if size == 8:
                    return Value(narrow, type_)
                return Value(self.builder.sext(narrow, I64) if signed else self.builder.zext(narrow, I64), type_)
            case Bool():
                narrow = self._load(address, place, 1)
                return Value(self.builder.zext(self.builder.icmp_unsigned("!=", narrow, I8(0)), I64), type_)
            case Pointer():
                word = Value(self._load(address, place, 8), type_)
                if self.probe_type.program_type == "tracing" and _is_context(address):
                    # The verifier takes it for the address of a kernel object, which it lets nobody calculate with, and
                    # drops comparisons with 0, although it may be a null pointer.
                    return Value(self.detached(word).handle, type_)
                return word
        return Value(place.handle, type_)

    def kernel_object(self, address: Value, offset: int = 0) -> Value:
        found = self._load(address, self.offset(address, offset), 8)
        return Value(self.builder.inttoptr(found, PTR), OWN_MEMORY)

    def _load(self, base: Value, place: Value, size: int) -> Any:
        handle = self.handle(place)
        if not _is_context(base) and handle not in self._reloaded:
            return self.builder.load(handle, typ=INTEGERS[size], align=min(size, self.alignment(handle)))
        load = VolatileLoad(self.builder.block, handle, typ=INTEGERS[size])
        load.align = size
        self.builder._insert(load)
        if _is_context(base):
            # LLVM would make one load of those in two branches, at an address that it computes, although they are
            # volatile; the verifier takes none such of a context. It moves nothing past an assembler instruction.
            self.builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], side_effect=True)
        return load

    def store(self, address: Value, value: Value, offset: int = 0) -> None:
        self.store_as(value.type, self.offset(address, offset), value)

    def store_as(self, type_: Type, address: Value, value: Value) -> None:
        """Writes a value in the form of a type that it promotes to."""
        place, size = self.handle(address), size_of(type_)
        if _is_scalar(type_):
            number = self.number_of(value)
            narrow = number if size == 8 else self.builder.trunc(number, INTEGERS[size])
            self.builder.store(narrow, place, align=min(size, self.alignment(place)))
        elif isinstance(value.handle, Constant):
            self._store_bytes(address, value.handle.text[:size].ljust(size, b"\0"))
        elif value.handle is place:
            return
        elif isinstance(type_, String) and value.length is not None:
            self.zero(address, size)
            self.helper("probe_read_kernel", address, self.bounded(value.length, size), value)
        else:
            given = min(size, size_of(value.type))
            self.copy(address, value, given)
            if given < size:
                self.zero(self.offset(address, given), size - given)

    def _store_bytes(self, address: Value, data: bytes) -> None:
        for at, width in words(len(data), self.alignment(self.handle(address))):
            number = int.from_bytes(data[at : at + width], "little")
            place = self.handle(self.offset(address, at))
            self.builder.store(INTEGERS[width](number), place, align=width)

    def zero(self, address: Value, size: int) -> None:
        if size <= INLINE_COPY:
            self._store_bytes(address, bytes(size))
        else:
            self.helper("probe_read_kernel", address, self.constant(size), self.zeros(size))

    def copy(self, destination: Value, source: Value, size: int) -> None:
        """Copies between two places of the program's own memory."""
        if size > INLINE_COPY:
            self.helper("probe_read_kernel", destination, self.constant(size), source)
            return
        align = min(self.alignment(self.handle(destination)), self.alignment(self.handle(source)))
        for at, width in words(size, align):
            word = self.builder.load(self.handle(self.offset(source, at)), typ=INTEGERS[width], align=width)
            self.builder.store(word, self.handle(self.offset(destination, at)), align=width)

    def detached(self, address: Value) -> Value:
        """An address as a number that the verifier does not follow: a script may do any arithmetic with it, and what it
        points to is read by a helper.

        The verifier follows an address through loads and stores, but of a negated one it knows nothing any more
        (check_alu_op in kernel/bpf/verifier.c). LLVM must not see that the two negations cancel out.
        """
        zero = self.constant(0)
        negated = self.binary("-", zero, self.opaque(Value(self.number_of(address), INT64)))
        return self.binary("-", zero, self.opaque(negated))

    def atomic_add(self, address: Value, value: Value, offset: int = 0) -> None:
        self.atomic("+", self.offset(address, offset), value)

    def atomic(self, operator: str, address: Value, value: Value) -> None:
        """`+ & | ^` with a 64-bit integer in memory. All but the sum take Linux 5.12."""
        self.builder.atomic_rmw(_ATOMIC[operator], self.handle(address), self.number_of(value), "monotonic")

    def fetch_add(self, address: Value, value: Value) -> Value:
        """Adds atomically and gives the old value, which takes Linux 5.12."""
        return Value(
            self.builder.atomic_rmw("add", self.handle(address), self.number_of(value), "seq_cst"), value.type
        )

    def raise_to(self, address: Value, value: Value) -> None:
        known = self.load(address, UINT64)
        if not self.has("atomic_fetch"):
            with self.when(self.compare(">", value, known)):
                self.store(address, Value(value.handle, UINT64))
            return
        self._exchange_larger(address, value, known, _TRIES)

    def _exchange_larger(self, address: Value, value: Value, known: Value, tries: int) -> None:
        with self.when(self.compare(">", value, known)):
            place, expected, number = self.handle(address), self.number_of(known), self.number_of(value)
            exchanged = self.builder.cmpxchg(place, expected, number, "seq_cst", "seq_cst")
            found = Value(self.builder.extract_value(exchanged, 0), UINT64)
            if tries > 1:
                with self.when(self.compare("!=", found, known)):
                    self._exchange_larger(address, value, found, tries - 1)


def words(size: int, align: int) -> Iterator[tuple[int, int]]:
    """(offset, width) of the largest aligned words that cover `size` bytes."""
    at = 0
    while at < size:
        width = min(align, 8)
        while width > size - at or at % width:
            width //= 2
        yield at, width
        at += width


def _is_context(address: Value) -> bool:
    return isinstance(address.type, Pointer) and address.type.space == "context"


def _is_scalar(type_: Type) -> bool:
    return isinstance(type_, Int | Enum | Bool | Pointer)
