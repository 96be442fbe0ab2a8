"""The JSON output: every line is one object that fits the published schema, whatever bytes a traced process has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_lines import SCHEMA, checked_line, checked_lines, validator
from output_fakes import FUNCTIONS, FakeOutput, record, rendering
from pybpftrace.core.artifacts import EventSpec, MapSpec
from pybpftrace.core.output import BenchmarkResult, RuntimeFailure, TestResult
from pybpftrace.core.source import Source, Span
from pybpftrace.core.types import (
    BOOL,
    INT8,
    INT32,
    INT64,
    UINT64,
    Array,
    Buffer,
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
from pybpftrace.passes.output.events import EventDecoder
from pybpftrace.plugins.formats.json import JsonFormat

NAME = String(16)
COLOUR = Enum("enum colour", 4, False, (("RED", 1), ("GREEN", 2)))
MEMBERS = Struct("struct s", 24, (Field("number", INT32, 0), Field("name", NAME, 4)))
HIST = OwnedType("hist", "hist_t", 66 * 8, (0,), True)
STATS = OwnedType("stats", "stats_t", 16, (), True)
FORMAT = JsonFormat(rendering())

#: Names that processes can give themselves: NULs end them, everything else is allowed.
names = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))
texts = st.binary(max_size=60)
INTEGERS = {INT8: (-128, 127), INT32: (-(1 << 31), (1 << 31) - 1), INT64: (-(1 << 63), (1 << 63) - 1)}


def values(type_: Type) -> st.SearchStrategy[Any]:
    match type_:
        case String() | Buffer():
            return names
        case _ if type_ in INTEGERS:
            return st.integers(*INTEGERS[type_])
        case Pointer() | Enum():
            return st.integers(0, (1 << 64) - 1)
        case Tuple() | Record():
            return st.tuples(*map(values, type_.elements))
        case Array(element, count):
            return st.lists(values(element), min_size=count, max_size=count)
        case Struct(fields=fields):
            return st.tuples(*(values(field.type) for field in fields))
    return st.booleans() if type_ == BOOL else st.integers(0, (1 << 64) - 1)


simple = st.sampled_from([INT8, INT32, INT64, UINT64, BOOL, NAME, Buffer(8), Pointer(INT8), COLOUR, MEMBERS])
types = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: Tuple(tuple(found))),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda found: Record(tuple((f"m{i}", t) for i, t in enumerate(found)))
        ),
        st.builds(Array, inner, st.integers(0, 3)),
    ),
    max_leaves=6,
)
typed = types.flatmap(lambda type_: st.tuples(st.just(type_), values(type_)))


def only(data: bytes) -> dict[str, Any]:
    lines = checked_lines(data)
    assert len(lines) == 1
    return lines[0]


@given(typed)
def test_any_value_is_one_line_that_fits_the_schema(found: tuple[Type, Any]) -> None:
    assert only(FORMAT.value(*found))["type"] == "value"


@given(st.sampled_from(["printf", "time", "cat", "join", "syscall"]), texts)
def test_any_bytes_that_an_action_writes_are_one_line(kind: str, text: bytes) -> None:
    message = only(FORMAT.printed(kind, text))
    assert message == {"type": kind, "data": text.decode("utf-8", "backslashreplace")}


@given(typed, st.data())
def test_any_keys_and_values_of_a_map_are_one_line(key: tuple[Type, Any], data: st.DataObject) -> None:
    value_type = data.draw(types)
    entries = [(key[1], data.draw(values(value_type))) for _ in range(2)]
    spec = MapSpec("@m", "hash", 8, 8, 8, key[0], value_type)
    assert list(only(b"".join(FORMAT.map(spec, entries, explicit=True)))["data"]) == ["@m"]


@given(st.lists(names, min_size=1, max_size=5), st.lists(st.integers(0, 1 << 64), min_size=66, max_size=66))
def test_histograms_of_any_key_fit(keys: list[bytes], counts: list[int]) -> None:
    spec = MapSpec("@h", "percpu_hash", 16, 8, 8, NAME, HIST)
    message = only(b"".join(FORMAT.map(spec, [(key, counts) for key in keys], explicit=True)))
    assert message["type"] == "hist"


@given(names, st.tuples(*[st.integers(-(1 << 63), (1 << 64) - 1)] * 3))
def test_stats_of_any_key_fit(key: bytes, found: tuple[int, int, int]) -> None:
    spec = MapSpec("@s", "percpu_hash", 16, 16, 8, NAME, STATS)
    assert only(b"".join(FORMAT.map(spec, [(key, found)], explicit=True)))["type"] == "stats"


@given(texts.map(lambda data: data.decode("utf-8", "surrogateescape")), st.integers(-200, 0))
def test_notices_with_any_text_fit(text: str, code: int) -> None:
    source, place = Source(text, "begin { 1/0 }\n"), Span(8, 11)
    output = FORMAT.attached(3) + FORMAT.lost(7) + FORMAT.message("error", text) + FORMAT.message("warning", text)
    output += FORMAT.failure(RuntimeFailure(source, place, text))
    output += FORMAT.failure(RuntimeFailure(source, place, text, "probe_read_user", code))
    output += FORMAT.failures({text: {text: 3, "lost_events": 4}})
    output += FORMAT.test_ended(TestResult(text, False, 5, text.encode("utf-8", "surrogateescape")))
    output += FORMAT.benchmarks([BenchmarkResult(text, 5, 6)])
    assert len(checked_lines(output)) == 9


@given(st.lists(names, min_size=1, max_size=20))
def test_any_names_in_a_run_of_events_are_a_line_each(found: list[bytes]) -> None:
    event = EventSpec(1, "printf", (NAME,), {"format": "<%s>\n"})
    output = FakeOutput(json=True)
    EventDecoder([event], FUNCTIONS, output).decode(b"".join(record(event, name[:15]) for name in found))
    shown = [message["data"] for message in checked_lines(output.written)]
    assert shown == [f"<{name[:15].decode('utf-8', 'backslashreplace')}>\n" for name in found]


def test_names_that_differ_in_bytes_that_are_no_text_stay_different() -> None:
    spec = MapSpec("@m", "hash", 16, 8, 8, NAME, INT64)
    message = only(b"".join(FORMAT.map(spec, [(b"a\xfe", 1), (b"a\xff", 2)], explicit=True)))
    assert message["data"]["@m"] == {"a\\xfe": 1, "a\\xff": 2}


@given(names)
def test_no_line_has_a_control_character_that_a_terminal_would_act_on(name: bytes) -> None:
    line = FORMAT.value(NAME, name).decode()
    assert not [c for c in line[:-1] if c < " " or "\x80" <= c < "\xa0"]


def test_a_map_key_loses_its_blanks_and_its_outer_parentheses() -> None:
    key = Tuple((INT64, NAME))
    spec = MapSpec("@m", "hash", 24, 8, 8, key, INT64)
    line = b"".join(FORMAT.map(spec, [((1, b"a b"), 5)], explicit=True))
    assert line == b'{"type": "map", "data": {"@m": {"1,ab": 5}}}\n'


@pytest.mark.parametrize(
    "line",
    [
        {"type": "nothing"},
        {"data": 5},
        {"type": "printf", "data": 5},
        {"type": "map", "data": {"no": 5}},
        {"type": "map", "data": {}},
        {"type": "value", "data": 1.5},
        {"type": "lost_events", "count": -1, "data": {"events": -1}},
        {"type": "hist", "data": {"@h": [{"min": 0}]}},
        {"type": "hist", "data": {"@h": [{"min": "1K", "max": 5, "count": 1}]}},
        {"type": "errorf", "msg": "x", "filename": "stdin", "line": 0, "col": 1},
        {"type": "tseries", "data": {"@": [{"interval_start": "12:00", "value": 5}]}},
    ],
)
def test_the_schema_refuses_what_is_no_line_of_ours(line: dict[str, Any]) -> None:
    assert not validator().is_valid(line)
    with pytest.raises(AssertionError):
        checked_line(json.dumps(line))


def test_the_schema_is_a_schema_and_each_line_fits_one_kind_only() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(validator().schema)
    kinds = _kinds(validator().schema)
    assert len(kinds) == len(set(kinds))


def test_the_page_about_the_output_shows_each_kind_and_its_lines_fit() -> None:
    page = SCHEMA.with_name("output.md").read_text()
    lines = [line.strip() for line in page.splitlines() if line.startswith("    {")]
    shown = {message["type"] for message in map(checked_line, lines)}
    assert shown == set(_kinds(validator().schema))


def _kinds(schema: dict[str, Any]) -> Sequence[str]:
    found: list[str] = []
    for reference in schema["oneOf"]:
        kind = schema["$defs"][reference["$ref"].rsplit("/")[-1]]["properties"]["type"]
        found += kind.get("enum") or [kind["const"]]
    return found
