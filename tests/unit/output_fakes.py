"""What the tests of stage 6 and of the standard library share: records as bytes, a session in memory, an emitter."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from pybpftrace.core.artifacts import CompiledProgram, EventSpec, FailureSite, MapSpec, ProgramSpec
from pybpftrace.core.config import Config
from pybpftrace.core.emitter import Value
from pybpftrace.core.function import Function
from pybpftrace.core.map_batches import MapBatch
from pybpftrace.core.output import CodePlace
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.records import is_long_string, record_layout
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.run import RunOptions
from pybpftrace.core.source import SavedSpan, Source
from pybpftrace.core.types import (
    INT64,
    UINT64,
    Buffer,
    OwnedType,
    String,
    Struct,
    Type,
    round_up,
    size_of,
    tuple_layout,
)
from pybpftrace.passes.output.rendering import ValueRendering
from pybpftrace.plugins.formats.json import JsonFormat
from pybpftrace.plugins.formats.text import Text, TextFormat


def functions() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for _, item in builtin_objects("FUNCTIONS"):
        found.update(dict.fromkeys(item.names, item))  # type: ignore[misc]  # FUNCTIONS holds functions
    return found


FUNCTIONS = functions()


class Symbols:
    """Two kernel functions and one function of process 7."""

    def __init__(self, *, shows_source: bool = False) -> None:
        self._shows_source = shows_source

    def kernel(self, address: int) -> tuple[str, int] | None:
        return {0xFFFF0063: ("begin", 99), 0xFFFF006A: ("run", 106)}.get(address)

    def user(self, pid: int, address: int) -> tuple[str | None, int, str | None]:
        offset = address - 0x401126
        return ("leaf", offset, "./t1") if pid == 7 and 0 <= offset < 16 else (None, 0, None)

    def source(self, pid: int, address: int) -> tuple[CodePlace, ...]:
        if not self._shows_source:
            return ()
        inlined, whole = CodePlace("inner", "/src/a.h", 3), CodePlace("leaf", "/src/a.c", 14)
        return {0x401130: (inlined, whole), 0x401131: (CodePlace("leaf", "", 0),)}.get(address, ())

    def remembered(self, pid: int, style: str, make: Callable[[int], bytes]) -> Made:
        return Made(make)


class Made(dict[int, bytes]):
    """What `make` makes of any key."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        self.__dict__["make"] = make

    def __missing__(self, key: int) -> bytes:
        made: bytes = self.__dict__["make"](key)
        return made


def rendering(**config: Any) -> ValueRendering:
    return ValueRendering(Config(**config), FUNCTIONS, Symbols(shows_source=config.get("show_debug_info", False)))


def pack(type_: Type, value: Any) -> bytes:
    """A value as a program stores it."""
    if isinstance(type_, Buffer):
        return (len(value).to_bytes(4, "little") + value).ljust(type_.size, b"\0")
    if isinstance(value, bytes):
        return value[: size_of(type_)].ljust(size_of(type_), b"\0")
    if isinstance(value, list):
        return b"".join(pack(type_.element, item) for item in value)  # type: ignore[union-attr]  # of an array
    if isinstance(type_, Struct):
        number = 0
        for field, item in zip(type_.fields, value, strict=True):
            bits = item if field.bit_width else int.from_bytes(pack(field.type, item), "little")
            number |= bits << field.offset * 8 + field.bit_shift
        return number.to_bytes(type_.size, "little")
    if isinstance(value, tuple):
        offsets, size = tuple_layout(type_.elements)  # type: ignore[union-attr]  # tuples have tuple types
        data = bytearray(size)
        for element, at, item in zip(type_.elements, offsets, value, strict=True):  # type: ignore[union-attr]
            data[at : at + size_of(element)] = pack(element, item)
        return bytes(data)
    return (int(value) & (1 << 64) - 1).to_bytes(8, "little")[: size_of(type_)]


def record(event: EventSpec, *values: Any, flags: int = 0, page: int = 3) -> bytes:
    """An event as it lies in the ring buffer."""
    layout = record_layout(event.fields)
    data = bytearray(layout.fixed_size)
    data[:8] = event.id.to_bytes(8, "little")
    text = b""
    for type_, at, value in zip(layout.fields, layout.offsets, values, strict=True):
        if is_long_string(type_):
            data[at : at + 4] = len(value).to_bytes(4, "little")
            text += value
        else:
            # What follows the NUL of a string that was read in place is whatever was there before.
            data[at : at + size_of(type_)] = (
                (value + b"\0").ljust(size_of(type_), b"#")[: size_of(type_)]
                if isinstance(type_, String)
                else pack(type_, value)
            )
    whole = bytes(data) + text
    header = struct.pack("<II", len(whole) | flags, page)
    return header + whole + bytes(round_up(len(whole), 8) - len(whole))


def scalar(type_: Type, value: Any, *, assigned: bool = True) -> bytes:
    """A scalar map's value with the mark behind it."""
    data = pack(type_, value)
    return data.ljust(round_up(len(data), 8), b"\0") + int(assigned).to_bytes(8, "little")


class FakeSession:
    """A session whose events, maps and failures are given; it records what it is asked to do."""

    def __init__(
        self,
        *,
        events: Sequence[EventSpec] = (),
        maps: Sequence[MapSpec] = (),
        spans: Sequence[bytes] = (),
        end_spans: Sequence[bytes] = (),
        contents: dict[str, list[tuple[bytes, bytes | list[bytes]]]] | None = None,
        failures: Sequence[tuple[FailureSite, int, int]] = (),
        source: str = "begin { }",
        config: Config | None = None,
        attached: int = 1,
        programs: Sequence[ProgramSpec] = (),
        runs: dict[str, tuple[tuple[int, int], list[bytes]]] | None = None,
        sequence: Sequence[bytes] = (),
    ) -> None:
        """`runs` says what running a program gives, and the spans that it sends; `sequence` what an iterator writes."""
        self.program = CompiledProgram(
            *(Source("stdin", source), "x86_64", config or Config()),
            *(tuple(programs), tuple(maps), tuple(events), (), {}),
        )
        self._runs = runs or {}
        self.attached = attached
        self.pid: int | None = None
        self.calls: list[str] = []
        self._spans = list(spans)
        self._end_spans = list(end_spans)
        self._contents = contents or {}
        self._failures = list(failures)
        self._sequence = sequence

    def runnable(self, lifecycle: str) -> Sequence[ProgramSpec]:
        return [program for program in self.program.programs if program.point.probe_type == lifecycle]

    def release(self) -> None:
        self.calls.append("release")

    def read_sequence(self) -> Iterator[bytes]:
        yield from self._sequence

    def wait(self, timeout_ms: int) -> None:
        self.calls.append("wait")

    def read_span(self) -> bytes:
        return self._spans.pop(0) if self._spans else b""

    def read_map(self, spec: MapSpec) -> Iterator[MapBatch]:
        yield MapBatch.of(spec, self._contents.get(spec.name, []))

    def clear_map(self, spec: MapSpec) -> None:
        self.calls.append(f"clear {spec.name}")

    def zero_map(self, spec: MapSpec) -> None:
        self.calls.append(f"zero {spec.name}")

    def failures(self) -> list[tuple[FailureSite, int, int]]:
        found, self._failures = self._failures, []
        return found

    def finished(self) -> bool:
        return not self._spans

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        return sum(is_meant(program.point) for program in self.program.programs)

    def stop(self) -> None:
        self.calls.append("stop")

    def run_signal_probes(self) -> None:
        """Called at each round, which is of no interest to a test."""

    def run_program(self, program: ProgramSpec, repeat: int = 1) -> tuple[int, int]:
        self.calls.append(f"run {program.name} {repeat}")
        outcome, spans = self._runs[program.name]
        self._spans += spans
        return outcome

    def run_end_probes(self) -> None:
        self.calls.append("end probes")
        self._spans += self._end_spans

    def close(self) -> None:
        self.calls.append("close")


def options(**settings: Any) -> RunOptions:
    return RunOptions(settings.pop("format", Text()), FUNCTIONS, {}, **settings)


class FakeOutput:
    """An output that keeps what is written."""

    def __init__(self, *, json: bool = False, **config: Any) -> None:
        self.rendering = rendering(**config)
        self.format = JsonFormat(self.rendering) if json else TextFormat(self.rendering)
        self.guards_notices = False
        self.exiting = False
        self.status: int | None = None
        self.points: list[ConcretePoint] = []
        self.chunks: list[bytes] = []
        self.calls: list[str] = []
        self.write = self.chunks.append

    @property
    def written(self) -> bytes:
        return b"".join(self.chunks)

    def error(self, message: str) -> None:
        self.calls.append(f"error {message}")

    def report(self, level: str, place: Sequence[SavedSpan], text: bytes) -> None:
        self.calls.append(f"report {level} {place[0]} {text!r}")

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None:
        self.calls.append(f"print {name} {top} {divisor}")

    def clear_map(self, name: str) -> None:
        self.calls.append(f"clear {name}")

    def zero_map(self, name: str) -> None:
        self.calls.append(f"zero {name}")

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        found = [point for point in self.points if is_meant(point)]
        self.calls += [f"detach {point.name}" for point in found]
        return len(found)

    def exit(self, code: int) -> None:
        self.status, self.exiting = code, True


class Call:
    """A call for a typing rule or for emission: argument types, literals, words and maps by position."""

    def __init__(
        self,
        name: str,
        *types: Type,
        literals: dict[int, int | bytes | bool] | None = None,
        words: dict[int, str] | None = None,
        maps: dict[int, str] | None = None,
        **settings: Any,
    ) -> None:
        self.name = name
        self.types = types
        self.config = settings.pop("config", Config())
        self.target = settings.pop("target", SimpleNamespace(features=frozenset({"tai"}), architecture="x86_64"))
        self.point = settings.pop("point", SimpleNamespace(name="interval:ms:50"))
        self.points = [self.point]
        self.in_loop = False
        interval = SimpleNamespace(names=("interval",), space="none", writes_sequence=False)
        self.probe_type = settings.pop("probe_type", interval)
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._literals, self._words, self._maps = literals or {}, words or {}, maps or {}
        self.type: Type = INT64

    def literal(self, index: int, *, cast: bool = True) -> int | bytes | bool | None:
        return self._literals.get(index)

    def word(self, index: int) -> str | None:
        return self._words.get(index)

    def map_name(self, index: int) -> str | None:
        return self._maps.get(index)

    def map_of(self, index: int) -> str:
        return self._maps[index]

    def map_key(self, index: int, key_index: int | None = None) -> Value | None:
        return None

    def error(self, message: str, index: int | None = None, *, hints: Sequence[str] = ()) -> None:
        self.errors.append(message)

    def warning(self, message: str, index: int | None = None) -> None:
        self.warnings.append(message)

    def place(self) -> tuple[SavedSpan, ...]:
        return ((1, 9, 1, 20),)

    def value(self, index: int) -> Value:
        return Value(f"argument {index}", self.types[index])


class Machine:
    """An emitter that carries the code out at once on Python numbers. `helpers` says what each helper gives.

    Addresses are places in `memory`; every call of a helper, event and failure is written down.
    """

    def __init__(self, helpers: dict[str, int] | None = None, space: str = "none", **settings: Any) -> None:
        self.config = Config()
        self.architecture = "x86_64"
        self.pid_namespace: tuple[int, int] | None = settings.pop("pid_namespace", None)
        self.point = SimpleNamespace(name="interval:ms:50")
        self.probe_type = SimpleNamespace(names=("interval",), space=space, writes_sequence=False)
        self.memory = bytearray(1 << 16)
        self.calls: list[tuple[Any, ...]] = []
        self.events: list[tuple[list[Any], list[Type], dict[str, object]]] = []
        self.failures: list[tuple[str, int, str]] = []
        self.globals: dict[str, int] = settings.pop("globals", {})
        self.ended = False
        self.cpus = 2
        #: Where each CPU's part of a scalar map's value is; 0 for one that has none.
        self.parts: dict[str, Sequence[int]] = {}
        self._helpers = helpers or {}
        self._free = 0
        self._skipping = 0

    def constant(self, value: int, type_: Type = INT64) -> Value:
        return Value(value, type_)

    def string_constant(self, text: bytes) -> Value:
        return Value(text, String(len(text) + 1))

    def binary(self, operator: str, left: Value, right: Value) -> Value:
        a, b = _u64(left), _u64(right)
        result = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b, "|": lambda: a | b,
            "^": lambda: a ^ b, "<<": lambda: a << b, ">>": lambda: a >> b, "/": lambda: a // b, "%": lambda: a % b,
        }[operator]()  # fmt: skip
        return Value(result & (1 << 64) - 1, left.type)

    def compare(self, operator: str, left: Value, right: Value, *, signed: bool = False) -> Value:
        a, b = (_s64(left), _s64(right)) if signed else (_u64(left), _u64(right))
        return Value(int({"<": a < b, ">": a > b, "==": a == b, "<=": a <= b, ">=": a >= b}[operator]), INT64)

    def cast(self, value: Value, type_: Type) -> Value:
        bits = size_of(type_) * 8
        number = _u64(value) & (1 << bits) - 1
        if getattr(type_, "signed", False) and number >> bits - 1:
            number -= 1 << bits
        return Value(number, type_)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        # A body cannot be left out of a `with`; what it does is undone by not recording it.
        self._skipping += not condition.handle
        yield
        self._skipping -= not condition.handle

    def choose(self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]) -> Value:
        return then() if condition.handle else otherwise()

    def helper(self, name: str, *arguments: Value) -> Value:
        self.calls.append((name, *[argument.handle for argument in arguments]))
        return Value(self._helpers[name], INT64)

    def context(self) -> Value:
        return Value("context", INT64)

    def load(self, address: Value, type_: Type, offset: int = 0) -> Value:
        at = int(address.handle) + offset  # type: ignore[call-overload]
        data = self.memory[at : at + size_of(type_)]
        return Value(int.from_bytes(data, "little", signed=getattr(type_, "signed", False)), type_)

    def store(self, address: Value, value: Value, offset: int = 0) -> None:
        if not self._skipping:
            at = int(address.handle) + offset  # type: ignore[call-overload]
            data = pack(value.type, value.handle)
            self.memory[at : at + len(data)] = data

    def zero(self, address: Value, size: int) -> None:
        if not self._skipping:
            at = int(address.handle)  # type: ignore[call-overload]
            self.memory[at : at + size] = bytes(size)

    def map_part(self, name: str, cpu: Value) -> Value:
        return Value(self.parts[name][int(cpu.handle)], INT64)  # type: ignore[call-overload]

    def atomic_add(self, address: Value, value: Value, offset: int = 0) -> None:
        if self._skipping:
            return
        at = int(address.handle) + offset  # type: ignore[call-overload]
        total = int.from_bytes(self.memory[at : at + 8], "little") + _u64(value)
        self.memory[at : at + 8] = (total & (1 << 64) - 1).to_bytes(8, "little")

    def raise_to(self, address: Value, value: Value) -> None:
        known = self.load(address, UINT64)
        if _u64(value) > _u64(known):
            self.store(address, Value(_u64(value), UINT64))

    def offset(self, address: Value, distance: int | Value) -> Value:
        step = distance if isinstance(distance, int) else int(distance.handle)  # type: ignore[call-overload]
        return Value(int(address.handle) + step, address.type)  # type: ignore[call-overload]

    def scratch(self, size: int, *, string: bool = False) -> Value:
        self._free += 4096
        return Value(self._free, INT64)

    def at_most(self, limit: int, value: Value) -> Value:
        return Value(min(limit, _u64(value)), value.type)

    def for_each_cpu(self, body: Callable[[Value], None]) -> None:
        for cpu in range(self.cpus):
            body(self.constant(cpu))

    def read_string(
        self, space: str, destination: Value, size: int | Value, address: Value, capacity: int
    ) -> Value:
        limit = size.handle if isinstance(size, Value) else size
        self.calls.append(("read_string", space, limit, address.handle, capacity))
        return Value(destination.handle, String(capacity), Value(5, INT64))

    def pretended_time(self) -> Value | None:
        return None

    def global_value(self, name: str) -> Value:
        return Value(self.globals[name], INT64)

    def event(self, fields: Sequence[Callable[[], Value]], types: Sequence[Type], settings: dict[str, object]) -> None:
        self.events.append(([field().handle for field in fields], list(types), settings))

    def count_failure(self, helper: str, code: Value, message: str = "") -> None:
        if not self._skipping:
            self.failures.append((helper, _s64(code), message))

    def count_failed_read(self, helper: str, code: Value) -> None:
        if _s64(code) < 0:
            self.count_failure(helper, code)

    def end_probe(self) -> None:
        self.ended = True


def _u64(value: Value) -> int:
    return int(value.handle) & (1 << 64) - 1  # type: ignore[call-overload]


def _s64(value: Value) -> int:
    number = _u64(value)
    return number - (1 << 64) if number >> 63 else number


def aggregated(type_: OwnedType, numbers: Sequence[int], name: str = "", **call: Any) -> bytes:
    """The part of one CPU after a call of the type's owner with each of the numbers."""
    machine = Machine()
    slot = Value(0, INT64)
    for number in numbers:
        site = Call(type_.owner, INT64, **call)
        site.type = type_
        site.value = lambda index, number=number: Value(number, INT64)  # type: ignore[method-assign,misc]
        FUNCTIONS[type_.owner].emit_update(machine, slot, site)  # type: ignore[attr-defined]
    return bytes(machine.memory[: type_.size])
