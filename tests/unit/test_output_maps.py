"""Map contents as bytes, and what is printed of them in both formats."""

from __future__ import annotations

from typing import Any

import pytest
from output_fakes import FakeSession, aggregated, pack, rendering, scalar
from pybpftrace.core.artifacts import MapSpec
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    UINT64,
    Array,
    Enum,
    Field,
    OwnedType,
    Pointer,
    Record,
    String,
    Struct,
    Tuple,
    Type,
)
from pybpftrace.passes.output.maps import MapReader
from pybpftrace.plugins.formats.json import JsonFormat
from pybpftrace.plugins.formats.text import TextFormat

COUNT = OwnedType("count", "count_t", 8, (), True, UINT64)
SUM = OwnedType("sum", "sum_t", 8, (), True, INT64)
MIN = OwnedType("min", "min_t", 16, (), True, INT64)
AVG = OwnedType("avg", "avg_t", 16, (), True, INT64)
STATS = OwnedType("stats", "stats_t", 16, (), True)
HIST = OwnedType("hist", "hist_t", 8 * 66, (0,), True)
COLOUR = Enum("enum colour", 8, True, (("RED", 1), ("BLUE", 2), ("NONE", -1)))
PAIR = Record((("a", INT64), ("b", String(8))))
POINT = Struct("struct point", 8, (Field("x", INT32, 0), Field("y", INT32, 4)))

Contents = list[tuple[bytes, bytes | list[bytes]]]


def shown(
    key: Type | None, value: Type, contents: Contents, *, json: bool = False, explicit: bool = True, **order: int
) -> str:
    parts = [part for _, data in contents for part in (data if isinstance(data, list) else [data])]
    kind = "percpu_hash" if isinstance(value, OwnedType) else "hash"
    size = value.size if isinstance(value, OwnedType) and key is not None else max(map(len, parts), default=8)
    spec = MapSpec("@m", kind, max((len(k) for k, _ in contents), default=8), size, 10, key, value)
    values = rendering()
    entries = MapReader(FakeSession(contents={"@m": contents}), values).entries(spec, explicit=explicit, **order)
    return b"".join((JsonFormat(values) if json else TextFormat(values)).map(spec, entries, explicit=explicit)).decode()


def keyed(key: Type, value: Type, entries: dict[Any, Any]) -> Contents:
    contents: Contents = []
    for k, v in entries.items():
        per_cpu = isinstance(value, OwnedType)
        contents.append((pack(key, k), [aggregated(value, cpu) for cpu in v] if per_cpu else pack(value, v)))  # type: ignore[arg-type]
    return contents


def test_a_scalar_map_is_one_line() -> None:
    assert shown(None, INT64, [(bytes(4), scalar(INT64, -5))]) == "@m: -5\n"
    assert shown(None, INT64, [(bytes(4), scalar(INT64, 5))], json=True) == '{"type": "map", "data": {"@m": 5}}\n'


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (INT64, "@m: 0\n"),
        (String(8), "@m: \n"),
        (Tuple((INT64, String(8))), "@m: (0, )\n"),
        (PAIR, "@m: { .a = 0, .b =  }\n"),
        (POINT, "@m: { .x = 0, .y = 0 }\n"),
        (COLOUR, "@m: 0\n"),
        (COUNT, "@m: 0\n"),
        (MIN, "@m: 0\n"),
        (STATS, "@m: { .count = 0, .average = 0, .total = 0 }\n"),
        (HIST, ""),
    ],
)
def test_a_scalar_map_that_was_never_assigned_prints_its_zero_when_asked_for_only(type_: Type, text: str) -> None:
    data = scalar(type_, b"", assigned=False)
    contents: Contents = [(bytes(4), [data, data] if isinstance(type_, OwnedType) else data)]
    assert shown(None, type_, contents) == text
    assert shown(None, type_, contents, explicit=False) == ""


def test_a_scalar_aggregation_counts_as_assigned_when_one_cpu_did() -> None:
    parts = [scalar(COUNT, b"", assigned=False), aggregated(COUNT, [0, 0]) + (1).to_bytes(8, "little")]
    assert shown(None, COUNT, [(bytes(4), parts)], explicit=False) == "@m: 2\n"


def test_a_zeroed_hist_is_its_name_and_a_blank_line() -> None:
    contents: Contents = [(bytes(4), [scalar(HIST, b"")])]
    assert shown(None, HIST, contents) == "@m:\n\n"
    assert shown(None, HIST, contents, json=True) == '{"type": "hist", "data": {"@m": []}}\n'


def test_plain_numbers_are_in_order_of_their_values_whatever_their_size() -> None:
    entries = {1: 30, 2: -5, 3: 7}
    for type_ in (INT8, INT16, INT64):
        assert shown(INT64, type_, keyed(INT64, type_, entries)) == "@m[2]: -5\n@m[3]: 7\n@m[1]: 30\n"


def test_equal_values_are_in_order_of_their_keys() -> None:
    assert shown(INT64, INT64, keyed(INT64, INT64, {3: 1, -1: 1, 2: 1})) == "@m[-1]: 1\n@m[2]: 1\n@m[3]: 1\n"


def test_aggregations_are_in_order_of_their_values_over_all_cpus() -> None:
    entries = {b"a": [[0, 0], [0]], b"b": [[], [0]], b"c": [[0], [0]]}
    assert shown(String(4), COUNT, keyed(String(4), COUNT, entries)) == "@m[b]: 1\n@m[c]: 2\n@m[a]: 3\n"


def test_negative_extremes_come_last_and_averages_sort_stats() -> None:
    assert shown(INT64, MIN, keyed(INT64, MIN, {1: [[-1]], 2: [[5]]})) == "@m[2]: 5\n@m[1]: -1\n"
    text = shown(INT64, STATS, keyed(INT64, STATS, {1: [[9]], 2: [[4, 4, 4]]}))
    assert [line[:5] for line in text.splitlines()] == ["@m[2]", "@m[1]"]


@pytest.mark.parametrize(
    ("key", "given", "order"),
    [
        (INT64, [5, -1, 3], ["-1", "3", "5"]),
        (UINT64, [1, 2**64 - 1], ["18446744073709551615", "1"]),
        (UINT8, [3, 200], ["200", "3"]),
        (String(8), [b"b", b"B", b"a"], ["B", "a", "b"]),
        (Tuple((INT64, String(8))), [(2, b"a"), (1, b"b"), (1, b"a")], ["1, a", "1, b", "2, a"]),
        (Tuple((BOOL, INT64)), [(True, 2), (False, 3), (True, 1)], ["true, 1", "true, 2", "false, 3"]),
        (Pointer(INT8), [16, 8], ["0x10", "0x8"]),
        (COLOUR, [2, 7, -1, 1], ["NONE", "RED", "BLUE", "7"]),
        (Tuple((COLOUR, INT64)), [(2, 1), (1, 2), (1, 1)], ["RED, 1", "RED, 2", "BLUE, 1"]),
        (
            PAIR,
            [(2, b"a"), (1, b"b"), (1, b"a")],
            ["{ .a = 1, .b = a }", "{ .a = 1, .b = b }", "{ .a = 2, .b = a }"],
        ),
        (POINT, [(2, 1), (1, 1)], ["{ .x = 2, .y = 1 }", "{ .x = 1, .y = 1 }"]),
        (Tuple((Tuple((INT64,)), INT64)), [((1,), 2), ((2,), 1)], ["(2), 1", "(1), 2"]),
    ],
)
def test_other_values_are_in_order_of_their_keys(key: Type, given: list[Any], order: list[str]) -> None:
    text = shown(key, String(4), keyed(key, String(4), dict.fromkeys(given, b"v")))
    assert text == "".join(f"@m[{item}]: v\n" for item in order)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (Tuple((INT64, String(8))), (1, b"a"), "1, a"),
        (Tuple((INT64, Tuple((INT64, INT64)))), (1, (2, 3)), "1, (2, 3)"),
        (String(8), b"(x)", "x"),
        (String(8), b"", ""),
        (BOOL, True, "true"),
        (COLOUR, 2, "BLUE"),
        (PAIR, (1, b"x"), "{ .a = 1, .b = x }"),
        (Tuple((COLOUR, PAIR)), (7, (1, b"x")), "7, { .a = 1, .b = x }"),
    ],
)
def test_keys_lose_their_outer_parentheses(key: Type, value: Any, text: str) -> None:
    assert shown(key, INT64, keyed(key, INT64, {value: 1})) == f"@m[{text}]: 1\n"


def test_json_keys_lose_their_blanks() -> None:
    key = Tuple((Tuple((INT64, INT64)), String(8)))
    text = shown(key, INT64, keyed(key, INT64, {((1, 2), b"a b"): 1, ((1, 3), b"c"): 2}), json=True)
    assert text == '{"type": "map", "data": {"@m": {"(1,2),ab": 1, "(1,3),c": 2}}}\n'


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (PAIR, (1, b"x y"), "{.a=1,.b=xy}"),
        (COLOUR, 2, "BLUE"),
        (POINT, (1, -2), "{.x=1,.y=-2}"),
        (Pointer(INT8), 16, "0x10"),
        (BOOL, False, "false"),
    ],
)
def test_json_keys_are_the_text_whatever_the_type(key: Type, value: Any, text: str) -> None:
    assert shown(key, INT64, keyed(key, INT64, {value: 1}), json=True) == (
        f'{{"type": "map", "data": {{"@m": {{"{text}": 1}}}}}}\n'
    )


def test_an_array_as_a_key_stands_in_its_brackets() -> None:
    contents: Contents = [(pack(Array(INT32, 4), [1, 2, 3, 4]), pack(INT64, 1))]
    assert shown(Array(INT32, 4), INT64, contents) == "@m[[1,2,3,4]]: 1\n"
    assert shown(Array(INT32, 4), INT64, contents, json=True).endswith('{"@m": {"[1,2,3,4]": 1}}}\n')


@pytest.mark.parametrize(
    ("type_", "value", "text", "data"),
    [
        (COLOUR, 2, "BLUE", "2"),
        (COLOUR, 7, "7", "7"),
        (Record((("a", INT64), ("b", Tuple((INT64, INT64))))), (1, (2, 3)), "{ .a = 1, .b = (2, 3) }",
         '{"a": 1, "b": [2,3]}'),
        (POINT, (1, -2), "{ .x = 1, .y = -2 }", '{"x": 1, "y": -2}'),
        (Array(POINT, 1), [(1, -2)], "[{ .x = 1, .y = -2 }]", '[{"x": 1, "y": -2}]'),
    ],
)  # fmt: skip
def test_a_map_holds_values_of_every_type(type_: Type, value: Any, text: str, data: str) -> None:
    assert shown(None, type_, [(bytes(4), scalar(type_, value))]) == f"@m: {text}\n"
    assert shown(INT64, type_, keyed(INT64, type_, {5: value})) == f"@m[5]: {text}\n"
    assert shown(None, type_, [(bytes(4), scalar(type_, value))], json=True) == (
        f'{{"type": "map", "data": {{"@m": {data}}}}}\n'
    )


def test_enums_as_values_are_in_order_of_their_numbers_and_stay_undivided() -> None:
    contents = keyed(INT64, COLOUR, {1: 2, 2: 7, 3: -1, 4: 1})
    assert shown(INT64, COLOUR, contents) == "@m[3]: NONE\n@m[4]: RED\n@m[1]: BLUE\n@m[2]: 7\n"
    assert shown(INT64, COLOUR, contents, top=1, divisor=7) == "@m[2]: 7\n"


def test_top_keeps_the_last_entries_and_the_divisor_divides_them() -> None:
    contents = keyed(INT64, INT64, {number: number * 10 for number in range(8)})
    assert shown(INT64, INT64, contents, top=3) == "@m[5]: 50\n@m[6]: 60\n@m[7]: 70\n"
    assert shown(INT64, INT64, contents, top=2, divisor=10) == "@m[6]: 6\n@m[7]: 7\n"
    assert len(shown(INT64, INT64, contents, top=100).splitlines()) == 8


def test_division_is_in_64_bits_toward_zero_and_leaves_other_values_alone() -> None:
    assert shown(INT64, INT8, keyed(INT64, INT8, {1: 100, 2: -7}), divisor=1000) == "@m[2]: 0\n@m[1]: 0\n"
    assert shown(INT64, INT8, keyed(INT64, INT8, {1: -7}), divisor=2) == "@m[1]: -3\n"
    assert shown(INT64, String(4), keyed(INT64, String(4), {1: b"ab"}), divisor=2) == "@m[1]: ab\n"


def test_top_means_nothing_for_a_scalar_map() -> None:
    assert shown(None, INT64, [(bytes(4), scalar(INT64, 70))], top=1, divisor=10) == "@m: 7\n"


@pytest.mark.parametrize("value", [INT64, COUNT, HIST])
@pytest.mark.parametrize("json", [False, True])
def test_an_empty_keyed_map_prints_nothing(value: Type, json: bool) -> None:
    assert shown(INT64, value, [], json=json) == ""


def test_an_empty_keyed_map_of_stats_is_an_empty_object_when_asked_for() -> None:
    assert shown(INT64, STATS, [], json=True) == '{"type": "stats", "data": {"@m": {}}}\n'
    assert shown(INT64, STATS, [], json=True, explicit=False) == ""


def test_a_keyed_hist_prints_each_key_with_its_rows() -> None:
    contents = keyed(INT64, HIST, {1: [[5], [6]], 2: [[0], []]})
    assert shown(INT64, HIST, contents) == (
        "@m[2]:\n[0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n"
        "@m[1]:\n[4, 8)                 2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n\n"
    )
    assert shown(INT64, HIST, contents, json=True) == (
        '{"type": "hist", "data": {"@m": {"2": [{"min": 0, "max": 0, "count": 1}], '
        '"1": [{"min": 4, "max": 7, "count": 2}]}}}\n'
    )


def test_averages_and_stats_are_stats_in_json() -> None:
    assert shown(None, AVG, [(bytes(4), [aggregated(AVG, [3]) + b"\1" + bytes(7)])], json=True) == (
        '{"type": "stats", "data": {"@m": 3}}\n'
    )
    assert shown(String(4), STATS, keyed(String(4), STATS, {b"a": [[3]]}), json=True) == (
        '{"type": "stats", "data": {"@m": {"a": {"count": 1, "average": 3, "total": 3}}}}\n'
    )


def test_stacks_as_keys_keep_their_line_feeds() -> None:
    stack = OwnedType("kstack", "kstack_bpftrace_2", 24, ("bpftrace", 2))
    key = (2).to_bytes(8, "little") + (0xFFFF0063).to_bytes(8, "little") + (0xFFFF006A).to_bytes(8, "little")
    contents: Contents = [(key, [aggregated(COUNT, [0] * 21)])]
    assert shown(stack, COUNT, contents) == "@m[\n        begin+99\n        run+106\n]: 21\n"
    assert shown(stack, COUNT, contents, json=True) == (
        '{"type": "map", "data": {"@m": {"\\nbegin+99\\nrun+106\\n": 21}}}\n'
    )


def test_a_stack_as_value_begins_a_new_line() -> None:
    stack = OwnedType("kstack", "kstack_raw_1", 16, ("raw", 1))
    value = (1).to_bytes(8, "little") + (0xABC).to_bytes(8, "little")
    assert shown(None, stack, [(bytes(4), value + b"\1" + bytes(7))]) == "@m: \nabc\n\n"


def test_sums_wrap_as_64_bit_numbers() -> None:
    assert shown(INT64, SUM, keyed(INT64, SUM, {1: [[2**63 - 1], [1]]})) == f"@m[1]: {-(2**63)}\n"
