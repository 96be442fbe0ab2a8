"""The Emitter made of llvmlite's IR builder: one BPF program's arithmetic, branches, memory and helper calls.

It knows values and addresses but not the tree; `lower` walks the tree and asks this. Events are built in `events`.
An integer's handle is an i64, an address's handle a ptr; a string literal's handle is a `Constant` until somebody needs
it in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from llvmlite import ir

from ...core import ast
from ...core.artifacts import FAILURES_MAP, GLOBALS, GLOBALS_MAP, SCRATCH_MAP, ZEROS_MAP, ExpandedProbe
from ...core.bpf_helpers import HELPER_IDS
from ...core.compilation import Compilation
from ...core.emitter import Value
from ...core.frozen import dataclass
from ...core.types import BOOL, INT64, UINT64, VOID, Bool, Int, Pointer, String, Type, round_up, size_of
from .llvm import I8, I32, I64, INTEGERS, PTR, SECTION, DebugPlaces, ProgramAttributes, VolatileLoad
from .resources import FAILURE_SLOT_SIZE, PREEMPTIBLE_SLOTS, Resources

#: Up to this many bytes are copied and cleared word by word; beyond, one helper call is shorter and not slower.
INLINE_COPY = 128
#: The verifier allows 512 bytes of stack; the compiler's own spills need the rest.
STACK_BUDGET = 320

OWN_MEMORY = Pointer(VOID, "own")


@dataclass(frozen=True, slots=True)
class Constant:
    """The handle of a string that is not in memory yet."""

    text: bytes


class ProgramEmitter:
    """Builds one function. `core.emitter.Emitter` says what each method means."""

    def __init__(
        self,
        module: ir.Module,
        probe: ExpandedProbe,
        number: int,
        resources: Resources,
        debug: DebugPlaces,
        compilation: Compilation,
    ) -> None:
        probe_type = compilation.probe_types.get(probe.point.probe_type)
        assert probe_type is not None, "points come from registered probe types"
        self.probe_type = probe_type
        self.point = probe.point
        self.config = compilation.config
        self.architecture = compilation.target.architecture
        self.pid_namespace = compilation.target.pid_namespace
        self.functions = compilation.functions
        self._counts_misses = compilation.options.counts_misses
        self.resources = resources
        self.number = number
        #: The call whose function is emitting, for events and failures.
        self.call: ast.Expression | None = None
        self._module = module
        self._function = ir.Function(module, ir.FunctionType(I64, [PTR]), probe.program_name)
        self._function.section = SECTION
        self._function.attributes = ProgramAttributes('"no-builtins"')
        self._context = self._function.args[0]
        self._context.name = "ctx"
        self._entry = self._function.append_basic_block("entry")
        self._start = self._function.append_basic_block("start")
        self._exit = self._function.append_basic_block("exit")
        self.builder = ir.IRBuilder(self._start)
        self._source = resources.source
        self._debug = debug
        self._scope = debug.function(
            self._function, probe.program_name, self._source.locate(probe.node.span).line
        )
        self._node = probe.node
        self._stack_used = 0
        self._scratch_used = 8 if probe_type.preemptible else 0
        self._scratch_peak = self._scratch_used
        self._wanted: tuple[Value, int] | None = None
        self.at(probe.node)
        with self.builder.goto_block(self._entry):
            self._result = self._alloca(I64, "result")
            self._scratch_base = self._alloca(PTR, "scratch")
            self.builder.store(I64(probe_type.default_return), self._result)

    # Places in the script

    def at(self, node: ast.Node) -> None:
        """Instructions from here on belong to this node's place in the script."""
        self._place = node
        place = self._source.locate(node.span)
        self.builder.debug_metadata = self._debug.at(self._scope, place.line, place.column)

    # Values

    def constant(self, value: int, type_: Type = INT64) -> Value:
        return Value(I64(value), type_)

    def string_constant(self, text: bytes) -> Value:
        return Value(Constant(text), String(len(text) + 1), self.constant(len(text)))

    def number_of(self, value: Value) -> Any:
        """The i64 of an integer or of an address as a number."""
        handle = self.handle(value)
        return self.builder.ptrtoint(handle, I64) if handle.type == PTR else handle

    def handle(self, value: Value) -> Any:
        """The IR value; a string literal is put into memory now."""
        if isinstance(value.handle, Constant):
            place = self.memory(value.type)
            self.store(place, value)
            return place.handle
        return value.handle

    _ARITHMETIC: ClassVar[dict[str, str]] = {
        "+": "add", "-": "sub", "*": "mul", "/": "udiv", "%": "urem",
        "&": "and_", "|": "or_", "^": "xor", "<<": "shl", ">>": "lshr",
    }  # fmt: skip

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        operation = getattr(self.builder, self._ARITHMETIC[operator])
        result = Value(operation(self.number_of(left), self.number_of(right)), left.type)
        # The verifier knows nothing of a quotient or a remainder.
        return self.opaque(result) if operator in ("/", "%") else result

    def opaque(self, value: Value) -> Value:
        """The same integer, of which LLVM knows nothing: it must keep every check of it that the verifier is to see."""
        number = self.number_of(value)
        if isinstance(number, ir.Constant):
            return value
        same = ir.FunctionType(I64, [I64])
        return Value(self.builder.asm(same, "", "=r,0", [number], side_effect=False), value.type)

    def compare(self, operator: str, left: Value, right: Value, *, signed: bool = False) -> Value:
        a, b = self.number_of(left), self.number_of(right)
        comparison = self.builder.icmp_signed if signed else self.builder.icmp_unsigned
        return Value(self.builder.zext(comparison(operator, a, b), I64), BOOL)

    def cast(self, value: Value, type_: Type) -> Value:
        number = self.number_of(value)
        match type_:
            case Int(size=size, signed=signed) if size < 8:
                narrow = self.builder.trunc(number, INTEGERS[size])
                return Value(self.builder.sext(narrow, I64) if signed else self.builder.zext(narrow, I64), type_)
            case Bool():
                return Value(self.builder.zext(self.builder.icmp_unsigned("!=", number, I64(0)), I64), type_)
        return Value(number, type_)

    # Control

    def _is_true(self, condition: Value) -> Any:
        return self.builder.icmp_unsigned("!=", self.number_of(condition), I64(0))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        with self.builder.if_then(self._is_true(condition)):
            yield

    def branch(self, condition: Value, then: Callable[[], None], otherwise: Callable[[], None]) -> None:
        """Emits both arms of an if statement."""
        with self.builder.if_else(self._is_true(condition)) as (yes, no):
            with yes:
                then()
            with no:
                otherwise()

    def choose(self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
        with self.builder.if_else(self._is_true(condition)) as (yes, no):
            with yes:
                first = then()
                first_handle, first_end = self.handle(first), self.builder.block
            with no:
                second = otherwise()
                second_handle, second_end = self.handle(second), self.builder.block
        joined = self.builder.phi(first_handle.type)
        joined.add_incoming(first_handle, first_end)
        joined.add_incoming(second_handle, second_end)
        return Value(joined, first.type)

    def end_probe(self) -> None:
        self.builder.branch(self._exit)
        self.builder.position_at_end(self._function.append_basic_block("after"))

    def return_value(self, value: Value) -> None:
        """Sets the program's return value and ends it."""
        self.builder.store(self.number_of(value), self._result)
        self.end_probe()

    def equal_strings(self, left: Value, right: Value) -> Value:
        """1 when the strings agree up to their NUL, or over the smaller storage when none has one there.

        Eight bytes at a time: the verifier remembers every branch of every round, and has a limit.
        """
        size = min(size_of(left.type), size_of(right.type))
        a, b = self.handle(left), self.handle(right)
        done = self._function.append_basic_block("compared")
        with self.builder.goto_block(done):
            result = self.builder.phi(I64)
        whole = size // 8 * 8
        if whole:
            before, loop = self.builder.block, self._function.append_basic_block("compare")
            self.builder.branch(loop)
            self.builder.position_at_end(loop)
            at = self.builder.phi(I64)
            at.add_incoming(I64(0), before)
            self._compare_word(a, b, at, 8, result)
            following = self.builder.add(at, I64(8))
            at.add_incoming(following, self.builder.block)
            rest = self._function.append_basic_block("rest")
            self.builder.cbranch(self.builder.icmp_unsigned("<", following, I64(whole)), loop, rest)
            self.builder.position_at_end(rest)
        for at, width in _words(size - whole, 8):
            self._compare_word(a, b, I64(whole + at), width, result)
        result.add_incoming(I64(1), self.builder.block)
        self.builder.branch(done)
        self.builder.position_at_end(done)
        return Value(result, BOOL)

    def _compare_word(self, a: Any, b: Any, at: Any, width: int, result: Any) -> None:
        """Compares `width` bytes of two strings; goes on here when they are equal and hold no NUL, else to `result`."""
        builder = self.builder
        one, other = (
            builder.zext(builder.load(builder.gep(s, [at], source_etype=I8), typ=INTEGERS[width], align=width), I64)
            for s in (a, b)
        )
        lowest, highest = (I64(int.from_bytes(bytes([byte] * width), "little")) for byte in (0x01, 0x80))
        # The lowest bit set is the high bit of the first NUL (Warren, Hacker's Delight, "Find First 0-Byte").
        nul = builder.and_(builder.and_(builder.sub(one, lowest), builder.not_(one)), highest)
        up_to_nul = builder.xor(nul, builder.sub(nul, I64(1)))
        differing = builder.and_(builder.xor(one, other), up_to_nul)
        same, following = (self._function.append_basic_block(name) for name in ("same", "following"))
        result.add_incoming(I64(0), builder.block)
        builder.cbranch(builder.icmp_unsigned("==", differing, I64(0)), same, result.parent)
        builder.position_at_end(same)
        result.add_incoming(I64(1), same)
        builder.cbranch(builder.icmp_unsigned("==", nul, I64(0)), following, result.parent)
        builder.position_at_end(following)

    # Helpers

    def helper(self, name: str, *arguments: Value) -> Value:
        return Value(self._call_helper(name, arguments, I64), INT64)

    def helper_address(self, name: str, *arguments: Value) -> Value:
        """Calls a helper that gives the address of memory, or null."""
        return Value(self._call_helper(name, arguments, PTR), OWN_MEMORY)

    def _call_helper(self, name: str, arguments: Sequence[Value], result: Any) -> Any:
        handles = [self.handle(argument) for argument in arguments]
        type_ = ir.FunctionType(result, [handle.type for handle in handles])
        address = I64(HELPER_IDS[name]).inttoptr(PTR)
        call = ir.instructions.CallInstr(self.builder.block, _Callee(address, type_), handles, name=name)
        self.builder._insert(call)
        return call

    # Memory

    def context(self) -> Value:
        return Value(self._context, Pointer(VOID, "context"))

    def offset(self, address: Value, distance: int | Value) -> Value:
        if isinstance(distance, int) and distance == 0:
            return address
        step = I64(distance) if isinstance(distance, int) else self.number_of(distance)
        handle = self.handle(address)
        if handle.type == PTR:
            return Value(self.builder.gep(handle, [step], source_etype=I8), address.type)
        return Value(self.builder.add(handle, step), address.type)

    def load(self, address: Value, type_: Type, offset: int = 0) -> Value:
        place = self.offset(address, offset)
        match type_:
            case Int(size=size, signed=signed):
                narrow = self._load(address, place, size)
                if size == 8:
                    return Value(narrow, type_)
                return Value(self.builder.sext(narrow, I64) if signed else self.builder.zext(narrow, I64), type_)
            case Bool():
                narrow = self._load(address, place, 1)
                return Value(self.builder.zext(self.builder.icmp_unsigned("!=", narrow, I8(0)), I64), type_)
            case Pointer():
                return Value(self._load(address, place, 8), type_)
        return Value(place.handle, type_)

    def _load(self, base: Value, place: Value, size: int) -> Any:
        handle = self.handle(place)
        if not isinstance(base.type, Pointer) or base.type.space != "context":
            return self.builder.load(handle, typ=INTEGERS[size], align=size)
        load = VolatileLoad(self.builder.block, handle, typ=INTEGERS[size])
        load.align = size
        self.builder._insert(load)
        return load

    def store(self, address: Value, value: Value, offset: int = 0) -> None:
        self.store_as(value.type, self.offset(address, offset), value)

    def store_as(self, type_: Type, address: Value, value: Value, align: int = 8) -> None:
        """Writes a value in the form of a type that it promotes to. `align`: what is known of the address."""
        place, size = self.handle(address), size_of(type_)
        if isinstance(type_, Int | Bool | Pointer):
            number = self.number_of(value)
            narrow = number if size == 8 else self.builder.trunc(number, INTEGERS[size])
            self.builder.store(narrow, place, align=min(size, align))
        elif isinstance(value.handle, Constant):
            self._store_bytes(address, value.handle.text[:size].ljust(size, b"\0"), align)
        elif value.handle is place:
            return
        elif isinstance(type_, String) and value.length is not None:
            self.zero(address, size, align)
            self.helper("probe_read_kernel", address, self.bounded(value.length, size), value)
        else:
            given = min(size, size_of(value.type))
            self.copy(address, value, given, align)
            if given < size:
                self.zero(self.offset(address, given), size - given, _common_alignment(align, given))

    def _store_bytes(self, address: Value, data: bytes, align: int) -> None:
        for at, width in _words(len(data), align):
            number = int.from_bytes(data[at : at + width], "little")
            place = self.handle(self.offset(address, at))
            self.builder.store(INTEGERS[width](number), place, align=width)

    def zero(self, address: Value, size: int, align: int = 8) -> None:
        if size <= INLINE_COPY:
            self._store_bytes(address, bytes(size), align)
        else:
            self.helper("probe_read_kernel", address, self.constant(size), self.zeros(size))

    def copy(self, destination: Value, source: Value, size: int, align: int = 8) -> None:
        """Copies between two places of the program's own memory; the source is aligned to 8 bytes."""
        if size > INLINE_COPY:
            self.helper("probe_read_kernel", destination, self.constant(size), source)
            return
        for at, width in _words(size, align):
            word = self.builder.load(self.handle(self.offset(source, at)), typ=INTEGERS[width], align=width)
            self.builder.store(word, self.handle(self.offset(destination, at)), align=width)

    def zeros(self, size: int) -> Value:
        """The address of `size` zero bytes that nothing writes to."""
        self.resources.zeros_size = max(self.resources.zeros_size, size)
        return self.map_value(ZEROS_MAP)

    def atomic_add(self, address: Value, value: Value, offset: int = 0) -> None:
        place = self.handle(self.offset(address, offset))
        self.builder.atomic_rmw("add", place, self.number_of(value), "monotonic")

    def fetch_add(self, address: Value, value: Value) -> Value:
        """Adds atomically and gives the old value."""
        return Value(
            self.builder.atomic_rmw("add", self.handle(address), self.number_of(value), "seq_cst"), value.type
        )

    def bounded(self, number: Value, limit: int) -> Value:
        """The number as the verifier can see it to be small: at most the next power of two of `limit`, minus one.

        The number itself must not exceed `limit`.
        """
        return self.binary("&", number, self.constant((1 << limit.bit_length()) - 1))

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
        if rounded <= self.config.on_stack_limit and self._stack_used + rounded <= STACK_BUDGET:
            self._stack_used += rounded
            with self.builder.goto_block(self._entry):
                place = self._alloca(ir.ArrayType(I8, rounded))
            return Value(place, OWN_MEMORY)
        at = self._scratch_used
        self._scratch_used += rounded
        self._scratch_peak = max(self._scratch_peak, self._scratch_used)
        base = self.builder.load(self._scratch_base, typ=PTR)
        return self.offset(Value(base, OWN_MEMORY), at)

    def _alloca(self, type_: Any, name: str = "") -> Any:
        place = self.builder.alloca(type_, name=name)
        place.align = 8
        # llvmlite still tracks what a stack slot's pointer points to; everywhere else we use opaque pointers.
        place.type = PTR
        return place

    @contextmanager
    def statement(self, node: ast.Node) -> Iterator[None]:
        """Scratch reserved inside is free again afterwards."""
        self.at(node)
        used = self._scratch_used
        yield
        self._scratch_used = used

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

    _READERS: ClassVar[dict[str, tuple[str, str]]] = {
        "kernel": ("probe_read_kernel", "probe_read_kernel_str"),
        "context": ("probe_read_kernel", "probe_read_kernel_str"),
        "user": ("probe_read_user", "probe_read_user_str"),
        "none": ("probe_read", "probe_read_str"),
    }

    def read_memory(self, space: str, destination: Value, size: int, address: Value) -> Value:
        name = self._READERS[space][0]
        code = self.helper(name, destination, self.constant(size), address)
        self._count_failed_read(name, code)
        return code

    def read_string(
        self, space: str, destination: Value, size: int | Value, address: Value, capacity: int
    ) -> Value:
        limit = self.constant(size) if isinstance(size, int) else self._at_most(capacity, size)
        name = self._READERS[space][1]
        got = self.helper(name, destination, limit, address)
        empty = self.compare("<=", got, self.constant(0), signed=True)
        with self.when(empty):
            self.store(destination, self.constant(0, Int(1, False)))
            self._count_failed_read(name, got)
        length = Value(
            self.builder.select(self._is_true(empty), I64(0), self.builder.sub(self.number_of(got), I64(1))), INT64
        )
        return Value(destination.handle, String(capacity), length)

    def _count_failed_read(self, helper: str, code: Value) -> None:
        """Counts a read that gave a negative errno, at the call that made it or else at the place we are at."""
        if self._counts_misses:
            with self.when(self.compare("<", code, self.constant(0), signed=True)):
                self.count_failure_at(self.call or self._place, helper, code, "")

    def count_missing_key(self, node: ast.Node, slot: Value) -> None:
        """Counts a look-up that gave no value."""
        if self._counts_misses:
            with self.when(self.compare("==", slot, self.constant(0))):
                self.count_failure_at(node, "map_lookup_elem", self.constant(0), "")

    def _at_most(self, limit: int, value: Value) -> Value:
        """The smaller of two unsigned integers, as the verifier can see it whatever the script has checked before."""
        number = self.opaque(value)
        most = self.constant(limit)
        return self.choose(self.compare(">", number, most), lambda: most, lambda: number)

    # Maps and globals

    def map(self, name: str) -> Value:
        return Value(self._global("map", name), OWN_MEMORY)

    def map_value(self, name: str) -> Value:
        if not self.resources.is_per_cpu(name):
            return Value(self._global("value", name), OWN_MEMORY)
        key = self.reserve(4)
        self.store(key, self.constant(0, Int(4, False)))
        slot = self.helper_address("map_lookup_elem", self.map(name), key)
        # An array's only element is always there, but the verifier cannot know.
        with self.when(self.compare("==", slot, self.constant(0))):
            self.builder.branch(self._exit)
            self.builder.position_at_end(self._function.append_basic_block("after"))
        return slot

    def _global(self, kind: str, name: str) -> Any:
        symbol = f"{kind}.{self.resources.map_number(name)}"
        known = self._module.globals.get(symbol)
        if known is None:
            known = ir.GlobalVariable(self._module, I64, symbol)
            known.linkage = "external"
            known.type = PTR
        return known

    def global_value(self, name: str) -> Value:
        return self.load(self.map_value(GLOBALS_MAP), UINT64, 8 * GLOBALS.index(name))

    def count_failure(self, helper: str, code: Value, message: str = "") -> None:
        node = self.call
        assert node is not None, "failures happen in calls and statements"
        self.count_failure_at(node, helper, code, message)

    def count_failure_at(self, node: ast.Node, helper: str, code: Value, message: str = "") -> None:
        site = self.resources.failure_site(self.number, helper, message, node.span)
        slot = self.offset(self.map_value(FAILURES_MAP), site.index * FAILURE_SLOT_SIZE)
        self.atomic_add(slot, self.constant(1))
        self.store(slot, self.cast(code, INT64), 8)

    # The frame of the program

    def finish(self) -> None:
        """Ends the last block, and builds the entry and exit now that the need for scratch is known."""
        self.builder.branch(self._exit)
        needs_scratch = self._scratch_peak > (8 if self.probe_type.preemptible else 0)
        claims = needs_scratch and self.probe_type.preemptible
        self.builder.position_at_end(self._entry)
        skip = self._function.append_basic_block("skip") if needs_scratch else self._exit
        if needs_scratch:
            self._find_scratch(skip, claims)
        self.builder.branch(self._start)
        if needs_scratch:
            self.builder.position_at_end(skip)
            if claims:
                self.count_failure_at(self._node, "", self.constant(0), "")
            self.builder.ret(self.builder.load(self._result, typ=I64))
        self.builder.position_at_end(self._exit)
        if claims:
            base = self.builder.load(self._scratch_base, typ=PTR)
            self.builder.store(I64(0), base, align=8)
        self.builder.ret(self.builder.load(self._result, typ=I64))

    def _find_scratch(self, skip: Any, claims: bool) -> None:
        """Looks up this program's scratch. One that can be interleaved claims an area by the area's first word."""
        slots = PREEMPTIBLE_SLOTS if claims else 1
        first = self.resources.claim_scratch(self._scratch_peak, slots)
        key = self._alloca(I32, "scratch_key")
        got = self._function.append_basic_block("got_scratch")
        for slot in range(slots):
            self.builder.store(I32(first + slot), key)
            area = self.helper_address("map_lookup_elem", self.map(SCRATCH_MAP), Value(key, OWN_MEMORY))
            present = self._function.append_basic_block("scratch")
            is_null = self.builder.icmp_unsigned("==", self.number_of(area), I64(0))
            self.builder.cbranch(is_null, skip, present)
            self.builder.position_at_end(present)
            self.builder.store(area.handle, self._scratch_base)
            if not claims:
                self.builder.branch(got)
                break
            exchange = self.builder.cmpxchg(area.handle, I64(0), I64(1), "seq_cst", "seq_cst")
            free = self.builder.icmp_unsigned("==", self.builder.extract_value(exchange, 0), I64(0))
            following = self._function.append_basic_block("busy")
            self.builder.cbranch(free, got, following)
            self.builder.position_at_end(following)
        if claims:
            self.builder.branch(skip)
        self.builder.position_at_end(got)


class _Callee:
    """What a call instruction needs of its function: here a helper's number in the place of an address."""

    def __init__(self, address: Any, function_type: Any) -> None:
        self.function_type = function_type
        self.type = PTR
        self.calling_convention = ""
        self.attributes: frozenset[str] = frozenset()
        self._address = address

    def get_reference(self) -> str:
        reference: str = self._address.get_reference()
        return reference


def _words(size: int, align: int) -> Iterator[tuple[int, int]]:
    """(offset, width) of the largest aligned words that cover `size` bytes."""
    at = 0
    while at < size:
        width = min(align, 8)
        while width > size - at or at % width:
            width //= 2
        yield at, width
        at += width


def _common_alignment(align: int, offset: int) -> int:
    while offset % align:
        align //= 2
    return align
