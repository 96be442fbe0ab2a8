"""Messages, files, commands, addresses of the network and packets: what is refused word for word, and what is shown."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from checking import GOLDEN_TARGET, Checked
from output_fakes import FUNCTIONS, FakeOutput, FakeSession, options, record, rendering
from pybpftrace.core.artifacts import PACKETS_MAP, EventSpec, MapSpec
from pybpftrace.core.compile_options import CompileOptions
from pybpftrace.core.function import Action
from pybpftrace.core.linux import clocks
from pybpftrace.core.output import ScriptMessage
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.run import LoadError
from pybpftrace.core.source import Source, Span
from pybpftrace.core.target import Target
from pybpftrace.core.types import BUFFER_HEADER, UINT32, UINT64, Buffer, OwnedType, String
from pybpftrace.passes.output.packets import PacketFiles
from pybpftrace.passes.output.run import run_session
from pybpftrace.plugins.formats.json import Json, JsonFormat
from pybpftrace.plugins.formats.text import TextFormat

UNSAFE = CompileOptions(allows_unsafe=True)
DEBUGF_WARNING = (
    "WARNING: The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in "
    "bpf-helpers(7)."
)

REFUSED: list[tuple[str, str]] = [
    ("errorf()", "errorf() requires at least one argument (0 provided)"),
    ("errorf(5)", "errorf() expects a string literal (int provided)"),
    ('errorf("%d")', "not enough arguments for format string (0 supplied, 1 expected)"),
    ('warnf("%f", 1)', "unsupported format specifier: f"),
    ('warnf("%r", 1)', "unsupported format specifier for type 'int8': r"),
    ('debugf("%d%d%d%d", 1, 2, 3, 4)', "cannot use more than 3 conversion specifiers"),
    ('debugf("%c", 1)', "Invalid format specifier for `debugf`: c"),
    ('debugf("%s", 1)', "Type does not match format specifier: s"),
    ('debugf("%p %x", 1)', "not enough arguments for format string (1 supplied, 2 expected)"),
    ('system("ls")', "system() is an unsafe function being used in safe mode"),
    ("cat(1)", "cat() expects a string literal (int provided)"),
    ("join()", "join() requires at least one argument (0 provided)"),
    ('join("a")', "() only supports int or pointer arguments (string provided)"),
    ("join(1, 2)", "join() expects a string literal (int provided)"),
    ('unwatch("a")', "unwatch() only supports int|pointer arguments (string provided)"),
    ('exit("a")', "exit() only supports int arguments (string provided)"),
    ("print(ntop(true))", "ntop() expects an integer or array argument, got bool"),
    ('print(ntop("abc"))', "ntop() argument must be 4 or 16 bytes in size"),
    ('print(ntop("a", 1))', "ntop() only supports int arguments (string provided)"),
    ("print(pton(5))", "pton() expects an string literal at the first argument"),
    ('print(pton("local"))', "pton() expects an string argument of an IPv4/IPv6 address, got local"),
    ('print(pton("1.2.3"))', "pton() expects a valid IPv4/IPv6 address, got 1.2.3"),
    ('print(pton("g::1"))', "pton() expects a valid IPv4/IPv6 address, got g::1"),
    ("print(macaddr(true))", "macaddr() only supports array or pointer arguments (bool provided)"),
    ('print(macaddr("abcdefg"))', "macaddr() does not support literal string arguments"),
    ('print(macaddr(pton("1.2.3.4")))', "macaddr() argument must be at least 6 bytes in size"),
    ("print(socket_cookie(0))", 'socket_cookie can not be used with "begin" probes'),
    ('skboutput("f", 0, 1, 0)', 'skboutput can not be used with "begin" probes'),
    ('skboutput("f", 0, 1)', "skboutput() requires 4 arguments (3 provided)"),
    ("print(printf(\"a\"))", "void type passed to print() is not printable"),
    ("print(1, 2)", "Non-map print() only takes 1 argument, 2 found"),
]


@pytest.mark.parametrize(("statement", "message"), REFUSED)
def test_what_is_refused_is_told_word_for_word(statement: str, message: str) -> None:
    assert f"ERROR: {message}" in Checked(f"begin {{ {statement}; }}").messages


def test_objects_of_the_kernel_have_to_be_of_the_right_struct() -> None:
    script = "rawtracepoint:sys_enter {{ {} }}"
    text = "socket_cookie() only supports 'struct sock *' as the argument (int provided)"
    assert f"ERROR: {text}" in Checked(script.format("print(socket_cookie(5));")).messages
    text = "skboutput() only supports 'struct sk_buff *' as the second argument (int provided)"
    assert f"ERROR: {text}" in Checked(script.format('skboutput("f", 5, 1, 0);')).messages


def test_debugf_is_warned_about_and_takes_three_values() -> None:
    assert Checked('begin { debugf("%d %5x %s %%\\n", 1, 2, "a"); }').messages == [DEBUGF_WARNING]


def test_an_unsafe_function_is_no_matter_when_that_was_asked_for() -> None:
    assert Checked('begin { system("echo %s", "a"); }', options=UNSAFE).messages == []


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("ntop(1)", "inet[24]"),
        ('ntop(pton("::1"))', "inet[24]"),
        ('pton("1.2.3.4")', "uint8[4]"),
        ('pton("::")', "uint8[16]"),
        ("macaddr(5)", "mac_address"),
    ],
)
def test_addresses_have_types_of_their_own(expression: str, type_: str) -> None:
    assert str(Checked(f"begin {{ $x = {expression}; }}").variables()["$x"]) == type_


def test_two_kinds_of_addresses_do_not_fit_into_one_variable() -> None:
    (message,) = Checked("begin { $x = ntop(1); $x = macaddr(1); }").messages
    assert "trying to assign value of type 'mac_address' when variable already" in message
    assert "inet[24]" in message


class TestAddresses:
    def shown(self, function: str, type_: str, data: bytes) -> tuple[str, str]:
        owner = FUNCTIONS[function]
        owned = OwnedType(function, type_, len(data))
        value, shown = owner.decode(owned, data), rendering()
        return owner.text(owned, value, shown).decode(), owner.json(owned, value, shown)

    @pytest.mark.parametrize(
        ("family", "address", "text"),
        [
            (2, bytes((127, 0, 0, 1)), "127.0.0.1"),
            (10, bytes(15) + b"\1", "::1"),
            (10, bytes.fromhex("fe80") + bytes(13) + b"\1", "fe80::1"),
            (10, bytes(10) + b"\xff\xff\1\2\3\4", "::ffff:1.2.3.4"),
            (5, b"\1", ""),
        ],
    )
    def test_an_address_is_shown_as_its_family_is(self, family: int, address: bytes, text: str) -> None:
        data = family.to_bytes(8, "little") + address.ljust(16, b"\0")
        assert self.shown("ntop", "inet[24]", data) == (text, f'"{text}"')

    def test_a_hardware_address_has_two_capital_digits_a_byte(self) -> None:
        text = "00:1A:2B:AA:BB:FF"
        assert self.shown("macaddr", "mac_address", bytes.fromhex("001a2baabbff")) == (text, f'"{text}"')


def handled(event: EventSpec, *values: Any, **settings: Any) -> FakeOutput:
    output = FakeOutput(**settings)
    action = FUNCTIONS[event.function]
    assert isinstance(action, Action)
    action.handler(event, output)(values)
    return output


class TestMessages:
    SOURCE = Source("m.bt", 'macro m() { errorf("x"); }\nbegin { m(); }\n')
    INNER = Span(12, 23, Span(35, 38))

    def test_the_place_is_told_without_the_line_and_with_the_calls_of_macros(self) -> None:
        message = ScriptMessage(self.SOURCE, self.INNER, "error", b"x\xff\n")
        assert TextFormat(rendering()).script_message(message) == (
            b"m.bt:1:13-24: ERROR: x\xff\n"
            b"m.bt:2:9-12: ERROR: expanded from\n"
            b"begin { m(); }\n"
            b"        ~~~\n"
        )

    def test_colours_enclose_the_message(self) -> None:
        message = ScriptMessage(self.SOURCE, Span(12, 23), "warning", b"x")
        shown = TextFormat(rendering()).script_message(message, colour=True)
        assert shown == b"\x1b[33mm.bt:1:13-24: WARNING: x\x1b[0m\n"

    @pytest.mark.parametrize(("level", "kind"), [("error", "errorf"), ("warning", "warnf")])
    def test_json_has_the_innermost_place_and_the_text_as_it_is(self, level: str, kind: str) -> None:
        message = ScriptMessage(self.SOURCE, self.INNER, level, b'a "b"\n')
        assert JsonFormat(rendering()).script_message(message).decode() == (
            f'{{"type": "{kind}", "msg": "a \\"b\\"\\n", "filename": "m.bt", "line": 1, "col": 13}}\n'
        )

    def test_a_place_is_saved_with_its_calls_and_found_again(self) -> None:
        saved = self.SOURCE.saved(self.INNER)
        assert saved == ((1, 13, 1, 24), (2, 9, 2, 12))
        assert self.SOURCE.span_of(*saved) == self.INNER

    def test_an_event_reports_its_text_and_place(self) -> None:
        place = ((1, 9, 1, 20),)
        event = EventSpec(1, "warnf", (UINT32,), {"format": "n = %d", "place": place})
        assert handled(event, 5).calls == ["report warning (1, 9, 1, 20) b'n = 5'"]

    ERROR = EventSpec(1, "errorf", (), {"format": "bad\n", "place": ((1, 9, 1, 22),)})
    WARNING = EventSpec(2, "warnf", (), {"format": "odd", "place": ((1, 9, 1, 22),)})

    def reported(self, capfd: pytest.CaptureFixture[str], **settings: Any) -> tuple[int, str, str]:
        session = FakeSession(
            events=[self.ERROR, self.WARNING],
            spans=[record(self.ERROR) + record(self.WARNING)],
            source='begin { errorf("bad\\n"); }\n',
        )
        status = run_session(session, options(quiet=True, **settings))
        return status, *capfd.readouterr()

    def test_in_a_run_they_go_to_standard_error_and_change_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        said = "stdin:1:9-22: ERROR: bad\nstdin:1:9-22: WARNING: odd\n"
        assert self.reported(capfd) == (0, "\n\n", said)

    def test_without_warnings_only_errors_are_told(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert self.reported(capfd, show_warnings=False) == (0, "\n\n", "stdin:1:9-22: ERROR: bad\n")
        _, out, err = self.reported(capfd, show_warnings=False, format=Json())
        assert (out, err) == ('{"type": "errorf", "msg": "bad\\n", "filename": "stdin", "line": 1, "col": 9}\n', "")


class TestFiles:
    EVENT = EventSpec(1, "cat", (String(64),), {"format": "%s"})

    def test_a_file_is_shown_as_it_is_up_to_the_limit(self, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_bytes(b"a\0b\xffcd")
        assert handled(self.EVENT, bytes(file)).written == b"a\0b\xffcd"
        assert handled(self.EVENT, bytes(file), max_cat_bytes=3).written == b"a\0b"
        shown = handled(self.EVENT, bytes(file), json=True).written
        assert shown == b'{"type": "cat", "data": "a\\u0000b\\\\xffcd"}\n'

    def test_a_pipe_that_nobody_writes_to_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert handled(self.EVENT, bytes(tmp_path / "pipe")).written == b""

    def test_a_file_that_cannot_be_read_is_an_error(self, tmp_path: Path) -> None:
        assert handled(self.EVENT, b"/no").calls == ["error failed to open file '/no' (No such file or directory)"]
        path = str(tmp_path)
        assert handled(self.EVENT, path.encode()).calls == [f"error failed to open file '{path}' (Is a directory)"]


class TestCommands:
    EVENT = EventSpec(1, "system", (String(64),), {"format": "%s"})

    def test_both_outputs_are_shown_in_order_with_a_line_feed(self) -> None:
        assert handled(self.EVENT, b"echo a; echo b >&2; printf c").written == b"a\nb\nc\n"
        shown = handled(self.EVENT, b"echo hi", json=True).written
        assert shown == b'{"type": "syscall", "data": "hi\\n"}\n'

    def test_a_command_that_fails_shows_nothing(self) -> None:
        output = handled(self.EVENT, b"echo a; exit 3")
        assert (output.written, output.calls) == (b"", ["error command exited with code 3 (echo a; exit 3)"])
        output = handled(self.EVENT, b"kill -9 $$")
        assert output.calls == ["error child process did not exit normally (kill -9 $$: signal 9)"]

    def test_what_it_leaves_in_the_background_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        command = f"sh -c 'read x < {tmp_path}/pipe' & echo started".encode()
        assert handled(self.EVENT, command).written == b"started\n\n"
        descriptor = os.open(tmp_path / "pipe", os.O_WRONLY)  # it was waiting all the time
        os.close(descriptor)


class TestJoin:
    FIELD = Buffer(BUFFER_HEADER + 16 * 1024)

    def joined(self, data: bytes, separator: str, **settings: Any) -> bytes:
        join = FUNCTIONS["join"]
        assert isinstance(join, Action)
        writer = join.writer(EventSpec(1, "join", (self.FIELD,), {"separator": separator}), FakeOutput(**settings))
        assert writer is not None
        return writer.text((data,))

    def test_strings_are_shown_with_the_separator_and_a_line_feed(self) -> None:
        assert self.joined(b"ls\0-l\0/tmp dir\0", " ") == b"ls -l /tmp dir\n"
        assert self.joined(b"ls\0-l\0/tmp dir\0", "::") == b"ls::-l::/tmp dir\n"
        assert self.joined(b"", " ") == b"\n"

    def test_json_has_no_line_feed(self) -> None:
        assert self.joined(b"ls\0-l\0", " ", json=True) == b'{"type": "join", "data": "ls -l"}\n'


class TestEntriesOfStats:
    PAIR = struct.pack("<qQ", -13, 2)

    def test_an_entry_is_copied_as_its_numbers(self) -> None:
        checked = Checked('begin { @s[1] = stats(-4); print(@s[1]); printf("%s", @s[1]); }')
        assert checked.messages == []
        shown, owned = rendering(), OwnedType("stats", "stats_t", 16)
        assert shown.text(owned, FUNCTIONS["stats"].decode(owned, self.PAIR)) == (
            b"{ .count = 2, .average = -6, .total = -13 }"
        )

    def test_a_kernel_that_cannot_copy_it_is_told_of(self) -> None:
        old = Target.from_directory(str(GOLDEN_TARGET))
        old.without = frozenset({"map_lookup_percpu_elem"})
        message = "ERROR: Missing required kernel feature: map_lookup_percpu_elem"
        for use in ("print(@s[1])", 'printf("%s", @s[1])'):
            assert Checked(f"begin {{ @s[1] = stats(1); {use}; }}", target=old).messages == [message]

    def test_it_is_no_number(self) -> None:
        (message,) = Checked('begin { @s[1] = stats(1); printf("%d", @s[1]); }').messages
        assert message == "ERROR: unsupported format specifier for type 'stats_t': d"


class TestUnwatch:
    EVENT = EventSpec(1, "unwatch", (UINT64,), {})

    def test_only_watchpoints_on_the_address_are_taken_away(self) -> None:
        output = FakeOutput()
        output.points = [
            ConcretePoint("watchpoint", "watchpoint:16:8:w", {"address": 16, "length": 8, "mode": "w"}),
            ConcretePoint("watchpoint", "watchpoint:32:8:w", {"address": 32, "length": 8, "mode": "w"}),
            ConcretePoint("kprobe", "kprobe:16", {"address": 16}),
        ]
        unwatch = FUNCTIONS["unwatch"]
        assert isinstance(unwatch, Action)
        handle = unwatch.handler(self.EVENT, output)
        handle((16,))
        assert output.calls == ["detach watchpoint:16:8:w"]
        handle((17,))
        assert output.calls[1:] == ["error no watchpoint at address 0x11"]


def pcap(path: Path) -> list[tuple[int, int, int, bytes]]:
    """(s, us, length of the packet, bytes kept) of each packet in a file."""
    data = path.read_bytes()
    assert struct.unpack_from("=IHHiIII", data) == (0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    at, found = 24, []
    while at < len(data):
        seconds, microseconds, kept, whole = struct.unpack_from("=IIII", data, at)
        found.append((seconds, microseconds, whole, data[at + 16 : at + 16 + kept]))
        at += 16 + kept
    return found


class TestPackets:
    def event(self, number: int, path: Path, offset: int) -> EventSpec:
        return EventSpec(number, "skboutput", (), {"file": str(path), "offset": offset})

    def test_packets_are_written_in_the_format_of_libpcap(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clocks, "offset", lambda clock: 5_000_000_000)
        path = tmp_path / "a.pcap"
        path.write_bytes(b"what was there before")
        files = PacketFiles([self.event(3, path, 0), self.event(4, path, 2)], FakeOutput())
        files.open()
        files.write([struct.pack("=QQQ", 3, 1_000_002_999, 5) + b"hello" + bytes(3)])
        files.write([struct.pack("=QQQ", 4, 2_000_000_000, 4) + b"abcd", struct.pack("=QQQ", 4, 0, 1) + b"a"])
        files.close()
        assert pcap(path) == [(6, 2, 5, b"hello"), (7, 0, 2, b"cd"), (5, 0, 0, b"")]

    def test_a_file_that_cannot_be_made_ends_the_run_before_it_begins(self, tmp_path: Path) -> None:
        path = tmp_path / "no" / "a.pcap"
        files = PacketFiles([self.event(0, path, 0)], FakeOutput())
        with pytest.raises(LoadError) as caught:
            files.open()
        assert caught.value.status == 1
        text = f"Failed to create pcap file(s): '{path}' (No such file or directory)"
        assert [d.message for d in caught.value.diagnostics] == [text]

    def test_a_file_without_space_cannot_be_made(self) -> None:
        files = PacketFiles([self.event(0, Path("/dev/full"), 0)], FakeOutput())
        with pytest.raises(LoadError, match="No space left on device"):
            files.open()

    def test_packets_are_written_while_a_run_goes_on_and_at_its_end(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "a.pcap"
        session = FakeSession(
            events=[self.event(0, path, 0)], maps=[MapSpec(PACKETS_MAP, "perf_event_array", 4, 4, 0)]
        )
        waiting = [[b"ab"], [b"cd"]]
        session.read_packets = lambda: (  # type: ignore[attr-defined]
            [struct.pack("=QQQ", 0, 0, 2) + data for data in waiting.pop(0)] if waiting else []
        )
        assert run_session(session, options(quiet=True)) == 0
        assert [kept for *_, kept in pcap(path)] == [b"ab", b"cd"]
        assert capfd.readouterr().out == "\n\n"
