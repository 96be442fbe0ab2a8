"""System calls, attributes and file names, as far as they need no privileges."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest
from pybpftrace.core.linux import bpf, bpf_call, machine, perf, syscalls, tracefs
from pybpftrace.core.linux.cgroup import cgroup_id
from pybpftrace.core.linux.errors import KernelError


def test_a_failing_system_call_raises_its_errno() -> None:
    with pytest.raises(OSError, match="Bad address") as caught:
        syscalls.syscall("mount", 1, 1, 1, 0, 0)
    assert caught.value.errno == errno.EFAULT


def test_an_architecture_without_numbers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "architecture", lambda: "pdp11")
    with pytest.raises(NotImplementedError, match="pdp11"):
        syscalls.syscall("bpf", 0, 0, 0)


def test_every_architecture_has_every_call() -> None:
    calls = {frozenset(numbers) for numbers in syscalls.SYSCALL_NUMBERS.values()}
    assert calls == {frozenset({"bpf", "perf_event_open", "name_to_handle_at", "mount"})}


def test_a_pidfd_of_a_process_that_does_not_exist_says_so() -> None:
    with pytest.raises(KernelError, match="pidfd_open of process 4194305"):
        syscalls.pidfd_open(4194305)


def test_a_pidfd_is_closed_on_exec() -> None:
    fd = syscalls.pidfd_open(os.getpid())
    assert not os.get_inheritable(fd)
    os.close(fd)


@pytest.mark.parametrize(
    ("name", "kernel_name"), [("@x", b"_x"), ("events", b"events"), ("a" * 40, b"a" * 15), ("t:é.1", b"t__.1")]
)
def test_the_kernel_gets_a_name_that_it_takes(name: str, kernel_name: bytes) -> None:
    assert bpf_call.object_name(name) == kernel_name


@pytest.fixture
def bpf_attributes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """What would have been passed to bpf(2), by command."""
    import ctypes

    calls: list[tuple[str, bytes]] = []

    def record(name: str, command: bpf.Command, address: int, size: int) -> int:
        calls.append((command.name, ctypes.string_at(address, size)))
        return 3

    monkeypatch.setattr(bpf_call, "syscall", record)
    return calls


def test_the_fields_of_map_create_are_where_the_kernel_has_them(bpf_attributes: list[tuple[str, bytes]]) -> None:
    bpf.create_map(bpf.MapType.HASH, 4, 8, 100, bpf.MapFlag.NO_PREALLOC, "@m")
    fields = struct.pack("=7I", 1, 4, 8, 100, 1, 0, 0)
    assert bpf_attributes == [("MAP_CREATE", fields + b"_m".ljust(16, b"\0"))]


def test_the_fields_of_prog_load_are_where_the_kernel_has_them(bpf_attributes: list[tuple[str, bytes]]) -> None:
    image = bpf.ProgramImage(
        bpf.ProgramType.TRACING,
        bytes(16),
        name="p",
        expected_attach_type=24,
        btf_fd=9,
        func_info=bytes(16),
        line_info=bytes(48),
        attach_btf_id=77,
        attach_btf_obj_fd=5,
        prog_flags=bpf.ProgramFlag.SLEEPABLE,
    )
    bpf.load_program(image)
    [(command, attributes)] = bpf_attributes
    assert command == "PROG_LOAD"
    # Offsets of union bpf_attr in include/uapi/linux/bpf.h.
    at = {0: 26, 4: 2, 24: 0, 28: 0, 44: 16, 68: 24, 72: 9, 76: 8, 88: 2, 92: 16, 104: 3, 108: 77, 112: 5}
    assert {offset: struct.unpack_from("=I", attributes, offset)[0] for offset in at} == at
    assert attributes[48:64] == b"p".ljust(16, b"\0")
    assert all(struct.unpack_from("=Q", attributes, offset)[0] for offset in (8, 16, 80, 96))


def test_a_kprobe_multi_link_has_its_names_cookies_and_return_flag(bpf_attributes: list[tuple[str, bytes]]) -> None:
    bpf.create_kprobe_multi_link(7, symbols=["do_a", "do_b"], is_return=True, cookies=[1, 2])
    [(command, attributes)] = bpf_attributes
    assert command == "LINK_CREATE"
    assert struct.unpack_from("=IIIIII", attributes) == (7, 0, 42, 0, 1, 2)
    names, addresses, cookies = struct.unpack_from("=QQQ", attributes, 24)
    assert names and cookies and not addresses


def test_an_iterator_link_of_all_tasks_has_no_target(bpf_attributes: list[tuple[str, bytes]]) -> None:
    bpf.create_iterator_link(7)
    assert struct.unpack("=IIIIQI4x", bpf_attributes[0][1]) == (7, 0, bpf.AttachType.TRACE_ITER, 0, 0, 0)


@pytest.fixture
def perf_attributes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, tuple[int, ...]]]:
    """The perf_event_attr and the other arguments of what would have been opened."""
    import ctypes

    calls: list[tuple[bytes, tuple[int, ...]]] = []

    def record(name: str, address: int, *others: int) -> int:
        size = struct.unpack("=I", ctypes.string_at(address + 4, 4))[0]
        calls.append((ctypes.string_at(address, size), others))
        return 3

    monkeypatch.setattr(perf, "syscall", record)
    return calls


def test_a_clock_by_frequency_sets_the_frequency_bit(perf_attributes: list[tuple[bytes, tuple[int, ...]]]) -> None:
    perf.open_clock(freq=99, cpu=3)
    [(attributes, (pid, cpu, group, flags))] = perf_attributes
    assert struct.unpack_from("=IIQQ", attributes) == (1, 72, 0, 99)
    assert struct.unpack_from("=Q", attributes, 40)[0] == 1 << 10 | 1  # freq, disabled
    assert (pid, cpu, group, flags) == (-1, 3, -1, 8)


def test_an_event_of_one_process_is_inherited_by_its_children(
    perf_attributes: list[tuple[bytes, tuple[int, ...]]],
) -> None:
    perf.open_software(2, 100, pid=55, cpu=-1)
    [(attributes, others)] = perf_attributes
    assert struct.unpack_from("=IIQQ", attributes) == (1, 72, 2, 100)
    assert struct.unpack_from("=Q", attributes, 40)[0] & 2
    assert others[:2] == (55, -1)


def test_a_breakpoint_has_address_length_and_access(perf_attributes: list[tuple[bytes, tuple[int, ...]]]) -> None:
    perf.open_breakpoint(0x1000, 4, 3, pid=55, cpu=-1)
    assert struct.unpack_from("=IQQ", perf_attributes[0][0], 52) == (3, 0x1000, 4)


def test_a_uretprobe_takes_its_bits_from_the_pmu_s_format_files(
    perf_attributes: list[tuple[bytes, tuple[int, ...]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uprobe" / "format").mkdir(parents=True)
    (tmp_path / "uprobe" / "type").write_text("8\n")
    (tmp_path / "uprobe" / "format" / "retprobe").write_text("config:1\n")
    (tmp_path / "uprobe" / "format" / "ref_ctr_offset").write_text("config:32-63\n")
    monkeypatch.setattr(perf, "_PMU_DIRECTORY", str(tmp_path))
    perf.open_uprobe("/bin/x", 0x40, is_return=True, ref_ctr_offset=0x99)
    attributes, others = perf_attributes[0]
    assert struct.unpack_from("=IIQ", attributes) == (8, 72, 0x99 << 32 | 2)
    assert struct.unpack_from("=Q", attributes, 64)[0] == 0x40
    assert others[:2] == (-1, 0)


def test_a_kernel_without_the_pmu_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf, "_PMU_DIRECTORY", str(tmp_path))
    with pytest.raises(KernelError, match=r"reading perf PMU kprobe/type of kprobe vfs_read: .*ENOENT"):
        perf.open_kprobe("vfs_read")


def test_tracefs_is_the_first_directory_that_has_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "debug" / "events").mkdir(parents=True)
    monkeypatch.setattr(tracefs, "TRACEFS_DIRECTORIES", (str(tmp_path / "tracing"), str(tmp_path / "debug")))
    assert tracefs.tracefs_root() == str(tmp_path / "debug")


def test_a_mount_that_is_forbidden_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setattr(tracefs, "TRACEFS_DIRECTORIES", (nowhere,))
    monkeypatch.setattr(tracefs, "syscall", refuse)
    with pytest.raises(KernelError, match=f"run as root: mount -t tracefs tracefs {nowhere}"):
        tracefs.tracefs_root()


def test_a_mount_that_fails_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setattr(tracefs, "TRACEFS_DIRECTORIES", (nowhere,))
    with pytest.raises(KernelError, match=f"tracefs on {nowhere}: .*ENOENT.*this kernel cannot trace"):
        tracefs.tracefs_root()


def test_the_id_of_an_event_is_read_from_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "events" / "sched" / "wakeup").mkdir(parents=True)
    (tmp_path / "events" / "sched" / "wakeup" / "id").write_text("312\n")
    monkeypatch.setattr(tracefs, "TRACEFS_DIRECTORIES", (str(tmp_path),))
    assert tracefs.event_id("sched", "wakeup") == 312


@pytest.mark.parametrize("name", ["..", "a/b", "", "a\0b"])
def test_an_event_name_cannot_lead_out_of_the_events_directory(name: str) -> None:
    with pytest.raises(KernelError) as caught:
        tracefs.event_id(name, "x")
    assert caught.value.errno == errno.ENOENT


def test_a_cgroup_that_does_not_exist_is_enoent() -> None:
    with pytest.raises(KernelError) as caught:
        cgroup_id("/sys/fs/cgroup/no/such/group")
    assert caught.value.errno == errno.ENOENT


def test_a_directory_of_another_file_system_is_not_a_cgroup(tmp_path: Path) -> None:
    with pytest.raises(KernelError) as caught:
        cgroup_id(str(tmp_path))
    assert caught.value.errno == errno.EINVAL
