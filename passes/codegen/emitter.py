"""The Emitter for one BPF program: what it needs of the kernel and of the other programs, and its frame.

Values, branches and memory are the layers below (`values`, `control`, `memory`); here are maps, reads of other memory,
failures, and how a program begins and ends. It knows values and addresses but not the tree; `lower` walks the tree and
asks this. Events are built in `events`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from llvmlite import ir

from ...core import ast
from ...core.artifacts import FAILURES_MAP, GLOBALS, GLOBALS_MAP, ZEROS_MAP, ExpandedProbe
from ...core.compilation import Compilation
from ...core.emitter import Value
from ...core.types import INT64, UINT64, VOID, Bool, Int, Pointer, String, Type
from .bpf_function import BpfFunction, Frame, FunctionAddress
from .llvm import I64, PTR, DebugPlaces
from .loops import for_each, loop, range_loop, while_loop
from .memory import STACK_BUDGET, MemoryEmitter
from .module import KFUNC_PREFIX, SYMBOL_PREFIX, VARIABLE_PREFIX
from .own_stack import keep_own_stack, shares_stack
from .per_cpu import for_each_cpu
from .resources import FAILURE_SLOT_SIZE, SCRATCH_LIMIT, Resources
from .scratch import find_scratch
from .string_search import compare_bytes, find_string
from .strings import equal_strings
from .unwind import unwind_user
from .values import OWN_MEMORY


class ProgramEmitter(MemoryEmitter):
    """Builds one program. `core.emitter.Emitter` says what each method means."""

    def __init__(
        self,
        module: ir.Module,
        probe: ExpandedProbe,
        number: int,
        resources: Resources,
        debug: DebugPlaces,
        compilation: Compilation,
    ) -> None:
        super().__init__()
        self._probe_types = compilation.probe_types
        self._turn_to(probe)
        bodies = [probe] if probe.on_return is None else [probe, probe.on_return]
        self.config = compilation.config
        self.architecture = compilation.target.architecture
        self.pid_namespace = compilation.target.pid_namespace
        self.cpus = compilation.target.possible_cpus
        self._features = compilation.target.features
        self.functions = compilation.functions
        self._counts_misses = compilation.options.counts_misses
        self._clock_map = compilation.options.clock_map
        self.resources = resources
        self.number = number
        #: The call whose function is emitting, for events and failures.
        self.call: ast.Expression | None = None
        self._module = module
        self._source = resources.source
        self._debug = debug
        self._node = probe.node
        self._diagnostics = compilation.diagnostics
        self._callbacks = 0
        #: Callbacks that unwind stacks, by what of them differs.
        self.unwinders: dict[tuple[int, int], BpfFunction] = {}
        #: What each of the program's functions may use of the stack that they share.
        self.stack_budget = STACK_BUDGET // (1 + max(_loop_depth(body.node.body) for body in bodies))
        # LLVM keeps variables in registers as long as it can, and puts what does not fit onto the stack. Of many it may
        # need all at once, as it moves arithmetic into the branches that use it.
        variables = sum(len(body.variant.variables) for body in bodies)
        self.keeps_variables_in_scratch = 8 * variables > self.stack_budget // 2
        self.frame = Frame()
        self.unit = BpfFunction(module, probe.program_name, [("ctx", PTR)], self.frame, callback=False)
        self._main = self.unit
        #: The node that code is being emitted for.
        self.place: ast.Node = probe.node
        self.statement_node = probe.node
        self._scope(probe.program_name)
        self._is_preemptible = self.probe_type.preemptible
        self._own_scratch = 8 if self._is_preemptible else 0
        self.scratch_used = self.scratch_peak = self._own_scratch
        self.at(probe.node)
        # A program that runs at entry and return says by its result at entry whether it is to run at return.
        self._has_result = probe.on_return is None
        with self.builder.goto_block(self.unit.entry):
            self.builder.store(I64(self.probe_type.default_return), self.unit.word("result"))

    def _turn_to(self, probe: ExpandedProbe) -> None:
        probe_type = self._probe_types.get(probe.point.probe_type)
        assert probe_type is not None, "points come from registered probe types"
        self.probe_type, self.point = probe_type, probe.point

    @contextmanager
    def body_of(self, probe: ExpandedProbe) -> Iterator[None]:
        """Inside, code is that of another body of the same program, which has the scratch to itself."""
        probe_type, point = self.probe_type, self.point
        self._turn_to(probe)
        with self.statement(probe.node):
            yield
        self.probe_type, self.point = probe_type, point

    def _scope(self, name: str) -> None:
        line = self._source.locate(self.place.span).line
        static = self.unit.is_callback
        self.unit.scope = self._debug.function(self.unit.function, name, line, static=static)

    def event(self, fields: Sequence[Callable[[], Value]], types: Sequence[Type], settings: dict[str, object]) -> None:
        raise NotImplementedError

    def packet(self, buffer: Value, length: Value, settings: dict[str, object]) -> Value:
        raise NotImplementedError

    # Places in the script

    def at(self, node: ast.Node) -> None:
        self.place = node
        place = self._source.locate(node.span)
        self.builder.debug_metadata = self._debug.at(self.unit.scope, place.line, place.column)

    def context(self) -> Value:
        if self.unit.is_callback:
            address = self.builder.load(self.unit.word("context"), typ=PTR)
        else:
            address = self.unit.function.args[0]
        return Value(address, Pointer(VOID, "context"))

    # Other memory

    _READERS: ClassVar[dict[str, tuple[str, str]]] = {
        "kernel": ("probe_read_kernel", "probe_read_kernel_str"),
        "context": ("probe_read_kernel", "probe_read_kernel_str"),
        "user": ("probe_read_user", "probe_read_user_str"),
        "none": ("probe_read", "probe_read_str"),
    }

    def read_memory(
        self, space: str, destination: Value, size: int | Value, address: Value, capacity: int = 0
    ) -> Value:
        amount = self.constant(size) if isinstance(size, int) else self.at_most(capacity, size)
        if space not in self._READERS:
            self.zero(destination, size if isinstance(size, int) else capacity)
            return self.probe_type.emit_read(self, destination, amount, address)
        name = self._reader(space, 0)
        code = self.helper(name, destination, amount, address)
        self.count_failed_read(name, code)
        return code

    def read_string(
        self, space: str, destination: Value, size: int | Value, address: Value, capacity: int
    ) -> Value:
        limit = self.constant(size) if isinstance(size, int) else self.at_most(capacity, size)
        if space not in self._READERS:
            space, address = "kernel", self._fetched(address, limit, capacity)
        name = self._reader(space, 1)
        got = self.helper(name, destination, limit, address)
        empty = self.compare("<=", got, self.constant(0), signed=True)
        with self.when(empty):
            self.store(destination, self.constant(0, Int(1, False)))
            self.count_failed_read(name, got)
        length = Value(
            self.builder.select(self.is_true(empty), I64(0), self.builder.sub(self.number_of(got), I64(1))), INT64
        )
        return Value(destination.handle, String(capacity), length)

    def _reader(self, space: str, kind: int) -> str:
        """The helper that reads a kind of memory: what is there (0), or a string (1)."""
        if space == "none":
            self._diagnostics.warn_of_space((self.call or self.place).span)
        return self._READERS[space][kind]

    def _fetched(self, address: Value, limit: Value, capacity: int) -> Value:
        """Memory of our own with what there is of `limit` bytes in the memory of the probe type, and a NUL behind."""
        place = self.reserve(capacity + 1)
        self.zero(place, capacity + 1)
        available = self.probe_type.emit_available(self, address)
        wanted = self.choose(self.compare(">", available, limit), lambda: limit, lambda: available)
        size = self.at_most(capacity, wanted)
        with self.when(self.compare(">", size, self.constant(0))):
            self.probe_type.emit_read(self, place, size, address)
        return place

    def at_most(self, limit: int, value: Value) -> Value:
        """The smaller of two unsigned integers, as the verifier can see it whatever the script has checked before."""
        number = self.opaque(value)
        most = self.constant(limit)
        return self.choose(self.compare(">", number, most), lambda: most, lambda: number)

    def equal_strings(self, left: Value, right: Value, most: int | None = None) -> Value:
        """1 when the strings agree up to their NUL, or over the smaller storage when none has one there."""
        return equal_strings(self, left, right, most)

    def find_string(self, text: Value, wanted: Value) -> Value:
        return find_string(self, text, wanted)

    def compare_bytes(self, left: Value, right: Value, size: Value, capacity: int) -> Value:
        return compare_bytes(self, left, right, size, capacity)

    def constant_row(self, name: str, rows: Sequence[bytes], width: int, index: Value) -> Value:
        table = self.map_value(self.resources.constant_table(name, b"".join(row.ljust(width, b"\0") for row in rows)))
        row = self.at_most(len(rows) - 1, index)
        distance = self.binary("*", row, self.constant(width))
        return Value(self.offset(table, distance, width & -width).handle, String(width))

    # Kernel functions

    def kfunc(self, name: str, *arguments: Value, result: Type = INT64) -> Value:
        symbol = KFUNC_PREFIX + name
        function = self._module.globals.get(symbol)
        if function is None:
            parameters = [self.handle(argument).type for argument in arguments]
            function = ir.Function(self._module, ir.FunctionType(I64, parameters), symbol)
        call = self._call(FunctionAddress(function), name, arguments, I64)
        # The kernel's C leaves what is above the bits of a narrow result as it happens to be.
        return self.cast(Value(call, INT64), Int(1, False) if isinstance(result, Bool) else result)

    # Maps and globals

    def map(self, name: str) -> Value:
        return Value(self._global("map", name), OWN_MEMORY)

    def map_value(self, name: str) -> Value:
        if not self.resources.is_per_cpu(name):
            return Value(self._global("value", name), OWN_MEMORY)
        slot = self.helper_address("map_lookup_elem", self.map(name), self.first_key())
        # An array's only element is always there, but the verifier cannot know.
        with self.when(self.compare("==", slot, self.constant(0))):
            self.end_probe()
        return slot

    def first_key(self) -> Value:
        """The address of the key of a scalar map's only element."""
        key = self.reserve(4)
        self.store(key, self.constant(0, Int(4, False)))
        return key

    def zeros(self, size: int) -> Value:
        self.resources.zeros_size = max(self.resources.zeros_size, size)
        return self.map_value(ZEROS_MAP)

    def global_value(self, name: str) -> Value:
        return self.load(self.map_value(GLOBALS_MAP), UINT64, 8 * GLOBALS.index(name))

    def pretended_time(self) -> Value | None:
        name = self._clock_map
        if not name:
            return None
        spec = self.resources.maps.get(name)
        if spec is None or spec.key_type is not None or not isinstance(spec.value_type, Int):
            message = f"BPFTRACE_DUMMY_TS_MAP: {name} is not a map of one integer in this script"
            self._diagnostics.error(message, (self.call or self.place).span)
            return self.constant(0, UINT64)
        return self.cast(self.load(self.map_value(name), spec.value_type), UINT64)

    def kernel_variable(self, name: str) -> Value:
        return Value(self._external(VARIABLE_PREFIX + name), OWN_MEMORY)

    def kernel_symbol(self, name: str) -> Value:
        # LLVM takes the address of a global for no null pointer, aligned, and unlike that of any other.
        address = self.builder.ptrtoint(self._external(SYMBOL_PREFIX + name), I64)
        return self.opaque(Value(address, UINT64))

    def _global(self, kind: str, name: str) -> Any:
        return self._external(f"{kind}.{self.resources.map_number(name)}")

    def _external(self, symbol: str) -> Any:
        known = self._module.globals.get(symbol)
        if known is None:
            known = ir.GlobalVariable(self._module, I64, symbol)
            known.linkage = "external"
            known.type = PTR
        return known

    def lookup_percpu(self, map_name: str, key: Value, cpu: Value) -> Value:
        """The address of a CPU's part of a per-CPU map's value, or null."""
        return self.helper_address("map_lookup_percpu_elem", self.map(map_name), key, cpu)

    def map_part(self, name: str, cpu: Value) -> Value:
        return self.lookup_percpu(name, self.first_key(), cpu)

    def for_each_cpu(self, body: Callable[[Value], None]) -> None:
        for_each_cpu(self, self.cpus, body)

    # Loops

    def loop(self, count: Value, body: Callable[[Value], None]) -> None:
        """Emits `body` as a function that is called `count` times (unsigned), with the number of the round from 0.

        No Value made outside of `body` can be used inside; variables that are `captured` can.
        """
        loop(self, count, body)

    def range_loop(self, start: Value, end: Value, body: Callable[[Value], None]) -> None:
        """`body` for each number from `start` up to but not including `end`, which are signed."""
        range_loop(self, start, end, body)

    def while_loop(self, condition: Callable[[], Value], body: Callable[[], None]) -> None:
        """Both are emitted inside the loop's function, as the body of `loop` is."""
        while_loop(self, condition, body)

    def count_keys(self, name: str) -> Value:
        if "map_sum_elem_count" in self._features:
            return self.kfunc("bpf_map_sum_elem_count", self.map(name))
        # The helper gives the number of keys that it has called the function for.
        count = for_each(self, name, lambda key, value: None)
        return self.choose(
            self.compare("<", count, self.constant(0), signed=True), lambda: self.constant(0), lambda: count
        )

    def for_each(self, map_name: str, body: Callable[[Value, Value], None]) -> None:
        """Emits `body` as a function that is called with the addresses of each key and value of a keyed map.

        The value of a per-CPU map is this CPU's part.
        """
        for_each(self, map_name, body)

    def unwind_user(
        self, header: int, limit: int, process: Value, returns: Sequence[int] = ()
    ) -> tuple[Value, Value]:
        return unwind_user(self, header, limit, process, returns)

    @contextmanager
    def callback(self, arguments: Sequence[tuple[str, Any]]) -> Iterator[BpfFunction]:
        """Inside, code goes into a new function with these arguments and the frame's address as the last one."""
        outer, place = self.unit, self.place
        self._callbacks += 1
        if self.stack_budget == STACK_BUDGET:
            self.stack_budget //= 2  # a loop that the tree does not show
        name = f"{self._main.function.name}_loop_{self._callbacks}"
        self.unit = BpfFunction(self._module, name, [*arguments, ("frame", PTR)], self.frame, callback=True)
        self._scope(name)
        self.at(place)
        with self.wanted(None):
            yield self.unit
        self.unit = outer
        self.at(place)

    # Failures

    def count_failure(self, helper: str, code: Value, message: str = "") -> None:
        node = self.call
        assert node is not None, "failures happen in calls and statements"
        self.count_failure_at(node, helper, code, message)

    def count_failure_at(self, node: ast.Node, helper: str, code: Value, message: str = "") -> None:
        site = self.resources.failure_site(self.number, helper, message, node.span)
        slot = self.offset(self.map_value(FAILURES_MAP), site.index * FAILURE_SLOT_SIZE)
        self.atomic_add(slot, self.constant(1))
        self.store(slot, self.cast(code, INT64), 8)

    def count_failed_read(self, helper: str, code: Value) -> None:
        """Counts a read that gave a negative errno, at the call that made it or else at the place we are at."""
        if self._counts_misses:
            with self.when(self.compare("<", code, self.constant(0), signed=True)):
                self.count_failure_at(self.call or self.place, helper, code, "")

    def count_missing_key(self, node: ast.Node, slot: Value) -> None:
        """Counts a look-up that gave no value."""
        if self._counts_misses:
            with self.when(self.compare("==", slot, self.constant(0))):
                self.count_failure_at(node, "map_lookup_elem", self.constant(0), "")

    def count_missing_part(self, node: ast.Node, cpu: Value, slot: Value) -> None:
        """Counts a look-up of the parts of all CPUs that gave none: at the first CPU, as all have the same keys."""
        number, first = self.known(cpu), self.cpus[0]
        if number not in (None, first):
            return
        missing = self.compare("==", slot, self.constant(0))
        if number is None:
            missing = self.binary("&", missing, self.compare("==", cpu, self.constant(first)))
        with self.when(missing):
            self.count_failure_at(node, "map_lookup_percpu_elem", self.constant(0), "")

    def has(self, feature: str) -> bool:
        return feature in self._features

    def requires(self, feature: str, node: ast.Node | None = None) -> None:
        """Says, at a node or where we are, that the kernel lacks a feature that the program cannot do without."""
        if not self.has(feature):
            self._diagnostics.error(f"Missing required kernel feature: {feature}", (node or self.place).span)

    # Beginning and end

    def finish(self) -> None:
        """Ends the last block, and builds the entry and exit now that the need for scratch is known."""
        builder, main = self.builder, self._main
        builder.branch(main.exit)
        needs_scratch = self.scratch_peak > self._own_scratch
        claims = needs_scratch and self._is_preemptible
        builder.position_at_end(main.entry)
        if shares_stack(self.probe_type):
            keep_own_stack(self)
        if self.frame.has("context"):
            builder.store(main.function.args[0], main.word("context"), align=8)
        if self.frame.has("left"):
            builder.store(I64(0), main.word("left"), align=8)
        if claims:
            self.place = self._node.attach_points[0]
            self.requires("atomic_fetch")
        skip = main.block("skip") if needs_scratch else main.exit
        if needs_scratch:
            find_scratch(self, skip, claims)
        builder.branch(main.start)
        if needs_scratch:
            builder.position_at_end(skip)
            if claims:
                self.count_failure_at(self._node, "", self.constant(0), "")
            builder.ret(builder.load(main.word("result"), typ=I64) if self._has_result else I64(0))
        builder.position_at_end(main.exit)
        if claims:
            builder.store(I64(0), self.scratch_at(0).handle, align=8)
        builder.ret(builder.load(main.word("result"), typ=I64) if self._has_result else I64(0))
        self.frame.finish()
        if self.scratch_peak > SCRATCH_LIMIT:
            first = self._node.attach_points[0]
            message = (
                f"The probe {first.text} needs {self.scratch_peak} bytes of per-CPU memory at a time, and the "
                f"kernel gives at most {SCRATCH_LIMIT}."
            )
            hint = "Strings take most of it: a smaller max_strlen, or fewer strings in one statement, may help."
            self._diagnostics.error(message, first.span, hints=(hint,))


def _loop_depth(node: ast.Node) -> int:
    """How many loops lie around the innermost statement."""
    inner = max((_loop_depth(child) for child in ast.children(node)), default=0)
    return inner + isinstance(node, ast.For | ast.While)
