"""Traced bytes made fit for a terminal: what is escaped, what is not, and that fast paths do the same as slow ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_fakes import FUNCTIONS, FakeOutput, record, rendering
from pybpftrace.core.artifacts import EventSpec
from pybpftrace.core.printf_text import compile_format
from pybpftrace.core.terminal_text import guarded, guarded_message
from pybpftrace.core.types import INT64, UINT8, Enum, Field, Record, String, Struct, Tuple
from pybpftrace.passes.output.events import EventDecoder
from pybpftrace.passes.output.stream import GuardedLines

NAME = String(16)
GUARDING = rendering().guarding(True)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain ~ text\n\twith lines", b"plain ~ text\n\twith lines"),
        (b"\x1b[31m\x07\r\0\x7f", rb"\x1b[31m\x07\x0d\x00\x7f"),
        ("grün € 😀".encode(), "grün € 😀".encode()),
        (b"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", rb"\xc2\x80\xc2\x9b\xc2\x9f" + b"\xc2\xa0"),
        (b"\x80\x9b\xff\xc3", rb"\x80\x9b\xff\xc3"),
        (b"\xed\xa0\x80", rb"\xed\xa0\x80"),
        (rb"\x1b", rb"\x1b"),
    ],
)
def test_control_characters_and_what_is_no_text_are_escaped(raw: bytes, shown: bytes) -> None:
    assert guarded(raw) == shown


@given(st.binary())
def test_nothing_that_a_terminal_acts_on_is_left_and_all_else_stays(data: bytes) -> None:
    shown = guarded(data).decode("utf-8")
    assert not [c for c in shown if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0"]
    assert guarded(guarded(data)) == guarded(data)


def test_a_message_keeps_its_lines_and_loses_its_controls() -> None:
    assert guarded_message("no file 'a\x1b[1m\udcff'\nhere") == "no file 'a\\x1b[1m\\xff'\nhere"


def test_names_of_the_kernel_and_of_programs_are_data_like_values() -> None:
    struct = Struct("struct s", 16, (Field("a\x1b", NAME, 0),))
    assert GUARDING.text(struct, (b"b\x1b",)) == rb"{ .a\x1b = b\x1b }"
    assert GUARDING.text(Enum("enum e", 4, False, (("A\x07", 1),)), 1) == rb"A\x07"
    assert GUARDING.text(Tuple((NAME, Record((("m", NAME),)))), (b"\r", (b"\n",))) == b"(\\x0d, { .m = \n })"
    assert rendering().text(struct, (b"b\x1b",)) == b"{ .a\x1b = b\x1b }"


@pytest.mark.parametrize(
    ("spec", "value", "shown"),
    [
        ("%s", b"a\x1bb", rb"a\x1bb"),
        ("%8s|", b"a\x1bb", rb"  a\x1bb|"),
        ("%-8s|", b"a\x1bb", rb"a\x1bb  |"),
        ("%08s|", b"a\x1bb", rb"00a\x1bb|"),
        ("%.2s", b"a\x1bb", rb"a\x1b"),
        ("\x1b[1m%s\x1b[0m", b"\x07", b"\x1b[1m\\x07\x1b[0m"),
    ],
)
def test_a_format_is_the_scripts_own_and_a_string_is_not(spec: str, value: bytes, shown: bytes) -> None:
    assert compile_format(spec.encode(), [NAME], GUARDING)((value,)) == shown
    as_it_is = compile_format(spec.encode(), [NAME], rendering())((value,))
    assert compile_format(spec.encode(), [NAME], GUARDING, own=(0,))((value,)) == as_it_is


def test_a_character_is_data_unless_it_can_be_shown() -> None:
    show = compile_format(b"%c|%3c|%-3c", [UINT8] * 3, GUARDING)
    assert show((27, 7, 65)) == rb"\x1b|\x07|A  "


def printf(spec: str, *types: object, **settings: object) -> EventSpec:
    return EventSpec(1, "printf", types, {"format": spec, **settings})  # type: ignore[arg-type]  # they are types


def decoded(event: EventSpec, span: bytes, *, guards: bool) -> bytes:
    output = FakeOutput()
    output.rendering = output.rendering.guarding(guards)
    EventDecoder([event], FUNCTIONS, output).decode(span)
    return output.written


@given(st.lists(st.binary(max_size=15).map(lambda name: name.replace(b"\0", b"")), max_size=300))
def test_a_run_of_events_shows_the_same_by_whole_blocks_as_one_by_one(names: list[bytes]) -> None:
    event = printf("%d <%s>\n", INT64, NAME)
    # A string in a record is padded with NULs, which is what the fast way asks for.
    spans = [record(event, number, b"")[:-16] + name.ljust(16, b"\0") for number, name in enumerate(names)]
    for guards, show in ((True, guarded), (False, bytes)):
        expected = b"".join(b"%d <%b>\n" % (number, show(name)) for number, name in enumerate(names))
        assert decoded(event, b"".join(spans), guards=guards) == expected


def test_a_literal_among_the_values_is_the_scripts_own_and_a_long_string_is_not() -> None:
    event = printf("%s %s\n", NAME, String(1024), own=(0,))
    span = record(event, b"\x1b[1m", b"\x1b[2m")
    assert decoded(event, span, guards=True) == b"\x1b[1m \\x1b[2m\n"
    assert decoded(event, span, guards=False) == b"\x1b[1m \x1b[2m\n"


def test_lines_that_come_in_pieces_are_not_cut_within_a_character() -> None:
    written: list[bytes] = []
    lines = GuardedLines(written.append)
    for piece in (b"a\xc3", b"\xbc\x1b\nb\xe2\x82", b"\xac", b"\n\nend\x9b"):
        lines.write(piece)
    lines.flush()
    assert b"".join(written) == "aü\\x1b\nb€\n\nend\\x9b".encode()
