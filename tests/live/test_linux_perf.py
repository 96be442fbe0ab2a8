"""Perf events on the running kernel: each traces only a child that the test started."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pybpftrace.core.linux import bpf, machine, perf, tracefs
from pybpftrace.core.linux.bpf import MapType, ProgramType
from pybpftrace.core.linux.cgroup import cgroup_id
from pybpftrace.core.linux.errors import KernelError
from pybpftrace.core.linux.perf_constants import BreakpointAccess, Hardware, Software

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(machine.missing_capability() is not None, reason="needs root and a kernel that permits BPF"),
]
needs_uprobes = pytest.mark.skipif(
    not os.path.exists("/sys/bus/event_source/devices/uprobe") or shutil.which("gcc") is None,
    reason="needs a kernel with uprobes, and gcc",
)

Keep = Callable[[int], int]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Closes the fds that it was given, at the end of the test."""
    fds: list[int] = []

    def remember(fd: int) -> int:
        fds.append(fd)
        return fd

    yield remember
    for fd in fds:
        os.close(fd)


def instruction(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("=BBhi", opcode, src << 4 | dst, offset, immediate)


def count_hits(counter: int, pid: int, others: bool = False) -> bytes:
    """Adds 1 to the array map's only value when process `pid` (helper 14: bpf_get_current_pid_tgid) is running.

    With `others`, when another one is; for events that are bound to `pid` and its children anyway.
    """
    return b"".join(
        (
            instruction(0x85, immediate=14),
            instruction(0x77, 0, immediate=32),  # r0 >>= 32
            instruction(0x15 if others else 0x55, 0, 0, 4, pid),  # if r0 == pid, or r0 != pid: goto +4
            instruction(0x18, 1, bpf.PSEUDO_MAP_VALUE, 0, counter) + instruction(0),
            instruction(0xB7, 2, immediate=1),
            instruction(0xDB, 1, 2),  # lock *(u64 *)(r1 + 0) += r2
            instruction(0xB7, 0),
            instruction(0x95),
        )
    )


class Counter:
    """A program that counts its runs in process `pid`, or in others, and the map that it counts in."""

    def __init__(self, keep: Keep, kind: ProgramType, pid: int, attach_type: int = 0, others: bool = False) -> None:
        self.map = keep(bpf.create_map(MapType.ARRAY, 4, 8, 1, name="hits"))
        code = count_hits(self.map, pid, others)
        image = bpf.ProgramImage(kind, code, name="count", expected_attach_type=attach_type)
        self.program = keep(bpf.load_program(image))

    @property
    def hits(self) -> int:
        value = bpf.lookup(self.map, bytes(4), 8)
        assert value is not None
        return int.from_bytes(value, "little")


class Child:
    """A process that begins its work when it is told to. Without a terminal, it ends with our end of the pipe."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.first_line = self._process.stdout.readline()

    def work(self) -> None:
        self._process.communicate(b"\n", timeout=30)
        assert self._process.returncode == 0

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def run() -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(*command: str) -> Child:
        children.append(Child(*command))
        return children[-1]

    yield start
    for child in children:
        child.stop()


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program that prints the address of `watched`, waits for input, then calls probed(i) for i in 0..9."""
    directory = tmp_path_factory.mktemp("target")
    source = directory / "target.c"
    source.write_text(
        "#include <stdio.h>\n"
        "volatile long watched;\n"
        "__attribute__((noinline)) int probed(int i) { watched = i; return i * 2; }\n"
        "__attribute__((noinline)) int other(int i) { return i + (int)watched; }\n"
        'int main(void) { printf("%p\\n", (void *)&watched); fflush(stdout); getchar();\n'
        "  int sum = 0; for (int i = 0; i < 10; i++) sum += probed(i); sum += other(1);\n"
        "  for (volatile long i = 0; i < 300000000; i++) {}\n"
        "  return sum == 0; }\n"
    )
    binary = directory / "target"
    subprocess.run(["gcc", "-O1", "-fno-inline", "-o", str(binary), str(source)], check=True)
    return str(binary)


def file_offset(binary: str, function: str) -> int:
    """From readelf: the symbol's address minus its segment's, plus the segment's place in the file."""
    listing = subprocess.run(["readelf", "-Wsl", binary], check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in listing.splitlines()]
    address = next(int(parts[1], 16) for parts in lines if len(parts) == 8 and parts[7] == function)
    for parts in lines:
        if parts[:1] == ["LOAD"]:
            offset, start, size = int(parts[1], 16), int(parts[2], 16), int(parts[4], 16)
            if start <= address < start + size:
                return address - start + offset
    raise AssertionError(f"{function} is in no segment")


needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


@needs_gcc
def test_the_clock_ticks_in_a_child_that_computes(keep: Keep, run: Callable[..., Child], target: str) -> None:
    child = run(target)
    counter = Counter(keep, ProgramType.PERF_EVENT, child.pid)
    keep(perf.attach_program(perf.open_clock(freq=1000, pid=child.pid, cpu=-1), counter.program))
    child.work()
    assert counter.hits > 10


@needs_gcc
def test_the_clock_ticks_on_every_cpu_too(keep: Keep, run: Callable[..., Child], target: str) -> None:
    child = run(target)
    counter = Counter(keep, ProgramType.PERF_EVENT, child.pid)
    for cpu in machine.online_cpus():
        keep(perf.attach_program(perf.open_clock(period_ns=1_000_000, cpu=cpu), counter.program))
    child.work()
    assert counter.hits > 10


def test_an_event_of_a_process_counts_in_the_processes_that_it_starts(keep: Keep, run: Callable[..., Child]) -> None:
    child = run("/bin/sh", "-c", "echo ready; read line; /bin/true; exit 0")
    counter = Counter(keep, ProgramType.PERF_EVENT, child.pid, others=True)
    keep(perf.attach_program(perf.open_software(Software.PAGE_FAULTS, 1, child.pid, -1), counter.program))
    child.work()
    assert counter.hits > 0


def test_an_event_that_this_machine_lacks_is_named_in_words() -> None:
    if os.path.exists("/sys/bus/event_source/devices/cpu"):
        pytest.skip("this machine has hardware counters")
    with pytest.raises(KernelError, match=r"hardware event 0 \(CPU 0\): .*this machine or virtual machine has no"):
        perf.open_hardware(Hardware.CPU_CYCLES, 1_000_000)


def test_a_process_that_does_not_exist_is_named_in_words() -> None:
    with pytest.raises(KernelError, match=r"the CPU clock \(process 4194305\): .*there is no such process"):
        perf.open_clock(freq=99, pid=4194305, cpu=-1)


def test_a_tracepoint_counts_the_system_calls_of_the_child(keep: Keep, run: Callable[..., Child]) -> None:
    child = run("/bin/sh", "-c", "echo ready; read line; cd /; cd /tmp; cd /")
    counter = Counter(keep, ProgramType.TRACEPOINT, child.pid)
    event = perf.open_tracepoint(tracefs.event_id("syscalls", "sys_enter_chdir"))
    keep(perf.attach_program(event, counter.program))
    child.work()
    assert counter.hits == 3


def test_a_closed_link_counts_no_more(keep: Keep, run: Callable[..., Child]) -> None:
    child = run("/bin/sh", "-c", "echo ready; read line; cd /")
    counter = Counter(keep, ProgramType.TRACEPOINT, child.pid)
    event = perf.open_tracepoint(tracefs.event_id("syscalls", "sys_enter_chdir"))
    os.close(perf.attach_program(event, counter.program))
    child.work()
    assert counter.hits == 0


def test_kernels_without_links_attach_with_an_ioctl(
    keep: Keep, run: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(prog_fd: int, event_fd: int, cookie: int, subject: str) -> int:
        raise KernelError(22, "bpf(BPF_LINK_CREATE)", subject)

    monkeypatch.setattr(perf, "create_perf_event_link", no_links)
    child = run("/bin/sh", "-c", "echo ready; read line; cd /")
    counter = Counter(keep, ProgramType.TRACEPOINT, child.pid)
    event = perf.open_tracepoint(tracefs.event_id("syscalls", "sys_enter_chdir"))
    assert keep(perf.attach_program(event, counter.program)) == event
    child.work()
    assert counter.hits == 1


def test_a_program_of_the_wrong_type_is_refused_and_the_event_closed(keep: Keep) -> None:
    program = Counter(keep, ProgramType.TRACEPOINT, 0).program
    event = perf.open_clock(freq=1)
    with pytest.raises(KernelError, match=r"ioctl\(PERF_EVENT_IOC_SET_BPF\)"):
        perf.attach_program(event, program)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(event)


@needs_uprobes
@pytest.mark.parametrize("is_return", [False, True])
def test_a_uprobe_counts_the_calls_in_the_child(
    keep: Keep, run: Callable[..., Child], target: str, is_return: bool
) -> None:
    child = run(target)
    counter = Counter(keep, ProgramType.KPROBE, child.pid)
    event = perf.open_uprobe(target, file_offset(target, "probed"), pid=child.pid, is_return=is_return)
    keep(perf.attach_program(event, counter.program))
    child.work()
    assert counter.hits == 10


@needs_uprobes
def test_a_uprobe_without_a_process_counts_in_all_of_the_file(
    keep: Keep, run: Callable[..., Child], target: str
) -> None:
    child = run(target)
    counter = Counter(keep, ProgramType.KPROBE, child.pid)
    keep(perf.attach_program(perf.open_uprobe(target, file_offset(target, "other")), counter.program))
    child.work()
    assert counter.hits == 1


@needs_uprobes
def test_one_uprobe_multi_link_counts_two_functions(keep: Keep, run: Callable[..., Child], target: str) -> None:
    if tuple(map(int, machine.kernel_release().split(".")[:2])) < (6, 6):
        pytest.skip("uprobe_multi is of Linux 6.6")
    child = run(target)
    counter = Counter(keep, ProgramType.KPROBE, child.pid, bpf.AttachType.TRACE_UPROBE_MULTI)
    offsets = [file_offset(target, "probed"), file_offset(target, "other")]
    keep(bpf.create_uprobe_multi_link(counter.program, target, offsets, child.pid, cookies=[1, 2]))
    child.work()
    assert counter.hits == 11


@needs_uprobes
def test_a_uprobe_in_a_file_that_does_not_exist_names_the_file() -> None:
    with pytest.raises(KernelError, match=r"perf_event_open of uprobe '/no/such/file'\+0x10: .*ENOENT"):
        perf.open_uprobe("/no/such/file", 0x10)


@needs_gcc
def test_a_breakpoint_counts_the_writes_to_a_variable(keep: Keep, run: Callable[..., Child], target: str) -> None:
    child = run(target)
    counter = Counter(keep, ProgramType.PERF_EVENT, child.pid)
    address = int(child.first_line, 16)
    try:
        event = perf.open_breakpoint(address, 8, BreakpointAccess.WRITE, child.pid, -1)
    except KernelError as error:
        pytest.skip(f"no hardware breakpoints: {error}")
    keep(perf.attach_program(event, counter.program))
    child.work()
    assert counter.hits == 10


def test_kprobes_that_this_kernel_lacks_are_named_in_words(keep: Keep) -> None:
    if os.path.exists("/sys/bus/event_source/devices/kprobe"):
        pytest.skip("this kernel has kprobes")
    with pytest.raises(KernelError, match="reading perf PMU kprobe/type of kprobe vfs_read"):
        perf.open_kprobe("vfs_read")


def test_tracefs_has_an_id_for_every_event() -> None:
    assert tracefs.event_id("sched", "sched_switch") > 0
    with pytest.raises(KernelError, match="tracepoint 'sched:none'"):
        tracefs.event_id("sched", "none")


def test_the_id_of_a_cgroup_is_its_inode_number() -> None:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    directory = next((parts[1] for parts in mounts if parts[2] == "cgroup2"), None)
    if directory is None:
        pytest.skip("no cgroup2 file system")
    assert cgroup_id(directory) == os.stat(directory).st_ino


def test_the_machine_s_facts_can_be_read() -> None:
    assert machine.kernel_release() == os.uname().release
    build_id = machine.kernel_build_id()
    assert build_id == "" or len(bytes.fromhex(build_id)) in (16, 20)
    device, inode, _ = machine.pid_namespace()
    assert (device, inode) == (os.stat("/proc/self/ns/pid").st_dev, os.stat("/proc/self/ns/pid").st_ino)
    assert "CAP_SYS_ADMIN" in machine.effective_capabilities() or "CAP_BPF" in machine.effective_capabilities()
