"""What goes wrong on a machine is told in a line or two, with the right exit status, and never with a traceback."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from pybpftrace.core.artifact_file import save
from pybpftrace.core.artifacts import CompiledProgram, LineInfo, ProgramSpec
from pybpftrace.core.config import Config
from pybpftrace.core.linux import machine
from pybpftrace.core.probe import ConcretePoint
from pybpftrace.core.source import Source
from tracing import PATIENCE, PYBPFTRACE, Finished, run

pytestmark = pytest.mark.live

OPENAT = "tracepoint:syscalls:sys_enter_openat /pid == cpid/ { @ = count(); }"
HELLO = 'begin { printf("hello\\n"); exit(); }'


def finished(command: list[str]) -> Finished:
    """Runs a command line that has the tracer in it."""
    done = subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False, text=True
    )
    assert "Traceback" not in done.stderr and "BUG" not in done.stderr, done.stderr
    return Finished(done.returncode, done.stdout, done.stderr)


def with_rights(*settings: str) -> list[str]:
    """The tracer as setpriv(1) starts it; the test is skipped where that is not possible."""
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    command = ["setpriv", *settings]
    if subprocess.run([*command, *PYBPFTRACE, "--version"], capture_output=True, check=False).returncode:
        pytest.skip(f"setpriv {' '.join(settings)} cannot run the tracer here")
    return [*command, *PYBPFTRACE]


def after(preparation: str) -> list[str]:
    """The tracer in a mount namespace of its own, after a shell command has changed its mounts."""
    shell = f"mount --make-rprivate / && {{ {preparation}; }} && exec " + '"$@"'
    command = ["unshare", "--mount", "sh", "-ec", shell, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("needs a mount namespace of its own")
    return [*command, *PYBPFTRACE, "--no-cache"]


class TestRights:
    def test_another_user_than_root_is_told_the_capability(self) -> None:
        command = with_rights("--reuid=65534", "--regid=65534", "--clear-groups")
        text = "ERROR: Missing CAP_DAC_READ_SEARCH capability, please run pybpftrace as the root user.\n"
        assert finished([*command, "-e", HELLO]) == Finished(1, "", text)

    @pytest.mark.parametrize("name", ["bpf", "perfmon"])
    def test_root_without_the_capability_is_told_which(self, name: str) -> None:
        command = with_rights(f"--bounding-set=-{name},-sys_admin", f"--inh-caps=-{name},-sys_admin")
        text = f"ERROR: Missing CAP_{name.upper()} capability, please run pybpftrace as the root user.\n"
        assert finished([*command, "-e", HELLO]) == Finished(1, "", text)

    def test_the_two_capabilities_of_tracing_are_enough_without_that_of_the_administrator(self) -> None:
        command = with_rights("--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
        done = finished([*command, "-q", "-c", "/usr/bin/true", "-e", OPENAT])
        assert done.status == 0 and re.fullmatch(r"\n\n@: \d+\n", done.stdout)

    def test_only_compiling_takes_no_rights(self) -> None:
        command = with_rights("--reuid=65534", "--regid=65534", "--clear-groups")
        assert finished([*command, "--no-cache", "--mode", "codegen", "-e", HELLO]) == Finished(0, "", "")


class TestFileSystems:
    def test_tracefs_is_mounted_when_it_is_not_there(self) -> None:
        command = after("umount -l /sys/kernel/tracing; umount -l /sys/kernel/debug 2>&1 | true")
        done = finished([*command, "-q", "-c", "/usr/bin/true", "-e", OPENAT])
        assert done.status == 0 and re.fullmatch(r"\n\n@: \d+\n", done.stdout), done.stderr

    @pytest.mark.parametrize("event", ["sys_enter_openat", "sys_enter_open*"])
    def test_a_tracefs_that_cannot_be_mounted_is_told_at_the_probe(self, event: str) -> None:
        command = after("mount -t tmpfs tmpfs /sys/kernel")
        done = finished([*command, "-e", f"tracepoint:syscalls:{event} {{ @ = count(); }}"])
        message, _, _ = done.stderr.splitlines()
        assert message.startswith("stdin:1:1-")
        assert "ERROR: mount of tracefs on /sys/kernel/tracing: No such file or directory" in message
        assert (done.status, done.stdout) == (1, "")

    def test_what_needs_no_tracefs_runs_without_it(self) -> None:
        command = after("mount -t tmpfs tmpfs /sys/kernel")
        assert finished([*command, "-q", "-e", HELLO]) == Finished(0, "hello\n\n\n", "")

    def test_tracepoints_do_without_the_kernels_types(self) -> None:
        command = after("mount -t tmpfs tmpfs /sys/kernel/btf")
        script = 'tracepoint:sched:sched_process_exec /pid == cpid/ { printf("%s\\n", str(args.filename)); }'
        done = finished([*command, "-q", "-c", "/usr/bin/true", "-e", script])
        assert done == Finished(0, "/usr/bin/true\n\n\n", "")

    def test_a_disk_that_becomes_full_ends_the_run(self, tmp_path: Path) -> None:
        small = tmp_path / "small"
        small.mkdir()
        command = after(f"mount -t tmpfs -o size=64k tmpfs {small}")
        script = 'interval:ms:1 { printf("%1000d\\n", 1); }'
        done = finished([*command, "-o", f"{small}/out", "-e", script])
        text = f'Attached 1 probe\nERROR: Failed to write output "{small}/out": No space left on device\n'
        assert done == Finished(1, "", text)

    def test_a_full_standard_output_is_told(self) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*PYBPFTRACE, "-q", "-e", HELLO], stdout=full, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
            )
        assert done.stderr == b"ERROR: Failed to write output: No space left on device\n"
        assert done.returncode == 1


class TestScripts:
    def test_a_script_that_cannot_be_read_is_told(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing.bt"
        text = f"ERROR: failed to open file '{missing}': No such file or directory\n"
        assert run(str(missing)) == Finished(1, "", text)
        assert run(str(tmp_path)) == Finished(1, "", f"ERROR: failed to open file '{tmp_path}': Is a directory\n")
        text = "ERROR: '/bin/true' is a program of the machine, not a script\n"
        assert run("/bin/true") == run("-l", "/bin/true") == Finished(1, "", text)

    def test_an_offset_in_an_instruction_is_refused_because_a_misplaced_breakpoint_breaks_the_program(self) -> None:
        if machine.architecture() != "x86_64":
            pytest.skip("on this machine no instruction is so short")
        libc = next(
            (line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libc.so" in line), None
        )
        assert libc is not None
        done = run("-c", "/usr/bin/true", "-e", f"uprobe:{libc}:getpid+1 {{ @ = count(); }}")
        assert done.status == 1
        assert done.stderr.splitlines()[0].endswith(
            f"ERROR: Could not add uprobe into middle of instruction: {libc}:getpid+1"
        )

    def test_a_hardware_event_without_a_pmu_is_two_lines(self) -> None:
        done = run("-e", "hardware:cache-misses:1000000 { @[comm, pid] = count(); }")
        if done.status == 0:
            pytest.skip("this machine has a hardware PMU")
        assert done == Finished(
            255,
            "",
            "ERROR: no hardware PMU here counts cache-misses; software:cpu-clock and profile:hz:99 work without one\n"
            "ERROR: Unable to attach probe: hardware:cache-misses:1000000. "
            "If this is expected, set the 'missing_probes' config variable to 'warn'.\n",
        )

    def test_a_rate_that_the_kernel_does_not_sample_at_is_told_with_the_limit(self) -> None:
        limit = int(Path("/proc/sys/kernel/perf_event_max_sample_rate").read_text())
        done = run("-c", "/usr/bin/true", "-e", f"profile:hz:{limit + 1} {{ @ = count(); }}")
        assert done.status == 255
        first, second = done.stderr.splitlines()
        assert "kernel.perf_event_max_sample_rate" in first
        assert second.startswith(f"ERROR: Unable to attach probe: profile:hz:{limit + 1}. ")


class TestVerifier:
    SCRIPT = 'begin {\n  @x = 1;\n  printf("%d\\n", *@x);\n}\n'

    @pytest.fixture
    def rejected(self, tmp_path: Path) -> str:
        """A saved program whose instructions for the third line follow a number as an address."""

        def insn(code: int, dst: int = 0, src: int = 0, imm: int = 0) -> bytes:
            return struct.pack("<BBhi", code, dst | src << 4, 0, imm)

        program = ProgramSpec(
            "begin_1",
            ConcretePoint("begin", "begin", {}),
            "raw_tracepoint",
            insn(0xB7, 1, imm=1) + insn(0x79, 0, 1) + insn(0x95),
            lines=(LineInfo(0, 2, 3), LineInfo(1, 3, 3)),
        )
        origins = {"probe:begin": "pybpftrace.plugins.probes.lifecycle"}
        source = Source("rejected.bt", self.SCRIPT)
        path = str(tmp_path / "rejected")
        save(CompiledProgram(source, machine.architecture(), Config(), (program,), (), (), (), origins), path)
        return path

    PLACE = (
        "rejected.bt:3:3-22: ERROR: the kernel's verifier says: R1 invalid mem access 'scalar'\n"
        '  printf("%d\\n", *@x);\n'
        "  ~~~~~~~~~~~~~~~~~~~\n"
        "HINT: the program follows a number that the kernel does not know as an address; memory of other kinds is only "
        "reached through a cast, as in *(uint64 *)addr\n"
    )
    HEAD = "ERROR: Error loading BPF program for begin. Error code: -13 (Permission denied)."

    def test_a_rejection_shows_the_scripts_own_line_and_a_plain_sentence(self, rejected: str) -> None:
        text = f"{self.HEAD} Use -v for full kernel error log.\n{self.PLACE}"
        assert run(rejected) == Finished(255, "", text)

    def test_the_whole_log_is_shown_with_v(self, rejected: str) -> None:
        done = run("-v", rejected)
        assert (done.status, done.stdout) == (255, "")
        assert done.stderr.startswith(f"{self.HEAD}\nKernel error log: \n")
        assert "1: (79) r0 = *(u64 *)(r1 +0)\nR1 invalid mem access 'scalar'\n" in done.stderr
        assert done.stderr.endswith(self.PLACE)

    def test_the_whole_log_is_on_standard_output_with_d_verifier(self, rejected: str) -> None:
        done = run("-d", "verifier", rejected)
        assert done.stdout.startswith(f"BPF verifier log for begin:\n{'-' * 38}\n")
        assert "R1 invalid mem access 'scalar'" in done.stdout
        assert (done.status, done.stderr.splitlines()[0]) == (255, f"{self.HEAD} Use -v for full kernel error log.")

    def test_the_log_of_a_program_that_is_accepted_is_shown_as_well(self) -> None:
        done = run("-q", "-d", "verifier", "-e", HELLO)
        assert done.stdout.startswith(f"BPF verifier log for begin:\n{'-' * 38}\n")
        assert done.stdout.endswith("\nhello\n\n\n")
        assert (done.status, done.stderr) == (0, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_that_the_caller_left_closed_do_no_harm(closed: str) -> None:
    script = 'begin { @x = 1; printf("hello\\n"); exit(3); }'
    done = finished(["sh", "-c", f'exec "$@" {closed}', "sh", *PYBPFTRACE, "-e", script])
    assert done.status == 3
    assert done.stdout == ("" if ">&-" in closed.split() else "hello\n\n\n@x: 1\n")


def test_a_mistake_is_told_even_when_standard_output_is_closed() -> None:
    done = finished(["sh", "-c", 'exec "$@" >&-', "sh", *PYBPFTRACE, "-e", "begin { prinf(1); }"])
    assert done.status == 1
    assert "Unknown function: 'prinf'" in done.stderr


def test_k_reports_failed_reads_and_look_ups_with_their_place() -> None:
    read = 'printf("[%s]\\n", str(kptr(comm == "" ? 0 : 8)));'
    script = f'begin {{ {read} @a["x"] = 1; printf("%d\\n", @a["no"]); exit(); }}'
    silent, told = (run("-q", *flags, "-e", script) for flags in ([], ["-k"]))
    assert silent.stdout == told.stdout
    assert not silent.stderr
    reason = "(Bad address|Numerical result out of range)"
    assert re.search(rf"^stdin:1:\d+-\d+: WARNING: {reason}$", told.stderr, re.MULTILINE), told.stderr
    assert "Additional Info - helper: probe_read_kernel_str, retcode: -" in told.stderr
    look_up = "WARNING: Can't lookup map element because it does not exist.\nAdditional Info - helper: map_lookup_elem"
    assert look_up in told.stderr
