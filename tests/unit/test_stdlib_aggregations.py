"""Aggregations: what a program does to its part, and how the parts of all CPUs become one value."""

from __future__ import annotations

import pytest
from checking import TARGET
from output_fakes import FUNCTIONS, Call, Machine, aggregated, rendering
from pybpftrace.core.emitter import Value
from pybpftrace.core.function import Aggregation
from pybpftrace.core.integers import convert
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.types import BOOL, INT32, INT64, UINT32, UINT64, Int, OwnedType, String, Type
from pybpftrace.passes import builtin_plugins


def type_of(name: str, argument: Type = INT64) -> OwnedType:
    type_ = FUNCTIONS[name].type_of(Call(name, *([] if name == "count" else [argument])))
    assert isinstance(type_, OwnedType)
    return type_


@pytest.mark.parametrize(
    ("name", "argument", "cpus", "value"),
    [
        ("count", INT64, [[0, 0, 0], [0]], 4),
        ("sum", INT64, [[5, -7], [1]], -1),
        ("sum", UINT64, [[2**64 - 1], [2]], 1),
        ("min", INT64, [[5, -3], [], [4]], -3),
        ("min", UINT64, [[5, 2**64 - 1], [9]], 5),
        ("max", INT64, [[-5, -3], []], -3),
        ("max", UINT64, [[5, 2**64 - 1], [9]], 2**64 - 1),
        ("max", INT64, [[], []], 0),
        ("avg", INT64, [[10], [15]], 12),
        ("avg", INT64, [[-10], [-15]], -12),
        ("avg", INT64, [[], []], 0),
        ("stats", INT64, [[3, 4], [5]], (3, 4, 12)),
        ("stats", INT64, [[], []], (0, 0, 0)),
    ],
)
def test_the_parts_of_all_cpus_make_one_value(name: str, argument: Type, cpus: list[list[int]], value: object) -> None:
    type_ = type_of(name, argument)
    parts = [aggregated(type_, numbers) for numbers in cpus]
    assert FUNCTIONS[name].reduce(type_, parts) == value


@pytest.mark.parametrize(
    ("name", "argument", "cpus"),
    [
        ("count", INT64, [[0, 0, 0], [0]]),
        ("sum", INT64, [[5, -7], [1]]),
        ("sum", UINT64, [[2**64 - 1], [2]]),
        ("min", INT64, [[5, -3], [], [4]]),
        ("min", INT64, [[], [4], [-9]]),
        ("min", UINT64, [[5, 2**64 - 1], [9]]),
        ("max", INT64, [[-5, -3], []]),
        ("max", UINT64, [[5, 2**64 - 1], [9]]),
        ("max", INT64, [[], []]),
        ("avg", INT64, [[10], [15]]),
        ("avg", INT64, [[-10], [-15]]),
        ("avg", UINT64, [[2**64 - 1], [2**64 - 3]]),
        ("avg", INT64, [[], []]),
    ],
)
def test_a_program_reads_the_value_that_the_output_prints(name: str, argument: Type, cpus: list[list[int]]) -> None:
    type_ = type_of(name, argument)
    parts = [aggregated(type_, numbers) for numbers in cpus]
    machine = Machine()
    machine.cpus = len(parts) + 1  # the last one has no part

    def part(cpu: Value) -> Value:
        number = int(cpu.handle)  # type: ignore[call-overload]  # the machine's numbers are Python's
        if number == len(parts):
            return Value(0, INT64)
        at = 64 * (number + 1)
        machine.memory[at : at + type_.size] = parts[number]
        return Value(at, INT64)

    function = FUNCTIONS[name]
    assert isinstance(function, Aggregation) and type_.integer is not None
    read = function.emit_read(machine, type_, part)  # type: ignore[arg-type]  # a machine emits what tests need
    assert convert(type_.integer, int(read.handle)) == function.reduce(type_, parts)  # type: ignore[call-overload]


LEAST, MOST, ALL_ONES = -(2**63), 2**63 - 1, 2**64 - 1


@pytest.mark.parametrize(
    ("argument", "cpus", "least", "most"),
    [
        (INT64, [[LEAST], [MOST]], LEAST, MOST),
        (INT64, [[LEAST], []], LEAST, LEAST),
        (INT64, [[MOST], []], MOST, MOST),
        (INT64, [[-1, 0, 1]], -1, 1),
        (INT64, [[0], []], 0, 0),
        (INT64, [[-5], [0]], -5, 0),
        (INT64, [[], [-5]], -5, -5),
        (UINT64, [[ALL_ONES], [0]], 0, ALL_ONES),
        (UINT64, [[ALL_ONES], []], ALL_ONES, ALL_ONES),
        (UINT64, [[0], []], 0, 0),
        (UINT64, [[1 << 63, MOST]], MOST, 1 << 63),
        (INT64, [[], []], 0, 0),
        (UINT64, [[]], 0, 0),
    ],
)
def test_extremes_of_every_sign_are_found_among_those_that_were_given(
    argument: Type, cpus: list[list[int]], least: int, most: int
) -> None:
    for name, expected in ("min", least), ("max", most):
        type_ = type_of(name, argument)
        parts = [aggregated(type_, numbers) for numbers in cpus]
        function = FUNCTIONS[name]
        assert isinstance(function, Aggregation)
        assert function.reduce(type_, parts) == expected
        merged = function.merge(type_, parts)
        assert function.reduce(type_, [merged]) == expected
        assert function.reduce(type_, [merged, bytes(type_.size)]) == expected
        assert any(merged) == any(cpus)


@pytest.mark.parametrize("name", ["count", "sum", "avg", "stats", "hist"])
def test_parts_put_into_one_make_the_same_value(name: str) -> None:
    type_ = type_of(name)
    parts = [aggregated(type_, numbers) for numbers in ([-5, 7, 7], [], [2**62, -1])]
    function = FUNCTIONS[name]
    assert isinstance(function, Aggregation)
    assert function.reduce(type_, [function.merge(type_, parts)]) == function.reduce(type_, parts)


@pytest.mark.parametrize("name", ["sum", "min", "max", "avg", "stats"])
def test_the_sign_of_the_argument_makes_the_type(name: str) -> None:
    assert str(type_of(name, INT32)) == f"{name}_t"
    assert str(type_of(name, UINT32)) == f"u{name}_t"
    assert str(type_of(name, Int(1, True, flexible=True))) == f"{name}_t"


def test_all_but_stats_read_as_an_integer() -> None:
    assert [type_of(n, UINT32).integer for n in ("count", "sum", "min", "max", "avg", "stats")] == [UINT64] * 5 + [None]
    assert type_of("sum", INT32).integer == INT64


@pytest.mark.parametrize("argument", [String(4), BOOL])
@pytest.mark.parametrize("name", ["sum", "min", "max", "avg", "stats"])
def test_only_integers_can_be_aggregated(name: str, argument: Type) -> None:
    call = Call(name, argument)
    FUNCTIONS[name].type_of(call)
    base = "string" if isinstance(argument, String) else "bool"
    assert call.errors == [f"{name}() only supports integer arguments ({base} provided)"]


@pytest.mark.parametrize(
    ("name", "value", "divided"),
    [("count", 17, 5), ("sum", -17, -5), ("avg", 9, 3), ("stats", (4, 17, 68), (4, 5, 68))],
)
def test_division_goes_toward_zero_and_of_stats_takes_the_average(name: str, value: object, divided: object) -> None:
    assert FUNCTIONS[name].divide(type_of(name), value, 3) == divided


def test_negative_extremes_are_put_in_order_after_positive_ones() -> None:
    type_ = type_of("min")
    assert sorted([-1, 5, 3], key=lambda value: FUNCTIONS["min"].sort_key(type_, value)) == [3, 5, -1]


@pytest.mark.parametrize(("update", "most"), [("min(nsecs)", 36), ("max((int64)nsecs)", 36), ("count()", 16)])
def test_a_program_that_only_updates_is_a_few_instructions(update: str, most: int) -> None:
    source = Source("t", f"interval:s:1 {{ @m = {update}; }}")
    compiled = Pipeline(plugin_manager(builtin_plugins())).compile(source, TARGET)
    assert compiled is not None
    (program,) = compiled.programs
    assert len(program.instructions) // 8 <= most


def test_stats_show_as_a_record() -> None:
    assert FUNCTIONS["stats"].map_text(type_of("stats"), b"@s", (1, 7, 7), rendering()) == (
        b"@s: { .count = 1, .average = 7, .total = 7 }\n"
    )
