"""Ring buffer records as bytes, and what comes out of them."""

from __future__ import annotations

import struct

import pytest
from output_fakes import FUNCTIONS, FakeOutput, record
from pybpftrace.core.artifacts import EventSpec
from pybpftrace.core.types import (
    INT32,
    INT64,
    UINT32,
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
from pybpftrace.passes.output.events import BUSY, DISCARDED, EventDecoder


def printf(id_: int, spec: str, *types: Type) -> EventSpec:
    return EventSpec(id_, "printf", types, {"format": spec})


NUMBER = printf(1, "%d\n", UINT32)
NAMED = printf(2, "%s %s\n", String(16), String(1024))
EXIT = EventSpec(3, "exit", (INT32,), {})
PLAIN = printf(4, "hello\n")
CLEAR = EventSpec(5, "clear", (), {"map": "@m"})
EVENTS = [NUMBER, NAMED, EXIT, PLAIN, CLEAR]


def written(span: bytes, *, events: list[EventSpec] = EVENTS, **settings: object) -> bytes:
    output = FakeOutput(**settings)  # type: ignore[arg-type]
    EventDecoder(events, FUNCTIONS, output).decode(span)
    return output.written


def test_events_are_handled_in_the_order_of_their_records() -> None:
    span = record(NUMBER, 1) + record(NAMED, b"cat", b"/etc/hosts") + record(PLAIN) + record(NUMBER, 2)
    assert written(span) == b"1\ncat /etc/hosts\nhello\n2\n"


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 1000])
def test_a_run_of_one_event_loses_nothing(count: int) -> None:
    expected = b"".join(b"%d\n" % number for number in range(count))
    assert written(b"".join(record(NUMBER, number, page=number) for number in range(count))) == expected
    assert written(record(PLAIN) * count) == b"hello\n" * count
    assert written(record(NAMED, b"a", b"bc") * count) == b"a bc\n" * count


def test_a_run_ends_where_another_event_of_the_same_size_begins() -> None:
    other = printf(7, "other %d\n", UINT32)
    span = record(NUMBER, 1) + record(NUMBER, 2) + record(other, 3) + record(NUMBER, 4)
    assert written(span, events=[NUMBER, other]) == b"1\n2\nother 3\n4\n"


@pytest.mark.parametrize("event", [NUMBER, NAMED])
def test_discarded_records_are_passed_over_and_busy_ones_end_the_span(event: EventSpec) -> None:
    values = (1,) if event is NUMBER else (b"a", b"b")
    good, text = record(event, *values), b"1\n" if event is NUMBER else b"a b\n"
    assert written(good + record(event, *values, flags=DISCARDED) + good) == 2 * text
    assert written(good + record(event, *values, flags=BUSY) + good) == text


def test_nothing_is_handled_behind_an_exit() -> None:
    output = FakeOutput()
    span = record(NUMBER, 1) + record(EXIT, 7) + record(EXIT, 8) + record(NUMBER, 2)
    EventDecoder(EVENTS, FUNCTIONS, output).decode(span)
    assert (output.written, output.status) == (b"1\n", 7)


def test_an_action_is_carried_out_between_what_is_written_before_and_after() -> None:
    output = FakeOutput()
    order: list[str] = []
    output.write = lambda data: order.append(data.decode())  # type: ignore[assignment,method-assign]
    output.clear_map = lambda name: order.append(f"clear {name}")  # type: ignore[method-assign]
    EventDecoder(EVENTS, FUNCTIONS, output).decode(record(NUMBER, 1) + record(CLEAR) * 2 + record(NUMBER, 2))
    assert order == ["1\n", "clear @m", "clear @m", "2\n"]


def test_strings_end_at_their_nul_whatever_lies_behind_it() -> None:
    event = printf(1, "<%s>\n", String(16))
    assert written(record(event, b"ab"), events=[event]) == b"<ab>\n"


@pytest.mark.parametrize("size", [8, 100])
def test_strings_that_fill_their_storage_get_the_trailer(size: int) -> None:
    event = printf(1, "%s|\n", String(size))
    span = record(event, b"x" * (size - 1)) + record(event, b"x" * size) + record(event, b"")
    assert written(span, events=[event]) == b"x" * (size - 1) + b"|\n" + b"x" * size + b"..|\n|\n"
    assert written(span, events=[event], str_trunc_trailer="") == b"x" * (size - 1) + b"|\n" + b"x" * size + b"|\n|\n"


def test_long_strings_follow_the_fixed_part_in_order() -> None:
    event = printf(1, "%s %d %s %s\n", String(100), INT64, String(200), String(8))
    span = record(event, b"first", -5, b"second", b"third") + record(event, b"", 6, b"x" * 150, b"")
    assert written(span, events=[event]) == b"first -5 second third\n 6 " + b"x" * 150 + b" \n"


def test_compound_values_and_stacks_are_decoded() -> None:
    stack = OwnedType("kstack", "kstack_raw_2", 24, ("raw", 2))
    event = printf(1, "%s %s\n", Tuple((INT32, String(4))), stack)
    span = record(event, (7, b"ab"), struct.pack("<qQQ", 1, 0xABC, 0))
    assert written(span + span, events=[event]) == b"(7, ab) \nabc\n\n" * 2


STRUCT = Struct(
    "struct s",
    24,
    (
        Field("kind", Enum("enum kind", 4, False, (("ONE", 1),)), 0),
        Field("name", String(8), 4),
        Field("next", Pointer(INT32), 16),
    ),
)
RECORD = Record((("n", INT64), ("s", STRUCT)))


@pytest.mark.parametrize("count", [1, 2, 300])
def test_structs_records_and_enums_are_decoded_and_shown_by_name(count: int) -> None:
    event = EventSpec(1, "print", (RECORD,), {})
    span = record(event, (-1, (1, b"abc", 0x10))) * count
    shown = b"{ .n = -1, .s = { .kind = ONE, .name = abc, .next = 0x10 } }\n"
    assert written(span, events=[event]) == shown * count
    data = b'{"type": "value", "data": {"n": -1, "s": {"kind": 1, "name": "abc", "next": 16}}}\n'
    assert written(span, events=[event], json=True) == data * count


def test_numbers_and_strings_beside_a_struct_keep_their_places() -> None:
    event = printf(1, "%d %s %s %s\n", UINT32, STRUCT, String(8), String(100))
    span = record(event, 7, (2, b"12345678", 0), b"ab", b"long")
    assert written(span + span, events=[event]) == (
        b"7 { .kind = 2, .name = 12345678.., .next = 0x0 } ab long\n" * 2
    )


def test_print_shows_a_value_and_a_line_feed() -> None:
    event = EventSpec(1, "print", (Tuple((INT32, String(4), Tuple((INT32,)))),), {})
    assert written(record(event, (1, b"x", (2,))), events=[event]) == b"(1, x, (2))\n"


def test_in_json_every_event_is_an_object() -> None:
    value = EventSpec(6, "print", (INT32,), {})
    span = record(NAMED, b"cat", b'a"b') * 2 + record(PLAIN) * 2 + record(value, 5) + record(NUMBER, 1)
    assert written(span, events=[*EVENTS, value], json=True) == (
        b'{"type": "printf", "data": "cat a\\"b\\n"}\n' * 2
        + b'{"type": "printf", "data": "hello\\n"}\n' * 2
        + b'{"type": "value", "data": 5}\n{"type": "printf", "data": "1\\n"}\n'
    )


def test_print_of_a_map_is_asked_for_by_name() -> None:
    event = EventSpec(1, "print", (), {"map": "@m", "top": 3, "divisor": 10})
    output = FakeOutput()
    EventDecoder([event], FUNCTIONS, output).decode(record(event))
    assert output.calls == ["print @m 3 10"]


def test_short_strings_in_a_long_run_are_cut_at_their_padding_and_full_ones_marked() -> None:
    event = printf(1, "%d <%s>\n", UINT32, String(8))
    texts = [b"a", b"bcd", b"12345678", b"", b"1234567"]
    span = b"".join(record(event, number, texts[number % 5]) for number in range(700))
    shown = [b"a", b"bcd", b"12345678..", b"", b"1234567"]
    assert written(span, events=[event]) == b"".join(b"%d <%s>\n" % (n, shown[n % 5]) for n in range(700))


def test_a_nul_that_the_script_prints_stays_beside_short_strings() -> None:
    event = printf(1, "%s%c\n", String(8), UINT32)
    assert written(record(event, b"ab", 0) * 2, events=[event]) == b"ab\0\n" * 2


def test_a_width_counts_the_bytes_of_the_string_and_not_its_padding() -> None:
    event = printf(1, "[%5s]\n", String(8))
    assert written(record(event, b"ab") * 200, events=[event]) == b"[   ab]\n" * 200
