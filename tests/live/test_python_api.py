"""pybpftrace as a library, on this kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pybpftrace
import pytest
from pybpftrace import Bucket, Failure, LostEvents, Place, Printed, PrintedMap, PrintedValue

pytestmark = pytest.mark.live


def test_events_come_as_typed_records_in_order() -> None:
    script = """
        begin {
            printf("%d %s %x\\n", -5, "a b", 255);
            print((1, ("x", true), (a = -1, b = "q")));
            @m["k", 2] = count();
            print(@m);
            print(5 / (uint64)0);
            exit();
        }
    """
    with pybpftrace.trace(script.replace("(uint64)0", "@zero"), config={"max_strlen": 64}) as tracer:
        events = list(tracer)
    assert events[:3] == [
        Printed("printf", "-5 a b ff\n", (-5, "a b", 255)),
        PrintedValue((1, ("x", True), {"a": -1, "b": "q"}), "(1, (x, true), { .a = -1, .b = q })"),
        PrintedMap("@m", {("k", 2): 1}),
    ]


def test_numbers_keep_their_64_bits_whatever_the_format_shows() -> None:
    script = 'begin { printf("%d", 18446744073709551615); print(-9223372036854775808); exit(); }'
    with pybpftrace.trace(script) as tracer:
        printed, value = tracer
    assert (printed.values, printed.text) == ((18446744073709551615,), "-1")
    assert value.value == -9223372036854775808


def test_maps_are_dicts_and_scalars_and_histograms_have_buckets() -> None:
    script = """
        begin {
            @n = 7; @s["a"] = sum(2); @s["b"] = sum(1); @h = hist(10); @l["x"] = lhist(200, 0, 100, 50);
            @st = stats(5); @avg = avg(-3); @big = 18446744073709551615; @none[1] = 1; delete(@none, 1); @t = (1, "x");
            exit();
        }
    """
    with pybpftrace.trace(script) as tracer:
        list(tracer)
        assert list(tracer.maps["@s"].items()) == [("b", 1), ("a", 2)]  # in print order
    assert dict(tracer.maps) == {
        "@avg": -3,
        "@big": 18446744073709551615,
        "@h": [Bucket(8, 15, 1)],
        "@l": {"x": [Bucket(100, None, 1)]},
        "@n": 7,
        "@none": {},
        "@s": {"b": 1, "a": 2},
        "@st": {"count": 1, "average": 5, "total": 5},
        "@t": (1, "x"),
    }


def test_a_map_is_read_as_it_is_at_that_moment() -> None:
    with pybpftrace.trace("interval:ms:10 { @n++; }") as tracer:
        assert list(tracer.events(timeout=0.2)) == []
        first = tracer.maps["@n"]
        assert list(tracer.events(timeout=0.2)) == []
        second = tracer.maps["@n"]
    assert 0 < first < second <= tracer.maps["@n"]


def test_a_name_that_is_no_map_is_a_key_error() -> None:
    with pybpftrace.trace("begin { @x = 1; }") as tracer, pytest.raises(KeyError, match="@y"):
        tracer.maps["@y"]


def test_leaving_the_block_runs_end_probes_and_keeps_what_they_printed() -> None:
    with pybpftrace.trace('interval:s:100 { } end { @ended = 1; printf("bye"); exit(3); }') as tracer:
        pass
    assert list(tracer) == [Printed("printf", "bye", ())]
    assert (tracer.maps["@ended"], tracer.status, tracer.attached) == (1, 3, 2)


def test_stop_from_another_thread_ends_the_iteration() -> None:
    with pybpftrace.trace("interval:s:100 { }") as tracer:
        timer = threading.Timer(0.2, tracer.stop)
        timer.start()
        assert list(tracer) == []
        timer.join()


def test_a_run_belongs_to_any_one_thread() -> None:
    found: list[object] = []

    def traced() -> None:
        with pybpftrace.trace("begin { print(1); exit(); }") as tracer:
            found.extend(tracer)

    thread = threading.Thread(target=traced)
    thread.start()
    thread.join()
    assert found == [PrintedValue(1, "1")]


def test_a_command_is_traced_from_its_first_system_call_to_its_end() -> None:
    script = "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(str(args.filename)); }"
    with pybpftrace.trace(script, command="cat /dev/null") as tracer:
        names = [event.value for event in tracer]
    assert "/dev/null" in names
    assert not os.path.exists(f"/proc/{tracer.pid}")


def test_only_the_given_process_is_traced() -> None:
    with pybpftrace.trace("tracepoint:syscalls:sys_enter_getppid { @[pid] = count(); }", pid=os.getpid()) as tracer:
        subprocess.run([sys.executable, "-c", "import os; os.getppid()"], check=True)
        os.getppid()
        list(tracer.events(timeout=0.1))
    assert list(tracer.maps["@"]) == [os.getpid()]


def test_stacks_are_unwound_for_processes_that_attach_names() -> None:
    with subprocess.Popen([sys.executable, "-Sc", "import os\nprint(flush=True)\nwhile True: os.getppid()"],
                          stdout=subprocess.PIPE) as worker:  # fmt: skip
        assert worker.stdout is not None and worker.stdout.readline() == b"\n"
        script = "config = { unstable_dw_ustack = enable } tracepoint:syscalls:sys_enter_getppid "
        script += f"/pid == {worker.pid}/ {{ print(dw_ustack); exit(); }}"
        try:
            with pybpftrace.compile(script).attach(dwarf_pids=[worker.pid]) as tracer:
                printed = next(iter(tracer))
        finally:
            worker.kill()
    assert printed.text.rstrip().rpartition(" ")[2].startswith("_start+")
    with pytest.raises(pybpftrace.LoadError, match="dw_ustack requires a target process"):
        pybpftrace.compile(script).attach()


def test_what_fails_in_a_probe_is_an_event_with_its_place() -> None:
    with pybpftrace.trace("begin {\n  @zero = 0;\n  @x = 5 / @zero; exit(); }") as tracer:
        (failure,) = tracer
    assert failure == Failure(
        "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result.",
        "",
        0,
        Place("stdin", 3, 8),
    )


def test_failed_helpers_are_events_when_they_are_asked_for() -> None:
    script = "begin { print(*(uint64 *)kptr(8)); exit(); }"
    with pybpftrace.trace(script, report_helper_failures=True) as tracer:
        failures = [event for event in tracer if isinstance(event, Failure)]
    assert [(event.helper, event.code < 0) for event in failures] == [("probe_read_kernel", True)]


def test_lost_events_are_events() -> None:
    script = 'begin { for $i : 0..100000 { printf("%s", "01234567890123456789"); } exit(); }'
    with pybpftrace.trace(script, config={"perf_rb_pages": 8}) as tracer:
        lost = [event.count for event in tracer if isinstance(event, LostEvents)]
    assert sum(lost) > 0


def test_a_script_with_errors_raises_what_the_command_prints() -> None:
    with pytest.raises(pybpftrace.CompileFailed) as raised:
        pybpftrace.compile("begin { prin(1); }")
    assert str(raised.value) == (
        "stdin:1:9-16: ERROR: Unknown function: 'prin'\n"
        "begin { prin(1); }\n"
        "        ~~~~~~~\n"
        "HINT: did you mean 'print'?"
    )
    assert [d.message for d in raised.value.diagnostics] == ["Unknown function: 'prin'"]


def test_what_cannot_be_attached_raises_and_leaves_nothing() -> None:
    compiled = pybpftrace.compile("begin { }", command="/nonexistent/command")
    with pytest.raises(pybpftrace.LoadError, match="/nonexistent/command' does not exist or is not executable"):
        compiled.attach()


def test_an_exception_in_the_block_detaches_and_passes_on() -> None:
    with pytest.raises(ZeroDivisionError), pybpftrace.trace("interval:ms:1 { @++; }") as tracer:
        raise ZeroDivisionError
    assert list(tracer) == []


def test_a_compiled_script_is_attached_again_and_saved(tmp_path: Path) -> None:
    script = tmp_path / "twice.bt"
    script.write_text('begin { printf("%s", str($1)); exit(); }')
    compiled = pybpftrace.compile(script, arguments=["once"])
    assert (compiled.probes, compiled.warnings) == (("begin",), ())
    for _ in range(2):
        with compiled.attach() as tracer:
            assert [event.text for event in tracer] == ["once"]
    compiled.save(tmp_path / "saved")
    done = subprocess.run(
        [sys.executable, "-m", "pybpftrace", "-q", tmp_path / "saved"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "once\n\n"


def test_signals_of_the_process_are_left_alone() -> None:
    import signal

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    with pybpftrace.trace("begin { }"):
        assert {number: signal.getsignal(number) for number in before} == before
    assert {number: signal.getsignal(number) for number in before} == before


def test_importing_the_package_imports_none_of_its_rooms() -> None:
    code = "import sys, pybpftrace; print([m for m in sys.modules if m.startswith('pybpftrace.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
