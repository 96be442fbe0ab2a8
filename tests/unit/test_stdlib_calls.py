"""The functions of a probe's body: what they emit, what they give, and which calls are refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from output_fakes import FUNCTIONS, Call, FakeOutput, Machine
from pybpftrace.core.artifacts import EventSpec
from pybpftrace.core.config import Config
from pybpftrace.core.emitter import Value
from pybpftrace.core.function import Signature
from pybpftrace.core.probe import AttachPointError
from pybpftrace.core.types import (
    INT8,
    INT32,
    INT64,
    NOTHING,
    UINT32,
    UINT64,
    VOID,
    Array,
    Enum,
    Field,
    Int,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)

IDS = {"get_current_pid_tgid": 7 << 32 | 8, "get_current_uid_gid": 100 << 32 | 1000}
HIST = OwnedType("hist", "hist_t", 528, (0,), True)
COUNT = OwnedType("count", "count_t", 8, (), True, UINT64)


def emitted(call: Call, machine: Machine) -> Value:
    function = FUNCTIONS[call.name]
    call.type = function.type_of(call)
    assert call.errors == []
    value = function.emit(machine, call)
    assert value.type == call.type
    return value


def errors(call: Call) -> list[str]:
    FUNCTIONS[call.name].type_of(call)
    return call.errors


@pytest.mark.parametrize(
    ("name", "value", "type_"),
    [
        ("pid", 7, UINT32),
        ("tid", 8, UINT32),
        ("uid", 1000, UINT64),
        ("gid", 100, UINT64),
        ("cpu", 3, UINT64),
        ("cgroup", 77, UINT64),
        ("nsecs", 5000, UINT64),
        ("elapsed", 4000, UINT64),
        ("cpid", 99, UINT64),
    ],
)
def test_numbers_of_the_moment_come_from_their_helper(name: str, value: int, type_: Type) -> None:
    helpers = {**IDS, "get_smp_processor_id": 3, "get_current_cgroup_id": 77, "ktime_get_boot_ns": 5000}
    result = emitted(Call(name), Machine(helpers, globals={"start_time": 1000, "cpid": 99}))
    assert (result.handle, result.type) == (value, type_)


def test_without_a_child_cpid_is_zero_and_says_so() -> None:
    machine = Machine(globals={"cpid": 0})
    assert emitted(Call("cpid"), machine).handle == 0
    assert machine.failures == [("", 0, "No child command (`-c`); cpid is zero")]


def test_in_a_pid_namespace_ids_come_from_there_unless_the_initial_one_is_asked_for() -> None:
    machine = Machine({**IDS, "get_ns_current_pid_tgid": 0}, pid_namespace=(4, 0xF0000001))
    emitted(Call("pid"), machine)
    assert machine.calls[0][:3] == ("get_ns_current_pid_tgid", 4, 0xF0000001)
    assert emitted(Call("pid", VOID, words={0: "init"}), machine).handle == 7


@pytest.mark.parametrize(
    ("clock", "helper"),
    [("boot", "ktime_get_boot_ns"), ("monotonic", "ktime_get_ns"), ("tai", "ktime_get_tai_ns")],
)
def test_nsecs_reads_the_clock_that_is_named(clock: str, helper: str) -> None:
    assert emitted(Call("nsecs", VOID, words={0: clock}), Machine({helper: 5})).handle == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("pid", VOID, words={0: "other"}), "Invalid PID namespace mode: other (expects: curr_ns or init)"),
        (Call("pid", INT8), "pid() only supports curr_ns and init as the argument"),
        (Call("tid", INT8), "tid() only supports curr_ns and init as the argument"),
        (Call("nsecs", VOID, words={0: "lunar"}), "Invalid timestamp mode: lunar"),
        (Call("nsecs", INT8), "nsecs() only supports timestamp_mode arguments (int provided)"),
        (
            Call("str", Tuple((INT8,))),
            "str() expects a string, integer or a pointer type as first argument (tuple provided)",
        ),
        (Call("str", INT64, INT8, literals={1: -1}), "strcannot use negative length (-1)"),
        (Call("clear", INT8), "clear() expects a map argument"),
        (Call("zero", INT8), "zero() expects a map argument"),
        (Call("print", VOID), "void type passed to print() is not printable"),
        (Call("print", NOTHING), "none type passed to print() is not printable"),
        (
            Call("printf", String(4), NOTHING, literals={0: b"%s"}),
            "unable to print none type for specifier: s",
        ),
        (
            Call("printf", String(4), Struct("struct s", 8), literals={0: b"%d"}),
            "unsupported format specifier for type 'struct s': d",
        ),
        (
            Call("printf", String(4), Pointer(Struct("task"), "context"), literals={0: b"%p"}),
            "unsupported format specifier for type 'task *': p",
        ),
        (Call("print", Pointer(Struct("task"), "context")), "task * type passed to print() is not printable"),
        (Call("print", INT8, INT8), "Non-map print() only takes 1 argument, 2 found"),
        (
            Call("print", HIST),
            "Map type hist_t cannot print the value of individual keys. You must print the whole map.",
        ),
        (
            Call("printf", String(4), COUNT, literals={0: b"%d"}),
            "unsupported format specifier for type 'count_t': d",
        ),
        (
            Call("printf", String(4), literals={0: b"%d"}),
            "not enough arguments for format string (0 supplied, 1 expected)",
        ),
    ],
)
def test_a_wrong_call_is_refused_in_the_words_of_the_language(call: Call, message: str) -> None:
    assert errors(call) == [message]


def test_comm_is_a_string_of_sixteen_bytes() -> None:
    machine = Machine({"get_current_comm": 0})
    assert emitted(Call("comm"), machine).type == String(16)
    assert machine.calls[0][2] == 16


def test_what_follows_the_nul_of_comm_is_zero_though_the_helper_may_leave_it_alone() -> None:
    machine = Machine({"get_current_comm": 0})
    machine.memory[:] = b"\xff" * len(machine.memory)
    at = int(emitted(Call("comm"), machine).handle)  # type: ignore[call-overload]
    assert machine.memory[at : at + 16] == bytes(16)


def test_the_id_of_a_cgroup_is_found_while_compiling() -> None:
    target = SimpleNamespace(cgroup_id=lambda path: {"/sys/fs/cgroup/a": 123}[path])
    call = Call("cgroupid", String(17), literals={0: b"/sys/fs/cgroup/a"}, target=target)
    assert emitted(call, Machine()).handle == 123


def test_a_cgroup_that_is_not_there_is_an_error() -> None:
    def missing(path: str) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    call = Call("cgroupid", String(3), literals={0: b"/x"}, target=SimpleNamespace(cgroup_id=missing))
    assert errors(call) == ['Failed to get `cgroupid` for path: "/x": No such file or directory']


class TestStr:
    def test_literals_become_constants(self) -> None:
        for literal, type_, text in ((b"hello", String(6), b"hello"), (5, INT8, b"5")):
            value = emitted(Call("str", type_, literals={0: literal}), Machine())
            assert (value.handle, value.type) == (text, String(len(text) + 1))

    def test_a_literal_length_keeps_that_many_characters_of_a_literal(self) -> None:
        call = Call("str", String(6), INT8, literals={0: b"hello", 1: 3})
        assert emitted(call, Machine()).handle == b"hel"

    @pytest.mark.parametrize(
        ("limit", "literal", "size", "most", "capacity"),
        [(1024, None, 1024, 1024, 1024), (10, None, 10, 11, 11), (1024, 20, 21, 20, 21), (1024, 0, 1, 1, 1)],
    )
    def test_memory_is_read_up_to_the_limit(
        self, limit: int, literal: int | None, size: int, most: int, capacity: int
    ) -> None:
        types = (Pointer(INT8, "user"),) if literal is None else (Pointer(INT8, "user"), INT8)
        literals: dict[int, Any] = {} if literal is None else {1: literal}
        machine = Machine()
        value = emitted(Call("str", *types, literals=literals, config=Config(max_strlen=limit)), machine)
        assert (value.type, value.length and value.length.handle) == (String(size), 5)
        assert machine.calls == [("read_string", "user", most, "argument 0", capacity)]

    @pytest.mark.parametrize(("given", "most"), [(0, 1), (5, 5), (5000, 1024), (-1, 1024)])
    def test_a_length_of_run_time_is_kept_in_bounds(self, given: int, most: int) -> None:
        call = Call("str", INT64, INT64)
        call.value = lambda index: Value(given, INT64)  # type: ignore[method-assign,assignment,return-value]
        machine = Machine(space="kernel")
        emitted(call, machine)
        assert machine.calls == [("read_string", "kernel", most, given, 1024)]

    def test_a_length_over_the_limit_warns(self) -> None:
        call = Call("str", INT64, INT32, literals={1: 5000})
        assert FUNCTIONS["str"].type_of(call) == String(1024)
        assert call.warnings == [
            "length param (5000) is too long and will be shortened to 1024 bytes (see BPFTRACE_MAX_STRLEN)"
        ]

    def test_a_string_stays_as_it_is(self) -> None:
        assert emitted(Call("str", String(16)), Machine()).handle == "argument 0"


class TestProbeContext:
    def test_probe_is_the_full_name_of_the_point(self) -> None:
        assert emitted(Call("probe"), Machine()).handle == b"interval:ms:50"

    def test_args_is_a_pointer_into_the_context(self) -> None:
        struct = Struct("openat", 24, (Field("dfd", INT32, 16),))
        probe_type = SimpleNamespace(names=("tracepoint",), args=lambda point, target: struct)
        value = emitted(Call("args", probe_type=probe_type), Machine())
        assert (value.handle, value.type) == ("context", Pointer(struct, "context"))

    def test_without_args_the_probe_type_is_named(self) -> None:
        probe_type = SimpleNamespace(names=("interval",), args=lambda point, target: None)
        assert errors(Call("args", probe_type=probe_type)) == [
            "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes "
            "(interval used here)"
        ]

    def test_what_the_probe_type_says_of_an_argument_is_passed_on(self) -> None:
        def argument(point: object, index: int, architecture: str) -> Type | None:
            if index > 5:
                raise AttachPointError(f"{architecture} doesn't support arg{index}")
            return UINT64

        probe_type = SimpleNamespace(names=("uprobe",), argument=argument)
        assert errors(Call("arg5", probe_type=probe_type)) == []
        assert errors(Call("arg6", probe_type=probe_type)) == ["x86_64 doesn't support arg6"]

    @pytest.mark.parametrize(("provider", "end"), [("interval", ""), ("tracepoint", " (try to use args.ret instead)")])
    def test_retval_needs_a_return_probe(self, provider: str, end: str) -> None:
        probe_type = SimpleNamespace(names=(provider,), return_value=lambda point, target: None)
        assert errors(Call("retval", probe_type=probe_type)) == [
            "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes" + end
        ]

    def test_argn_outside_of_its_probes_is_refused(self) -> None:
        probe_type = SimpleNamespace(names=("interval",), argument=lambda point, index, architecture: None)
        assert errors(Call("arg0", probe_type=probe_type)) == [
            "The argN builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes"
        ]


class TestActions:
    def test_printf_sends_its_values_and_its_format(self) -> None:
        machine = Machine()
        emitted(Call("printf", String(9), UINT32, String(16), literals={0: b"%d %s\n\xff"}), machine)
        assert machine.events == [(["argument 1", "argument 2"], [UINT32, String(16)], {"format": "%d %s\n\xff"})]

    def test_a_castable_aggregation_travels_as_its_integer(self) -> None:
        machine = Machine()
        emitted(Call("print", COUNT), machine)
        assert machine.events == [(["argument 0"], [UINT64], {})]

    def test_printing_a_map_sends_its_name_only(self) -> None:
        machine = Machine()
        emitted(Call("print", COUNT, INT8, INT8, maps={0: "@a"}, literals={1: 3, 2: 10}), machine)
        assert machine.events == [([], [], {"map": "@a", "top": 3, "divisor": 10})]

    def test_top_of_stats_warns(self) -> None:
        stats = OwnedType("stats", "stats_t", 16, (), True)
        call = Call("print", stats, INT8, maps={0: "@a"}, literals={1: 3})
        assert errors(call) == []
        assert call.warnings == ["print()'s top and div arguments are ignored when used on stats() maps."]

    def test_exit_ends_the_run_and_leaves_it_to_the_script_to_end_the_probe(self) -> None:
        machine = Machine()
        emitted(Call("exit", INT8), machine)
        assert not machine.ended
        assert machine.events == [(["argument 0"], [INT8], {})]
        output = FakeOutput()
        FUNCTIONS["exit"].handler(EventSpec(0, "exit", (INT8,), {}), output)((3,))
        assert (output.status, output.exiting) == (3, True)

    def test_exit_without_a_code_is_success(self) -> None:
        output = FakeOutput()
        FUNCTIONS["exit"].handler(EventSpec(0, "exit", (), {}), output)(())
        assert output.status == 0

    @pytest.mark.parametrize("name", ["clear", "zero"])
    def test_whole_maps_are_changed_by_name(self, name: str) -> None:
        machine, output = Machine(), FakeOutput()
        emitted(Call(name, INT8, maps={0: "@a"}), machine)
        settings = machine.events[0][2]
        FUNCTIONS[name].handler(EventSpec(0, name, (), settings), output)(())
        assert output.calls == [f"{name} @a"]

    def test_time_shows_the_wall_clock_in_the_format_given(self) -> None:
        output = FakeOutput()
        FUNCTIONS["time"].handler(EventSpec(0, "time", (), {"format": "at %%Y\n"}), output)(())
        assert output.written == b"at %Y\n"

    @pytest.mark.parametrize("spec", ["", "x" * 64])
    def test_a_time_that_is_empty_or_too_long_is_an_error(self, spec: str) -> None:
        output = FakeOutput()
        FUNCTIONS["time"].handler(EventSpec(0, "time", (), {"format": spec}), output)(())
        assert output.written == b"" and output.calls[0].startswith("error strftime returned zero")

    def test_time_has_a_default_format(self) -> None:
        machine = Machine()
        emitted(Call("time"), machine)
        assert machine.events == [([], [], {"format": "%H:%M:%S\n"})]


def test_what_takes_no_parentheses_and_what_needs_them() -> None:
    bare = ["pid", "tid", "comm", "nsecs", "cpu", "uid", "gid", "elapsed", "cgroup", "probe", "args", "arg0", "retval",
            "kstack", "ustack", "cpid"]  # fmt: skip
    assert all(FUNCTIONS[name].bare for name in bare)
    assert not any(FUNCTIONS[name].bare for name in ("exit", "time", "count", "str", "print", "clear"))
    assert not FUNCTIONS["args"].callable and not FUNCTIONS["arg3"].callable


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("printf", 1, 128), ("print", 1, 3), ("str", 1, 2), ("exit", 0, 1), ("time", 0, 1), ("hist", 1, 2),
     ("lhist", 4, 4), ("count", 0, 0), ("sum", 1, 1), ("kstack", 0, 2), ("cgroupid", 1, 1), ("clear", 1, 1)],
)  # fmt: skip
def test_argument_counts(name: str, least: int, most: int) -> None:
    signature: Signature = FUNCTIONS[name].signature
    assert (signature.minimum, signature.maximum) == (least, most)


@pytest.mark.parametrize(
    "type_",
    [
        Struct("struct s", 8, (Field("a", INT64, 0),)),
        Record((("a", INT8), ("b", Tuple((Struct("struct s", 8),))))),
        Enum("enum e", 8, False, (("A", 0),)),
        Array(Pointer(Struct("struct s"), "user"), 2),
    ],
)
@pytest.mark.parametrize("call", ["print", "printf"])
def test_values_of_every_kind_can_be_printed_and_travel_as_they_are(call: str, type_: Type) -> None:
    machine, is_print = Machine(), call == "print"
    emitted(Call(call, type_) if is_print else Call(call, String(3), type_, literals={0: b"%s"}), machine)
    assert [types for _, types, _ in machine.events] == [[type_]]


def test_structs_are_printable_and_the_context_inside_of_a_value_is_not() -> None:
    assert errors(Call("print", Tuple((INT8, Array(Struct("s", 8), 2))))) == []
    assert errors(Call("print", Tuple((INT8, Pointer(Struct("s"), "context"))))) == [
        "(int8,s *) type passed to print() is not printable"
    ]
    assert errors(Call("print", Int(4, True))) == []
