"""The course of a run, from `Attached` to the maps: what goes where, and in which order."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from output_fakes import FakeSession, options, record, scalar
from pybpftrace.core.artifacts import EventSpec, FailureSite, MapSpec, ProgramSpec
from pybpftrace.core.config import Config
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.source import Source
from pybpftrace.core.types import INT64, UINT32
from pybpftrace.passes.output import PLUGIN
from pybpftrace.passes.output.run import run_session
from pybpftrace.passes.output.stream import OutputStream
from pybpftrace.plugins.formats.json import Json

PRINTF = EventSpec(1, "printf", (UINT32,), {"format": "%d\n"})
EXIT = EventSpec(2, "exit", (UINT32,), {})
CLEAR = EventSpec(3, "clear", (), {"map": "@a"})
MAPS = [MapSpec(name, "array", 4, 16, 1, None, INT64) for name in ("@b", "@", "events", "@a", "@B")]
CONTENTS = {name: [(bytes(4), scalar(INT64, 1))] for name in ("@b", "@a", "@B", "@")}
SOURCE = "begin { $z=0; $a = 5/$z; print($a); }\n"
PROGRAM = ProgramSpec("kprobe_f_1", ConcretePoint("kprobe", "kprobe:f", {}), "kprobe", b"")
SITE = FailureSite(0, 0, "", "Divide or modulo by 0 detected.", 1, 20, 1, 24)


def run(session: FakeSession, capfd: pytest.CaptureFixture[str], **settings: object) -> tuple[int, str, str]:
    status = run_session(session, options(**settings))
    captured = capfd.readouterr()
    return status, captured.out, captured.err


def test_a_run_ends_with_a_blank_and_its_maps_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[PRINTF], maps=MAPS, contents=dict(CONTENTS), spans=[record(PRINTF, 7)], attached=2)
    assert run(session, capfd) == (0, "7\n\n\n@: 1\n@B: 1\n@a: 1\n@b: 1\n", "Attached 2 probes\n")


def test_in_json_the_attached_probes_are_an_object_and_no_blank_ends_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[PRINTF], maps=MAPS[:1], contents=dict(CONTENTS), spans=[record(PRINTF, 7)])
    assert run(session, capfd, format=Json()) == (
        0,
        '{"type": "attached_probes", "count": 1, "data": {"probes": 1}}\n'
        '{"type": "printf", "data": "7\\n"}\n{"type": "map", "data": {"@b": 1}}\n',
        "",
    )


def test_one_probe_is_singular_and_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(FakeSession(), capfd) == (0, "\n\n", "Attached 1 probe\n")
    assert run(FakeSession(), capfd, quiet=True) == (0, "\n\n", "")


def test_maps_are_left_out_when_the_configuration_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(maps=MAPS, contents=dict(CONTENTS), config=Config(print_maps_on_exit=False))
    assert run(session, capfd)[1] == "\n\n"


def test_exit_drops_what_is_queued_behind_it_and_end_probes_still_print(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(
        events=[PRINTF, EXIT],
        spans=[record(PRINTF, 1) + record(EXIT, 300) + record(PRINTF, 2), record(PRINTF, 3)],
        end_spans=[record(PRINTF, 4)],
    )
    status, out, _ = run(session, capfd)
    assert (status, out) == (300 & 255, "1\n4\n\n\n")
    assert session.calls == ["release", "stop", "end probes", "close"]


def test_an_exit_in_an_end_probe_overrides_the_status_and_drops_the_rest(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(
        events=[PRINTF, EXIT],
        spans=[record(EXIT, 1)],
        end_spans=[record(EXIT, 2) + record(PRINTF, 5), record(PRINTF, 6)],
    )
    assert run(session, capfd)[:2] == (2, "\n\n")


def test_what_is_queued_when_the_process_ends_is_still_handled(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[PRINTF], end_spans=[record(PRINTF, 2)])
    session._spans = [record(PRINTF, 1)]
    session.finished = lambda: True  # type: ignore[method-assign]
    assert run(session, capfd)[1] == "1\n2\n\n\n"


def test_losses_are_told_and_summed_up(capfd: pytest.CaptureFixture[str]) -> None:
    lost = FailureSite(0, 0, "", "", 1, 1, 1, 2)
    _, out, err = run(FakeSession(failures=[(lost, 3, 0), (lost, 4, 0)]), capfd, quiet=True)
    assert (out, err) == ("\n\n", "Lost 7 events\nWARNING: Total lost event count: 7\n")
    _, out, err = run(FakeSession(failures=[(lost, 3, 0)], programs=[PROGRAM]), capfd, format=Json(), quiet=True)
    assert out == (
        '{"type": "lost_events", "count": 3, "data": {"events": 3}}\n'
        '{"type": "warning", "msg": "Total lost event count: 3"}\n'
        '{"type": "failures", "data": {"kprobe:f": {"lost_events": 3}}}\n'
    )
    assert err == "WARNING: Total lost event count: 3\n"


def test_who_asks_for_more_is_told_what_went_wrong_in_which_probe(capfd: pytest.CaptureFixture[str]) -> None:
    found = [(FailureSite(0, 0, "", "", 1, 1, 1, 2), 7, 0), (helper("map_update_elem"), 300, -errno.E2BIG)]
    for asking in ({"verbose": True}, {"report_helper_failures": True}):
        fake = FakeSession(failures=found, programs=[PROGRAM])
        assert run(fake, capfd, quiet=True, **asking)[2].splitlines()[-2:] == [
            "WARNING: Total lost event count: 7",
            "Failures in kprobe:f: 7 x lost_events, 300 x map_update_elem",
        ]
    out = run(FakeSession(failures=found[1:], programs=[PROGRAM]), capfd, quiet=True, format=Json())[1]
    assert json.loads(out.splitlines()[-1]) == {"type": "failures", "data": {"kprobe:f": {"map_update_elem": 300}}}


def test_what_has_been_told_as_often_as_it_happened_is_not_summed_up(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(failures=[(SITE, 1, 0)], source=SOURCE, programs=[PROGRAM])
    assert run(session, capfd, quiet=True, format=Json())[1].count("\n") == 1


def test_a_failure_in_an_imported_file_is_told_with_that_files_name_and_line(capfd: pytest.CaptureFixture[str]) -> None:
    for format_ in ("text", "json"):
        session = FakeSession(failures=[(FailureSite(0, 0, "", "Divide.", 4, 3, 4, 4, ((2, 1, 2, 4),)), 1, 0)])
        source, _ = Source("main.bt", "import \"m.bt\"\nm();\n").with_file("lib/m.bt", "macro m() { 1/$x }\n  1/0\n")
        session.program = replace(session.program, source=source)
        _, out, err = run(session, capfd, quiet=True, **({"format": Json()} if format_ == "json" else {}))
        if format_ == "json":
            place = '"filename": "lib/m.bt", "line": 2, "col": 3'
            assert out == f'{{"type": "runtime_error", "msg": "Divide.", {place}}}\n'
        else:
            call = "main.bt:2:1-4: WARNING: expanded from\nm();\n~~~\n"
            assert err == f"lib/m.bt:2:3-4: WARNING: Divide.\n  1/0\n  ~\n{call}"


def test_an_error_of_an_action_is_a_line_and_in_json_an_object_too(capfd: pytest.CaptureFixture[str]) -> None:
    show = EventSpec(4, "print", (), {"map": "@a", "top": 0, "divisor": 1})
    config = Config(print_maps_on_exit=False)
    in_json = '{"type": "error", "msg": "Error printing map: no"}\n'
    for settings, expected in (({}, "\n\n"), ({"format": Json()}, in_json)):
        session = FakeSession(events=[show], maps=MAPS[3:4], spans=[record(show)], config=config)

        def refuse(spec: MapSpec) -> list[tuple[bytes, bytes | list[bytes]]]:
            raise OSError("no")

        session.read_map = refuse  # type: ignore[method-assign]
        assert run(session, capfd, quiet=True, **settings)[1:] == (expected, "ERROR: Error printing map: no\n")


def test_a_mishap_is_shown_at_its_place_in_the_script(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(failures=[(SITE, 1, 0)], source=SOURCE)
    assert run(session, capfd, quiet=True)[2] == (
        "stdin:1:20-24: WARNING: Divide or modulo by 0 detected.\n"
        "begin { $z=0; $a = 5/$z; print($a); }\n"
        "                   ~~~~\n"
    )
    session = FakeSession(failures=[(SITE, 1, 0)], source=SOURCE)
    assert run(session, capfd, quiet=True, format=Json())[1] == (
        '{"type": "runtime_error", "msg": "Divide or modulo by 0 detected.", '
        '"filename": "stdin", "line": 1, "col": 20}\n'
    )


def helper(name: str, message: str = "") -> FailureSite:
    return FailureSite(1, 0, name, message, 1, 1, 1, 6)


def test_a_failed_helper_is_named_with_its_code(capfd: pytest.CaptureFixture[str]) -> None:
    update = helper("map_update_elem"), 1, -errno.E2BIG
    assert run(FakeSession(failures=[update]), capfd, quiet=True)[2] == (
        "stdin:1:1-6: WARNING: Map full; can't update element. Try increasing max_map_keys config or manually setting "
        "the max entries in a map declaration e.g. `let @a = hash(5000)`\n"
        "Additional Info - helper: map_update_elem, retcode: -7\nbegin { }\n~~~~~\n"
    )
    assert run(FakeSession(failures=[update]), capfd, quiet=True, format=Json())[1] == (
        '{"type": "helper_error", "msg": "Argument list too long", "helper": "map_update_elem", "retcode": -7, '
        '"filename": "stdin", "line": 1, "col": 1}\n'
    )


def test_a_failed_stack_is_told_twice(capfd: pytest.CaptureFixture[str]) -> None:
    failed = helper("get_stack", "Error reading kstack."), 1, -errno.EFAULT
    assert run(FakeSession(failures=[failed]), capfd, quiet=True)[2] == (
        "stdin:1:1-6: WARNING: Bad address\nAdditional Info - helper: get_stack, retcode: -14\nbegin { }\n~~~~~\n"
        "stdin:1:1-6: WARNING: Error reading kstack.\nbegin { }\n~~~~~\n"
    )


@pytest.mark.parametrize("name", ["probe_read_user_str", "probe_read_kernel", "map_lookup_elem"])
def test_what_often_fails_is_told_on_request_only(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(FakeSession(failures=[(helper(name), 1, -14)]), capfd, quiet=True)[2] == ""
    text = run(FakeSession(failures=[(helper(name), 1, -14)]), capfd, quiet=True, report_helper_failures=True)[2]
    assert text.startswith("stdin:1:1-6: WARNING: Bad address\n")


def test_without_warnings_mishaps_are_left_out_of_text_but_not_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    found = [(SITE, 1, 0), (helper("map_update_elem"), 1, -7)]
    assert run(FakeSession(failures=found, source=SOURCE), capfd, quiet=True, show_warnings=False)[2] == ""
    session = FakeSession(failures=found, source=SOURCE)
    out = run(session, capfd, quiet=True, show_warnings=False, format=Json())[1]
    assert [line[:24] for line in out.splitlines()] == ['{"type": "runtime_error"']


def test_a_colour_encloses_the_message_and_not_the_source(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(failures=[(SITE, 1, 0)], source=SOURCE)
    err = run(session, capfd, quiet=True, environment={"BPFTRACE_COLOR": "always"})[2]
    assert err.splitlines()[0] == "\x1b[33mstdin:1:20-24: WARNING: Divide or modulo by 0 detected.\x1b[0m"


def test_actions_on_maps_go_to_the_session(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[CLEAR], maps=MAPS, spans=[record(CLEAR)])
    run(session, capfd)
    assert session.calls[:2] == ["release", "clear @a"]


def test_the_output_can_be_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out"
    session = FakeSession(events=[PRINTF], spans=[record(PRINTF, 7)])
    assert run(session, capfd, output_path=str(path), quiet=True) == (0, "", "")
    assert path.read_bytes() == b"7\n\n\n"


def test_a_file_that_cannot_be_opened_ends_the_run_before_the_child_has_started(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, session = tmp_path / "no" / "out", FakeSession()
    status, out, err = run(session, capfd, output_path=str(path))
    assert (status, out, err) == (1, "", f'ERROR: Failed to open output file: "{path}": No such file or directory\n')
    assert session.calls == ["close"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_an_orderly_end(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[PRINTF], spans=[record(PRINTF, 7)] * 3)
    status, _, err = run(session, capfd, output_path="/dev/full", quiet=True)
    assert (status, err) == (1, 'ERROR: Failed to write output "/dev/full": No space left on device\n')
    assert session.calls == ["release", "stop", "end probes", "close"]


def test_a_reader_that_went_away_ends_the_run_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    saved = os.dup(1)
    os.dup2(writer, 1)
    try:
        status = run_session(FakeSession(events=[PRINTF], spans=[record(PRINTF, 7)]), options(quiet=True))
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(writer)
    assert (status, capfd.readouterr().err) == (1, "")


def test_who_waits_for_the_probes_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    word = "__BPFTRACE_NOTIFY_PROBES_ATTACHED"
    assert run(FakeSession(), capfd, quiet=True, environment={word: "1"})[1] == f"{word}\n\n\n"


def test_a_map_that_cannot_be_read_is_an_error_line(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(maps=MAPS[:1])

    def fail(spec: MapSpec) -> list[tuple[bytes, bytes | list[bytes]]]:
        raise OSError(errno.EPERM, "Operation not permitted")

    session.read_map = fail  # type: ignore[method-assign]
    _, out, err = run(session, capfd, quiet=True)
    assert out == "\n\n" and err.startswith("ERROR: Error printing map: ")


@pytest.mark.parametrize(
    ("buffering", "first", "second"),
    [("line", b"a\nb\n", b"a\nb\ncd\n"), ("none", b"a\nb\nc", b"a\nb\ncd\n"), ("full", b"", b"")],
)
def test_output_is_flushed_as_asked_for(buffering: str, first: bytes, second: bytes) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    got = b""

    def read() -> bytes:
        nonlocal got
        try:
            got += os.read(reader, 1000)
        except BlockingIOError:
            return got
        return got

    stream = OutputStream(writer, buffering)
    stream.write(b"a\nb\nc")
    assert read() == first
    stream.write(b"d\n")
    assert read() == second
    stream.write(b"e")
    stream.flush()
    assert read() == b"a\nb\ncd\ne"
    os.close(reader)
    os.close(writer)


def test_the_stage_is_a_plugin_that_imports_its_work_late() -> None:
    session = FakeSession()
    assert PLUGIN.output(session, options(quiet=True)) == 0
    assert session.calls[-1] == "close"


def test_what_an_iterator_writes_goes_to_standard_output_between_the_events_that_it_sends(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spans = [record(PRINTF, 1), b"", record(PRINTF, 2)]
    session = FakeSession(events=[PRINTF], spans=spans, sequence=[b"first ", b"second\n"])
    assert run(session, capfd)[1] == "1\nfirst 2\nsecond\n\n\n"
    file = tmp_path / "out"
    session = FakeSession(events=[PRINTF], spans=spans, sequence=[b"first ", b"second\n"])
    assert run(session, capfd, output_path=str(file))[1] == "first second\n"
    assert file.read_text() == "1\n2\n\n\n"


def test_an_exit_ends_the_reading_of_an_iterator(capfd: pytest.CaptureFixture[str]) -> None:
    session = FakeSession(events=[EXIT], spans=[record(EXIT, 3)], sequence=[b"first\n", b"second\n"])
    assert run(session, capfd)[:2] == (3, "first\n\n\n")
