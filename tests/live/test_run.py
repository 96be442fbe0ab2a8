"""The life of a run on the real kernel: how it ends, what it leaves behind, and where its output goes."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpf_objects
import pytest
from programs import build
from tracing import PATIENCE, PYBPFTRACE, Finished, Tracer, run, tracer, worker

pytestmark = pytest.mark.live

#: Calls getppid once a millisecond: as often as the first argument says, or for ever. With a second argument it says so
#: when SIGTERM ends it; with the argument "stubborn" nothing but SIGKILL does.
CALLER = """
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static void say(int number) { write(1, "got SIGTERM\\n", 12); _exit(5); }
int main(int argc, char **argv) {
    if (argc > 2)
        signal(SIGTERM, strcmp(argv[2], "stubborn") ? say : SIG_IGN);
    for (long count = atol(argv[1]); count; count--) {
        syscall(SYS_getppid);
        usleep(1000);
    }
    return 9;
}
"""
CALLS = 'printf("call\\n"); @calls = count(); @by[pid] = count();'
END = 'end { printf("end\\n"); }'
OF_PROCESS = f"tracepoint:syscalls:sys_enter_getppid {{ {CALLS} }} {END}"
OF_CHILD = f"tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {{ {CALLS} }} {END}"
#: Attached, and never happens.
IDLE = "interval:s:3600 { @idle = 1; }"


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> str:
    return build(tmp_path_factory.mktemp("run"), "caller", CALLER)


@pytest.fixture
def calling(caller: str) -> Iterator[subprocess.Popen[bytes]]:
    with worker([caller, "-1"]) as process:
        yield process


def assert_ended_in_order(done: Finished) -> None:
    """All calls, then what end prints, then the end marker of text, then the maps; nothing came after the counting."""
    found = re.fullmatch(r"((?:call\n)+)end\n\n\n@by\[\d+\]: (\d+)\n@calls: (\d+)\n", done.stdout)
    assert found is not None, done.stdout
    assert len(found[1].splitlines()) == int(found[2]) == int(found[3])
    assert done.stderr == "Attached 2 probes\n"


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_detaches_the_probes_runs_end_and_prints_the_maps(
        self, calling: subprocess.Popen[bytes], number: signal.Signals
    ) -> None:
        with tracer("-p", str(calling.pid), "-e", OF_PROCESS) as running:
            running.wait_for("^call$")
            running.process.send_signal(number)
            done = running.finish()
        assert_ended_in_order(done)
        assert done.status == 0
        assert calling.poll() is None

    def test_the_end_of_the_process_ends_the_run(self, calling: subprocess.Popen[bytes]) -> None:
        with tracer("-p", str(calling.pid), "-e", OF_PROCESS) as running:
            running.wait_for("^call$")
            calling.kill()
            done = running.finish()
        assert_ended_in_order(done)
        assert done.status == 0

    def test_the_end_of_the_child_ends_the_run_and_its_status_is_not_ours(self, caller: str) -> None:
        done = run("-c", f"{caller} 30", "-e", OF_CHILD)
        assert_ended_in_order(done)
        assert done.stdout.count("call\n") == 30
        assert done.status == 0

    def test_exit_ends_the_run_with_its_status_and_drops_the_events_behind_it(self, caller: str) -> None:
        script = 'tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf("call\\n"); exit(7); } ' + END
        done = run("-c", f"{caller} -1", "-e", script)
        assert done == Finished(7, "call\nend\n\n\n", "Attached 2 probes\n")

    def test_a_script_of_begin_and_end_ends_by_itself(self) -> None:
        done = run("-e", 'begin { printf("first\\n"); @ = 3; } ' + END)
        assert done == Finished(0, "first\nend\n\n\n@: 3\n", "Attached 2 probes\n")

    def test_exit_in_begin_ends_the_run_and_the_child_with_it(self, caller: str) -> None:
        done = run("-v", "-c", f"{caller} -1", "-e", f"begin {{ exit(2); }} {IDLE} {END}")
        assert (done.status, done.stdout) == (2, "end\n\n\n")
        assert done.stderr.splitlines()[-1] == "Child terminated by signal: 15"

    def test_a_child_that_outlives_the_run_gets_sigterm(self, caller: str) -> None:
        script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { exit(3); }"
        done = run("-v", "-c", f"{caller} -1 polite", "-e", script)
        assert done.status == 3
        assert done.stdout == "got SIGTERM\n\n\n"
        assert done.stderr.splitlines()[-1] == "Child exited with code: 5"

    def test_a_child_that_ignores_sigterm_gets_sigkill(self, caller: str) -> None:
        script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { exit(); }"
        done = run("-v", "-c", f"{caller} -1 stubborn", "-e", script)
        assert done.status == 0
        assert done.stderr.splitlines()[-1] == "Child terminated by signal: 9"

    def test_a_signal_that_comes_twice_still_lets_the_run_end_in_order(self, calling: subprocess.Popen[bytes]) -> None:
        """timeout(1) signals its child and then the child's process group."""
        with tracer("-p", str(calling.pid), "-e", OF_PROCESS) as running:
            running.wait_for("^call$")
            for _ in range(2):
                running.process.send_signal(signal.SIGINT)
            done = running.finish()
        assert done.status == 0 and "\nend\n\n\n" in done.stdout

    def test_a_tracer_that_is_stuck_in_a_pipe_that_nobody_reads_ends_at_the_third_signal(self, caller: str) -> None:
        script = 'tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { printf("%1000d\\n", 1); }'
        command = [*PYBPFTRACE, "-B", "none", "-c", f"{caller} -1", "-e", script]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            poll = select.poll()
            poll.register(process.stdout, select.POLLIN)
            assert poll.poll(PATIENCE * 1000)
            wait_channel = Path(f"/proc/{process.pid}/wchan")
            _until(lambda: "pipe_write" in wait_channel.read_text())
            for _ in range(3):
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)  # two signals at once are one
            assert process.wait(PATIENCE) == -signal.SIGINT


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.02)


class TestKilled:
    def test_no_program_link_map_or_child_is_left(self, caller: str) -> None:
        # The kernel keeps 15 characters of a name: no other program has these.
        program, map_name = "interval_ms_987", "_left_over"
        before = bpf_objects.named("program", program)
        script = 'interval:ms:98761 { @left_over = count(); } tracepoint:syscalls:sys_enter_getppid /pid == cpid/ {}'
        with tracer("-v", "-c", f"{caller} -1", "-e", script) as running:
            running.wait_attached()
            programs = bpf_objects.named("program", program) - before
            links = bpf_objects.links_of(programs)
            maps = bpf_objects.named("map", map_name)
            assert programs and links and maps
            child = os.pidfd_open(_child_of(running.process.pid))
            running.process.kill()
            running.process.wait()
        try:
            # A pidfd becomes readable when its process ends.
            assert select.select([child], [], [], PATIENCE)[0] == [child]
        finally:
            os.close(child)
        # The kernel frees them a little later, when no CPU can be running them any more.
        _until(lambda: not programs & bpf_objects.named("program", program))
        _until(lambda: not links & set(bpf_objects.ids("link")))
        _until(lambda: not maps & bpf_objects.named("map", map_name))

    def test_a_child_that_waits_for_the_probes_is_gone_too(self, caller: str, tmp_path: Path) -> None:
        """Killed between the fork and the exec, at any moment."""
        made = tmp_path / "made"
        for delay in (0.15, 0.25, 0.35):
            running = Tracer("-c", f"/usr/bin/touch {made}", "-o", "/nonexistent/output", "-e", IDLE)
            time.sleep(delay)
            running.process.kill()
            running.finish()
        assert not made.exists()


def _child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


class TestCommandAndProcess:
    @pytest.mark.parametrize("kind", ["missing", "not in PATH", "text", "directory", "not executable", "script"])
    def test_a_command_that_is_no_program_is_refused(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "command"
        if kind == "directory":
            path.mkdir()
        elif kind != "missing":
            path.write_bytes(b"#!/bin/sh\n" if kind == "script" else b"words\n")
            path.chmod(0o644 if kind == "not executable" else 0o755)
        name = "no-such-command-anywhere" if kind == "not in PATH" else str(path)
        text = f"Failed to fork child: Path '{name}' does not exist or is not executable (No such file or directory)"
        assert run("-c", name, "-e", IDLE) == Finished(1, "", f"ERROR: {text}\n")

    def test_a_command_that_the_kernel_cannot_run_is_told_before_anything_else(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        broken.write_bytes(Path("/proc/self/exe").read_bytes()[:40])
        broken.chmod(0o755)
        done = run("-c", str(broken), "-e", f'begin {{ printf("hello\\n"); }} {IDLE} {END}')
        text = "ERROR: Failed to run child: child: failed to execve (Exec format error)\n"
        assert done == Finished(255, "", text)

    @pytest.mark.parametrize(
        ("written", "text"),
        [
            ("x", "Failed to parse pid: invalid integer: x"),
            ("12xyz", "Failed to parse pid: invalid integer suffix 'xyz': 12xyz"),
            ("4194303u", "Failed to attach to pid: Unable to open pidfd (No such process)"),
            ("4194305", "Pid out of range: 4194305"),
            ("4194304", "Failed to attach to pid: Unable to open pidfd (No such process)"),
        ],
    )
    def test_a_process_that_cannot_be_is_refused(self, written: str, text: str) -> None:
        assert run("-p", written, "-e", IDLE) == Finished(1, "", f"ERROR: {text}\n")

    def test_a_command_and_a_process_together_are_refused(self) -> None:
        done = run("-p", "1", "-c", "true", "-e", IDLE)
        assert done.status == 1
        assert done.stderr.startswith("ERROR: USAGE: Cannot use both -c and -p.\n")

    def test_a_forked_process_of_the_child_runs_on_unharmed_and_does_not_end_the_run(self, tmp_path: Path) -> None:
        source = """
            #include <stdio.h>
            #include <sys/wait.h>
            #include <unistd.h>
            __attribute__((noipa)) int work(int x) { return x + 1; }
            int main(void) {
                int status;
                work(10);
                if (fork() == 0)
                    _exit(work(20));
                wait(&status);
                printf("forked: %d\\n", WEXITSTATUS(status));
                return work(30) * 0;
            }
        """
        program = build(tmp_path, "forker", source)
        script = f'uprobe:{program}:work {{ printf("%d\\n", arg0); @[pid == cpid] = count(); }}'
        done = run("-q", "-c", program, "-e", script)
        # The child and the tracer write to the same pipe, each in its own time.
        told = "forked: 21\n"
        assert told in done.stdout
        assert done.stdout.replace(told, "") == "10\n30\n\n\n@[true]: 2\n"
        assert (done.status, done.stderr) == (0, "")

    def test_all_threads_of_a_process_are_traced_those_that_it_starts_later_too(self, tmp_path: Path) -> None:
        source = """
            #include <pthread.h>
            #include <unistd.h>
            __attribute__((noinline)) void work(int x) { usleep(x); }
            static void *loop(void *x) { for (;;) work(2000); return 0; }
            static void *once(void *x) { work(1000); return 0; }
            int main(void) {
                pthread_t thread;
                pthread_create(&thread, 0, loop, 0);
                for (;;) { pthread_create(&thread, 0, once, 0); pthread_join(thread, 0); }
            }
        """
        program = build(tmp_path, "threads", source, "-pthread")
        with worker([program]) as process:
            first = f"{process.pid} {_first_thread(process.pid)}"
            script = f'uprobe:{program}:work {{ printf("%d %d\\n", pid, tid); }}'
            with tracer("-p", str(process.pid), "-e", script) as running:
                running.wait_for(f"^{first}$")
                running.wait_for(rf"(^{process.pid} (\d+)$(?s:.)*){{20}}")
                done = running.interrupt()
        threads = set(done.stdout.strip().splitlines())
        assert first in threads
        assert len(threads) > 3

    def test_user_stacks_of_a_short_lived_child_have_names(self, caller: str) -> None:
        script = "tracepoint:syscalls:sys_enter_getppid /pid == cpid/ { @[ustack] = count(); }"
        done = run("-q", "-c", f"{caller} 20", "-e", script)
        # What the child's own file and libc's symbols name; libc's start-up code has none everywhere.
        assert re.match(r"\n\n@\[\n        syscall\+\d+\n", done.stdout), done.stdout


def _first_thread(pid: int) -> int:
    """The thread that the process started first, once it has."""
    threads: list[int] = []

    def started() -> bool:
        threads[:] = sorted(int(name) for name in os.listdir(f"/proc/{pid}/task") if int(name) != pid)
        return bool(threads)

    _until(started)
    return threads[0]


class TestOutput:
    def test_json_tells_the_same_run_in_objects(self, caller: str) -> None:
        done = run("-f", "json", "-c", f"{caller} 2", "-e", OF_CHILD)
        messages = [json.loads(line) for line in done.stdout.splitlines()]
        pid = next(iter(messages[-2]["data"]["@by"]))
        assert messages == [
            {"type": "attached_probes", "count": 2, "data": {"probes": 2}},
            {"type": "printf", "data": "call\n"},
            {"type": "printf", "data": "call\n"},
            {"type": "printf", "data": "end\n"},
            {"type": "map", "data": {"@by": {pid: 2}}},
            {"type": "map", "data": {"@calls": 2}},
        ]
        assert (done.status, done.stderr) == (0, "")

    def test_quiet_leaves_out_the_number_of_probes(self) -> None:
        script = 'begin { printf("hello\\n"); exit(4); }'
        assert run("-q", "-e", script) == Finished(4, "hello\n\n\n", "")
        assert run("-q", "-f", "json", "-e", script) == Finished(4, '{"type": "printf", "data": "hello\\n"}\n', "")

    @pytest.mark.parametrize("format_", ["text", "json"])
    def test_a_file_takes_the_output_and_not_what_is_said_about_the_run(self, tmp_path: Path, format_: str) -> None:
        file = tmp_path / "out"
        file.write_text("what was there before")
        done = run("-f", format_, "-o", str(file), "-c", "/bin/echo from the child", "-e", f"begin {{ @ = 1; }} {IDLE}")
        assert (done.status, done.stdout) == (0, "from the child\n")
        if format_ == "text":
            assert (file.read_text(), done.stderr) == ("\n\n@: 1\n", "Attached 2 probes\n")
        else:
            attached = '{"type": "attached_probes", "count": 2, "data": {"probes": 2}}\n'
            assert file.read_text() == attached + '{"type": "map", "data": {"@": 1}}\n'
            assert done.stderr == ""

    def test_a_file_that_cannot_be_written_is_told_before_the_child_starts(self, tmp_path: Path) -> None:
        made = tmp_path / "made"
        for path, reason in ((tmp_path / "no" / "out", "No such file or directory"), (tmp_path, "Is a directory")):
            done = run("-o", str(path), "-c", f"/usr/bin/touch {made}", "-e", IDLE)
            assert done == Finished(1, "", f'ERROR: Failed to open output file: "{path}": {reason}\n')
        assert not made.exists()

    def test_a_dry_run_loads_and_attaches_but_shows_nothing_and_starts_no_child(self, tmp_path: Path) -> None:
        made = tmp_path / "made"
        script = f'begin {{ printf("hello\\n"); @ = 1; }} {IDLE} {END}'
        done = run("-v", "--dry-run", "-c", f"/usr/bin/touch {made}", "-e", script)
        assert (done.status, done.stdout) == (0, "")
        assert done.stderr == "Attaching 'begin' probe\nTrying to attach probe: interval:s:3600\n"
        assert not made.exists()

    def test_a_dry_run_fails_where_a_run_would(self, tmp_path: Path) -> None:
        done = run("--dry-run", "-e", "hardware:cache-misses:1000000 { @ = count(); }")
        if done.status == 0:
            pytest.skip("this machine has a hardware PMU")
        assert done.status == 255

    def test_line_buffering_shows_whole_lines_at_once(self) -> None:
        with tracer("-e", f'begin {{ printf("whole\\npart"); }} {IDLE}') as running:
            assert running.wait_for("^whole\n") == "whole\n"
            assert running.interrupt().stdout == "whole\npart\n\n"

    def test_without_buffering_parts_of_lines_are_shown_at_once(self) -> None:
        with tracer("-B", "none", "-e", f'begin {{ printf("part"); }} {IDLE}') as running:
            running.wait_for("^part")
            assert running.interrupt().stdout == "part\n\n"

    def test_full_buffering_shows_nothing_before_the_end(self, calling: subprocess.Popen[bytes]) -> None:
        with tracer("-B", "full", "-p", str(calling.pid), "-e", OF_PROCESS) as running:
            running.wait_attached()
            time.sleep(0.3)
            running.process.send_signal(signal.SIGSTOP)  # so that what comes is from before
            assert running._collected["stdout"] == b""
            running.process.send_signal(signal.SIGCONT)
            done = running.interrupt()
        assert_ended_in_order(done)

    def test_a_reader_that_goes_away_ends_the_run_and_the_child_without_a_word(self, caller: str) -> None:
        command = [*PYBPFTRACE, "-c", f"{caller} -1 polite", "-e", OF_CHILD]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == b"call\n"
            process.stdout.close()
            assert process.stderr.read() == b"Attached 2 probes\n"
            assert process.wait(PATIENCE) == 1
