"""The load stage on this kernel, with programs assembled by hand: what runs, what is counted, what is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import signal
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pybpftrace.core.artifacts import (
    CompiledProgram,
    FailureSite,
    FunctionInfo,
    LineInfo,
    MapSpec,
    ProgramSpec,
    Relocation,
)
from pybpftrace.core.config import Config
from pybpftrace.core.linux import bpf, machine
from pybpftrace.core.map_batches import Stored
from pybpftrace.core.probe import ConcretePoint, ProbeType
from pybpftrace.core.registry import builtin_objects
from pybpftrace.core.run import LoadError, RunOptions
from pybpftrace.core.session import Session
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes.load import PLUGIN

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root"),
]
in_initial_pid_namespace = pytest.mark.skipif(
    not machine.pid_namespace()[2], reason="the hand-made programs compare pids of the initial namespace"
)

PROBE_TYPES: dict[str, ProbeType] = {item.names[0]: item for _, item in builtin_objects("PROBE_TYPES")}  # type: ignore[misc]
BEGIN, END = ConcretePoint("begin", "begin", {}), ConcretePoint("end", "end", {})
HITS = MapSpec("@hits", "array", 4, 8, 1)
GLOBALS = MapSpec("globals", "array", 4, 32, 1)
EVENTS = MapSpec("events", "ringbuf", 0, 0, 0)


def insn(code: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", code, dst | src << 4, offset, imm)


EXIT = insn(0xB7) + insn(0x95)


def map_load(dst: int, offset: int = 0) -> bytes:
    """A two-slot load, to be relocated."""
    return insn(0x18, dst) + insn(0, imm=offset)


#: r1 = &value; r2 = 1; lock *(u64 *)(r1 + 0) += r2
COUNT = map_load(1) + insn(0xB7, 2, imm=1) + insn(0xDB, 1, 2)


def counting(point: ConcretePoint, name: str = "counts", map_name: str = "@hits") -> ProgramSpec:
    """A program that adds one to the value of a map at each run."""
    return program(point, COUNT + EXIT, (Relocation(0, "map_value", map_name),), name)


def counting_for_child(point: ConcretePoint) -> ProgramSpec:
    """The same, in the process that `cpid` names only: helper 14 is get_current_pid_tgid."""
    code = insn(0x85, imm=14) + insn(0x77, 0, imm=32) + map_load(1, 8) + insn(0x79, 3, 1)
    code += insn(0x1D, 0, 3, 2) + EXIT + COUNT + EXIT
    return program(point, code, (Relocation(2, "map_value", "globals"), Relocation(8, "map_value", "@hits")))


def program(
    point: ConcretePoint, code: bytes, relocations: tuple[Relocation, ...] = (), name: str = "p", **more: Any
) -> ProgramSpec:
    return ProgramSpec(name, point, PROBE_TYPES[point.probe_type].program_type, code, relocations, **more)


def compiled(
    *programs: ProgramSpec, maps: tuple[MapSpec, ...] = (HITS,), script: str = "", **more: Any
) -> CompiledProgram:
    config = more.pop("config", Config(perf_rb_pages=1))
    fields: dict[str, Any] = {"events": (), "failures": (), "origins": {}, **more}
    return CompiledProgram(Source("test.bt", script), machine.architecture(), config, programs, maps, **fields)


class NoFormat:
    names = ("none",)
    create: Any = None


@contextmanager
def loaded(program: CompiledProgram, **options: Any) -> Iterator[Session]:
    session = PLUGIN.load(program, RunOptions(NoFormat(), {}, PROBE_TYPES, **options))
    try:
        session.release()
        yield session
    finally:
        session.close()


def refusal(program: CompiledProgram, **options: Any) -> LoadError:
    """The error of a program that cannot be started, having left nothing open."""
    before = descriptors()
    with pytest.raises(LoadError) as caught, loaded(program, **options):
        pass
    assert descriptors() - before == set()  # what an earlier test left to the collector may close meanwhile
    return caught.value


def stored(session: Session, spec: MapSpec) -> list[Stored]:
    return [entry for batch in session.read_map(spec) for entry in batch.entries(spec)]


def hits(session: Session, spec: MapSpec = HITS) -> int:
    ((_, value),) = stored(session, spec)
    assert isinstance(value, bytes)
    return int.from_bytes(value[:8], "little")


def until(session: Session, condition: Callable[[], bool]) -> None:
    """Waits as the output stage does; a run that never gets there fails after some hundred rounds."""
    for _ in range(500):
        if condition():
            return
        session.wait(20)
        time.sleep(0.002)  # a session that is finished no longer sleeps in wait
    pytest.fail("the condition never became true")


def messages(error: LoadError) -> list[str]:
    return [d.message for d in error.diagnostics]


def open_files(kind: str) -> int:
    """How many descriptors of this process are of a kind, such as 'bpf_link'."""
    return sum(kind in target for _, target in descriptors())


def descriptors() -> set[tuple[str, str]]:
    """The open descriptors of this process by number, each with what it refers to."""
    opened = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # another thread may close one meanwhile
            opened.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return opened


def libc_point(function: str, probe_type: str = "uprobe") -> ConcretePoint:
    """A function of libc as a file offset, from where it is mapped in this process."""
    address = ctypes.cast(getattr(ctypes.CDLL("libc.so.6"), function), ctypes.c_void_p).value
    assert address is not None
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, _, *path = line.split()
        start, end = (int(part, 16) for part in span.split("-"))
        if start <= address < end:
            place = address - start + int(offset, 16)
            settings: dict[str, str | int] = {"path": path[0], "offset": place, "symbol": function}
            return ConcretePoint(probe_type, f"{probe_type}:{path[0]}:{function}", settings)
    raise AssertionError("not mapped")


def test_begin_programs_run_before_the_session_is_handed_over_and_end_programs_when_asked() -> None:
    with loaded(compiled(counting(BEGIN), counting(BEGIN), counting(END))) as session:
        assert hits(session) == 2
        assert session.attached == 3
        assert session.finished()
        session.stop()
        session.run_end_probes()
        assert hits(session) == 3


def test_an_event_of_a_begin_program_waits_in_the_ring_buffer() -> None:
    # *(u64 *)(r10 - 8) = 77; r1 = ring; r2 = r10 - 8; r3 = 8; r4 = 0; ringbuf_output
    code = insn(0x7A, 10, offset=-8, imm=77) + map_load(1) + insn(0xBF, 2, 10) + insn(0x07, 2, imm=-8)
    code += insn(0xB7, 3, imm=8) + insn(0xB7, 4) + insn(0x85, imm=130) + EXIT
    with loaded(compiled(program(BEGIN, code, (Relocation(1, "map", "events"),)), maps=(EVENTS,))) as session:
        session.wait(0)
        span = session.read_span()
        assert struct.unpack("<II Q", span) == (8, span[4], 77)
        assert session.read_span() == b""


def test_programs_find_the_start_time_and_the_childs_pid_in_their_globals() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with loaded(compiled(counting(BEGIN), maps=(HITS, GLOBALS)), command="/usr/bin/true") as session:
        ((_, value),) = stored(session, GLOBALS)
        assert isinstance(value, bytes)
        start_time, cpid, *_ = struct.unpack("<4Q", value)
        assert before <= start_time <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        assert cpid == session.pid


def test_zeros_can_be_read_by_programs_and_written_by_nobody() -> None:
    zeros = MapSpec("zeros", "array", 4, 64, 1)
    read = program(BEGIN, map_load(1, 56) + insn(0x79, 0, 1) + insn(0x95), (Relocation(0, "map_value", "zeros"),))
    with loaded(compiled(read, maps=(zeros,))) as session:
        with pytest.raises(bpf.KernelError) as caught:
            session.zero_map(zeros)
        assert caught.value.errno == errno.EPERM
    write = program(BEGIN, COUNT + EXIT, (Relocation(0, "map_value", "zeros"),))
    assert "Error loading BPF program for begin" in messages(refusal(compiled(write, maps=(zeros,))))[0]


@in_initial_pid_namespace
def test_a_child_is_traced_from_its_exec_on() -> None:
    settings = {"category": "sched", "event": "sched_process_exec"}
    point = ConcretePoint("tracepoint", "tracepoint:sched:sched_process_exec", settings)
    with loaded(compiled(counting_for_child(point), maps=(HITS, GLOBALS)), command="/usr/bin/true") as session:
        until(session, session.finished)
        assert hits(session) == 1


def test_a_child_is_traced_by_what_is_bound_to_its_process() -> None:
    faults = ConcretePoint("software", "software:faults:1", {"event": "faults", "count": 1})
    exits = libc_point("exit")
    calls = MapSpec("@calls", "array", 4, 8, 1)
    both = compiled(counting(faults), counting(exits, "exits", "@calls"), maps=(HITS, calls))
    with loaded(both, command="/usr/bin/true") as session:
        assert session.attached == 2
        until(session, session.finished)
        assert hits(session) > 0
        assert hits(session, calls) == 1


@pytest.mark.parametrize("probe_type", ["uprobe", "uretprobe"])
def test_a_user_probe_counts_calls_in_the_process_it_is_for(probe_type: str) -> None:
    getppid = ctypes.CDLL("libc.so.6").getppid
    with loaded(compiled(counting(libc_point("getppid", probe_type))), pid=os.getpid()) as session:
        for _ in range(3):
            getppid()
        assert hits(session) == 3
        session.stop()
        getppid()
        assert hits(session) == 3
        assert session.pid == os.getpid()


@pytest.mark.skipif("bpf_link_perf_event" not in Target.live().features, reason="needs links of perf events (5.15)")
def test_an_event_that_nothing_runs_by_any_more_is_closed_at_the_very_end() -> None:
    """The kernel takes long to give one back: hundreds of them would keep the results from being shown."""
    getppid = ctypes.CDLL("libc.so.6").getppid
    with loaded(compiled(counting(libc_point("getppid"))), pid=os.getpid()) as session:
        assert (open_files("perf_event"), open_files("bpf_link")) == (1, 1)
        session.stop()
        getppid()
        assert hits(session) == 0
        assert (open_files("perf_event"), open_files("bpf_link")) == (1, 0)
    assert open_files("perf_event") == 0


def test_dozens_of_probes_are_detached_at_once() -> None:
    getppid = ctypes.CDLL("libc.so.6").getppid
    point = libc_point("getppid")
    with loaded(compiled(*(counting(point, f"p{number}") for number in range(40))), pid=os.getpid()) as session:
        getppid()
        assert hits(session) == 40
        session.stop()
        getppid()
        assert hits(session) == 40
        assert open_files("bpf_link") == 0


@pytest.mark.parametrize(("unit", "count"), [("ms", 1), ("us", 500), ("hz", 500)])
def test_an_interval_ticks(unit: str, count: int) -> None:
    point = ConcretePoint("interval", "", {"unit": unit, "count": count})
    with loaded(compiled(counting(point))) as session:
        assert not session.finished()
        until(session, lambda: hits(session) >= 3)


@pytest.mark.parametrize("settings", [{"unit": "hz", "count": 999}, {"unit": "ms", "count": 1}])
def test_a_profile_ticks_while_its_process_runs_in_any_of_its_threads(settings: dict[str, str | int]) -> None:
    busy = textwrap.dedent("""
        import threading
        def spin():
            while True:
                pass
        threading.Thread(target=spin, daemon=True).start()
        print(flush=True)
        threading.Event().wait()
    """)
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        point = ConcretePoint("profile", "", settings)
        try:
            with loaded(compiled(counting(point)), pid=process.pid) as session:
                until(session, lambda: hits(session) >= 3)
                process.kill()
                process.wait()
                assert session.finished()
        finally:
            process.kill()


@pytest.mark.skipif(os.path.exists("/sys/bus/event_source/devices/cpu"), reason="this machine has a hardware PMU")
def test_a_hardware_event_without_a_pmu_is_told_what_works_instead() -> None:
    point = ConcretePoint("hardware", "hardware:cycles", {"event": "cycles", "count": 0})
    error = refusal(compiled(counting(point)))
    reason, unable = messages(error)
    assert reason == "no hardware PMU here counts cycles; software:cpu-clock and profile:hz:99 work without one"
    assert unable == (
        "Unable to attach probe: hardware:cycles. "
        "If this is expected, set the 'missing_probes' config variable to 'warn'."
    )
    assert error.status == 255


def test_a_rejected_program_is_explained_at_its_place_in_the_script() -> None:
    script = "begin {\n  $a = 1;\n  print(*$a);\n}\n"
    lines = (LineInfo(0, 2, 3), LineInfo(1, 3, 3))
    bad = program(BEGIN, insn(0xB7, 1, imm=1) + insn(0x79, 0, 1) + insn(0x95), lines=lines)
    head, words = refusal(compiled(bad, maps=(), script=script)).diagnostics
    assert head.message == (
        "Error loading BPF program for begin. Error code: -13 (Permission denied). Use -v for full kernel error log."
    )
    assert words.message == "the kernel's verifier says: R1 invalid mem access 'scalar'"
    assert words.span is not None and script[words.span.start : words.span.end] == "print(*$a)"
    assert "through a cast" in words.hints[0]


def test_the_whole_log_of_a_rejected_program_is_shown_when_asked_for() -> None:
    bad = program(BEGIN, insn(0x79, 0, 3) + insn(0x95))
    head, words = refusal(compiled(bad, maps=()), verbose=True).diagnostics
    assert "\nKernel error log: \n" in head.message and "R3 !read_ok" in head.message.splitlines()[-2]
    assert "please report it" in words.hints[0]


def test_the_verifiers_log_of_an_accepted_program_is_shown_when_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    with loaded(compiled(counting(BEGIN)), show_verifier_log=True):
        shown = capfd.readouterr().out
    assert shown.startswith("BPF verifier log for begin:\n" + "-" * 38 + "\n")
    assert "processed 5 insns" in shown


def test_a_programs_own_types_go_with_it_and_types_that_the_kernel_refuses_do_not_matter() -> None:
    """BTF of `static int p(void)`: INT (kind 1), FUNC_PROTO (13), FUNC (12); see Documentation/bpf/btf.rst."""
    strings = b"\0int\0p\0"
    types = struct.pack("<IIII", 1, 1 << 24, 4, 1 << 24 | 32) + struct.pack("<III", 0, 13 << 24, 1)
    types += struct.pack("<III", 5, 12 << 24, 2)
    blob = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings
    types_of = (FunctionInfo(0, 3, "p"),)
    typed = program(BEGIN, COUNT + EXIT, (Relocation(0, "map_value", "@hits"),), functions=types_of)
    for btf in (blob, blob[:-4]):
        with loaded(compiled(typed, btf=btf)) as session:
            assert hits(session) == 1
            # struct bpf_prog_info has btf_id at byte 128.
            info = bpf.object_info(session._programs.loaded[0][1])  # type: ignore[attr-defined]  # not for callers
            assert bool(struct.unpack_from("<I", info, 128)[0]) == (btf == blob)


def test_when_one_probe_cannot_be_attached_none_is() -> None:
    missing = ConcretePoint("uprobe", "uprobe:/nowhere:f", {"path": "/nowhere", "offset": 16, "symbol": "f"})
    getppid = ctypes.CDLL("libc.so.6").getppid
    error = refusal(compiled(counting(libc_point("getppid")), counting(missing)), pid=os.getpid())
    reason, unable = messages(error)
    assert "uprobe '/nowhere'" in reason and "No such file or directory" in reason
    assert unable.startswith("Unable to attach probe: uprobe:/nowhere:f. ")
    getppid()


def test_more_probes_than_allowed_are_refused() -> None:
    error = refusal(compiled(counting(BEGIN), counting(END), config=Config(max_probes=1)))
    assert messages(error)[0].startswith("Can't attach to 2 probes because it exceeds the current limit of 1 probes.\n")
    assert error.status == 1


def test_a_relocation_that_does_not_fit_is_no_reason_to_crash() -> None:
    for index, name in ((1, "@hits"), (99, "@hits"), (0, "@no")):
        error = refusal(compiled(program(BEGIN, COUNT + EXIT, (Relocation(index, "map_value", name),))))
        assert messages(error)[0].startswith("the program for begin is damaged: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_an_orderly_way(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    with loaded(compiled(counting(point))) as session:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert not session.finished()
        os.kill(os.getpid(), number)
        session.wait(100_000)
        assert session.finished()
    assert signal.getsignal(number) is before


def test_a_child_ends_with_the_run_and_how_it_ended_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    endings = {"/usr/bin/sleep 1000": "terminated by signal: 15", "/usr/bin/false": "exited with code: 1"}
    for command, ending in endings.items():
        with loaded(compiled(counting(point)), command=command, verbose=True) as session:
            if "false" in command:
                until(session, session.finished)
            session.stop()
            assert session.pid is not None
            with pytest.raises(ProcessLookupError):
                os.kill(session.pid, 0)
        assert f"Child {ending}\n" in capfd.readouterr().err


def test_a_child_ignores_no_signal_because_of_us_and_has_no_descriptor_of_ours(
    capfd: pytest.CaptureFixture[str],
) -> None:
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    with loaded(compiled(counting(point)), command="/usr/bin/grep SigIgn /proc/self/status") as session:
        until(session, session.finished)
    ignored = int(capfd.readouterr().out.split()[1], 16)
    # What Python and we ignore for ourselves; what our own caller ignores may be more.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        assert not ignored & 1 << number - 1
    with loaded(compiled(counting(point)), command="/usr/bin/ls /proc/self/fd") as session:
        until(session, session.finished)
    opened = capfd.readouterr().out.split()
    subprocess.run(["/usr/bin/ls", "/proc/self/fd"], close_fds=False, check=True)
    assert opened == capfd.readouterr().out.split()


def test_a_child_does_not_start_before_it_is_released(tmp_path: Path) -> None:
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    made = tmp_path / "made"
    options = RunOptions(NoFormat(), {}, PROBE_TYPES, command=f"/usr/bin/touch {made}")
    session = PLUGIN.load(compiled(counting(point)), options)
    assert session.pid is not None
    os.kill(session.pid, 0)
    session.close()
    assert not made.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(session.pid, 0)


def test_a_child_that_is_killed_before_it_is_released_is_one_that_ended() -> None:
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    session = PLUGIN.load(compiled(counting(point)), RunOptions(NoFormat(), {}, PROBE_TYPES, command="/usr/bin/true"))
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    assert select.select([session._process.descriptor], [], [], 60)[0]  # type: ignore[attr-defined]
    session.release()
    assert session.finished()
    session.close()


def test_a_command_is_split_at_every_single_blank(capfd: pytest.CaptureFixture[str]) -> None:
    point = ConcretePoint("interval", "", {"unit": "s", "count": 100})
    with loaded(compiled(counting(point)), command="printf <%s> a  'b c'") as session:
        until(session, session.finished)
    assert capfd.readouterr().out == "<a><><'b><c'>"


def test_a_command_that_cannot_be_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    for name in ("/nowhere/at/all", "no-such-command-anywhere", str(script)):
        error = refusal(compiled(counting(BEGIN)), command=name)
        assert messages(error) == [
            f"Failed to fork child: Path '{name}' does not exist or is not executable (No such file or directory)"
        ]
        assert error.status == 1
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / "app").write_bytes(Path("/usr/bin/true").read_bytes())
        (tmp_path / directory / "app").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b")
    error = refusal(compiled(counting(BEGIN)), command="app")
    assert messages(error) == ["Failed to fork child: path 'app' must refer to a unique binary but matched 2 binaries"]


def test_a_failed_exec_is_reported(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(Path("/usr/bin/true").read_bytes()[:40])
    broken.chmod(0o755)
    error = refusal(compiled(counting(BEGIN)), command=str(broken))
    assert messages(error)[0].startswith("Failed to run child: child: failed to execve")
    assert error.status == 255


def test_a_process_that_is_not_there_is_refused() -> None:
    with subprocess.Popen(["/usr/bin/true"]) as process:
        process.wait()
        error = refusal(compiled(counting(BEGIN)), pid=process.pid)
    assert messages(error) == ["Failed to attach to pid: Unable to open pidfd (No such process)"]
    assert error.status == 1


def test_nothing_stays_behind_when_the_tracer_is_killed() -> None:
    tracer = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_load import HITS, PLUGIN, NoFormat, PROBE_TYPES, RunOptions, compiled, counting, libc_point
        options = RunOptions(NoFormat(), {{}}, PROBE_TYPES, command="/usr/bin/sleep 1000")
        session = PLUGIN.load(compiled(counting(libc_point("getppid"))), options)
        session.release()
        print(session.pid, flush=True)
        time.sleep(1000)
    """)
    with subprocess.Popen([sys.executable, "-c", tracer], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
    try:
        # A pidfd becomes readable when its process has ended, here by the SIGTERM that the kernel sends.
        assert select.select([child], [], [], 60)[0] == [child]
    finally:
        os.close(child)


def test_maps_are_read_cleared_and_zeroed_by_kind() -> None:
    cpus = len(machine.possible_cpus())
    scalar = MapSpec("@scalar", "array", 4, 16, 1)
    per_cpu = MapSpec("@per_cpu", "percpu_array", 4, 16, 1)
    keyed = MapSpec("@keyed", "hash", 8, 8, 10)
    keyed_per_cpu = MapSpec("@keyed_per_cpu", "percpu_hash", 8, 12, 10)
    specs = (scalar, per_cpu, keyed, keyed_per_cpu)
    with loaded(compiled(program(BEGIN, EXIT), maps=specs)) as session:
        descriptors = session._maps.descriptors  # type: ignore[attr-defined]  # programs would write these
        value, key = b"V" * 8 + b"M" * 8, b"K" * 8

        def fill() -> None:
            bpf.update(descriptors["@scalar"], bytes(4), value)
            bpf.update(descriptors["@per_cpu"], bytes(4), value * cpus)
            bpf.update(descriptors["@keyed"], key, value[:8])
            bpf.update(descriptors["@keyed_per_cpu"], key, value * cpus)

        fill()
        assert [stored(session, spec) for spec in specs] == [
            [(bytes(4), value)],
            [(bytes(4), [value] * cpus)],
            [(key, value[:8])],
            [(key, [value[:12]] * cpus)],
        ]
        for spec in specs:
            session.zero_map(spec)
        zeroed = bytes(8) + b"M" * 8
        assert [stored(session, spec) for spec in specs] == [
            [(bytes(4), zeroed)],
            [(bytes(4), [zeroed] * cpus)],
            [(key, bytes(8))],
            [(key, [bytes(12)] * cpus)],
        ]
        fill()
        for spec in specs:
            session.clear_map(spec)
        assert [stored(session, spec) for spec in specs] == [
            [(bytes(4), bytes(16))],
            [(bytes(4), [bytes(16)] * cpus)],
            [],
            [],
        ]


def test_failures_are_told_once_with_their_last_code() -> None:
    failures = MapSpec("failures", "array", 4, 32, 1)
    sites = tuple(FailureSite(number, 0, "helper", "", 1, 1, 1, 2) for number in range(2))
    with loaded(compiled(program(BEGIN, EXIT), maps=(failures,), failures=sites)) as session:
        assert session.failures() == []
        descriptor = session._maps.descriptors["failures"]  # type: ignore[attr-defined]  # a program would write it
        bpf.update(descriptor, bytes(4), struct.pack("<QqQq", 0, 0, 5, -14))
        assert session.failures() == [(sites[1], 5, -14)]
        bpf.update(descriptor, bytes(4), struct.pack("<QqQq", 1, -2, 7, -7))
        assert session.failures() == [(sites[0], 1, -2), (sites[1], 2, -7)]
        assert session.failures() == []
