"""Perf events: opening them, one CPU or one process at a time, and attaching a BPF program.

An event lives as long as its fd, and all fds are close-on-exec, so everything detaches when this process ends. Events
that sample are opened disabled: `attach_program` enables them once the program is there.

Everywhere below, as in perf_event_open(2): `pid` -1 is every process on `cpu`; `cpu` -1 is wherever `pid` runs. An
event that samples one process is inherited by the processes and threads that this starts afterwards.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable

from .bpf_links import create_perf_event_link
from .errors import KernelError
from .perf_constants import (
    ATTRIBUTES_SIZE,
    PERF_EVENT_IOC_ENABLE,
    PERF_EVENT_IOC_SET_BPF,
    PERF_FLAG_FD_CLOEXEC,
    AttributeFlag,
    PerfType,
    Software,
)
from .syscalls import address_of, syscall

#: type, size, config, sample_period or sample_freq, sample_type, read_format, flags, wakeup_events, bp_type, config1
#: (bp_addr, uprobe_path, kprobe_func), config2 (bp_len, probe_offset)
_ATTRIBUTES = "=IIQQQQQIIQQ"
_PMU_DIRECTORY = "/sys/bus/event_source/devices"


def perf_event_open(
    type: int,
    config: int,
    *,
    period: int = 0,
    frequency: int = 0,
    config1: int = 0,
    config2: int = 0,
    breakpoint_type: int = 0,
    attribute_flags: int = 0,
    sample_type: int = 0,
    wakeup: int = 0,
    pid: int = -1,
    cpu: int = 0,
    group_fd: int = -1,
    flags: int = PERF_FLAG_FD_CLOEXEC,
    subject: str = "a perf event",
) -> int:
    """The fd of an event. Give a sampling `period` (events, or ns for clocks) or a `frequency` (Hz), or neither.

    `wakeup` is after how many events who waits for the fd is woken, one unless told; with the flag WATERMARK it is
    after how many bytes. Raises: KernelError, about `subject`.
    """
    if frequency:
        attribute_flags |= AttributeFlag.FREQ
    attributes = struct.pack(
        _ATTRIBUTES,
        *(type, ATTRIBUTES_SIZE, config, frequency or period, sample_type, 0),
        *(attribute_flags, wakeup or int(bool(period or frequency)), breakpoint_type, config1, config2),
    )
    try:
        return syscall("perf_event_open", address_of(attributes), pid, cpu, group_fd, flags)
    except OSError as error:
        raise KernelError(error.errno or 0, "perf_event_open", subject) from None


def open_tracepoint(event_id: int, pid: int = -1, cpu: int = 0) -> int:
    """An event of a tracepoint (`tracefs.event_id`). One is enough for all CPUs.

    A BPF program runs at every hit on every CPU and in every process, whatever `pid` and `cpu` are: the kernel runs it
    before it looks for the events of the CPU. So the program itself has to filter. Raises KernelError.
    """
    return perf_event_open(
        PerfType.TRACEPOINT, event_id, period=1, pid=pid, cpu=cpu, subject=f"tracepoint {event_id}{_place(pid, cpu)}"
    )


def open_software(config: int, period: int, pid: int = -1, cpu: int = 0) -> int:
    """A software event (`Software`), sampled every `period` events. Raises KernelError."""
    return _open_sampling(PerfType.SOFTWARE, config, period, 0, pid, cpu, f"software event {config}")


def open_hardware(config: int, period: int, pid: int = -1, cpu: int = 0) -> int:
    """A hardware event (`Hardware`), sampled every `period` events. Raises KernelError."""
    return _open_sampling(PerfType.HARDWARE, config, period, 0, pid, cpu, f"hardware event {config}")


def open_clock(freq: int | None = None, period_ns: int | None = None, pid: int = -1, cpu: int = 0) -> int:
    """A timer on `cpu`, `freq` times a second or every `period_ns`; bound to a process, it ticks only while that runs.

    Raises: KernelError.
    """
    return _open_sampling(PerfType.SOFTWARE, Software.CPU_CLOCK, period_ns or 0, freq or 0, pid, cpu, "the CPU clock")


def open_breakpoint(address: int, length: int, access: int, pid: int = -1, cpu: int = 0) -> int:
    """A hardware breakpoint on `length` (1, 2, 4, 8) bytes; `access` is BreakpointAccess bits. Raises KernelError.

    The length of an execution breakpoint has to be 8, sizeof(long).
    """
    return perf_event_open(
        PerfType.BREAKPOINT,
        0,
        period=1,
        config1=address,
        config2=length,
        breakpoint_type=access,
        attribute_flags=_sampling_flags(pid),
        pid=pid,
        cpu=cpu,
        subject=f"a breakpoint at {address:#x}{_place(pid, cpu)}",
    )


def open_uprobe(
    path: str,
    offset: int,
    pid: int = -1,
    cpu: int | None = None,
    is_return: bool = False,
    ref_ctr_offset: int = 0,
) -> int:
    """A probe at byte `offset` of the file `path`, in process `pid` only or in all.

    One event is enough for all CPUs, so `cpu` defaults to 0 for all processes and -1 for one. `ref_ctr_offset` is the
    file offset of a USDT semaphore. Source: the kernel's Documentation/trace/uprobetracer.rst.
    Raises: KernelError: ENOENT: no such file, or no uprobes in this kernel; EINVAL: the offset is not in the file.
    """
    name = os.fsencode(path) + b"\0"
    subject = f"{'uretprobe' if is_return else 'uprobe'} '{path}'+{offset:#x}"
    config = _return_bit("uprobe", subject) if is_return else 0
    if ref_ctr_offset:
        config |= ref_ctr_offset << _format_bit("uprobe", "ref_ctr_offset", subject)
    return perf_event_open(
        pmu_type("uprobe", subject),
        config,
        config1=address_of(name),
        config2=offset,
        pid=pid,
        cpu=_probe_cpu(pid, cpu),
        subject=subject,
    )


def open_kprobe(
    function: str, offset: int = 0, address: int = 0, cpu: int | None = None, is_return: bool = False
) -> int:
    """A probe at a kernel function plus bytes, or at an `address` when `function` is ''. Raises KernelError."""
    name = function.encode() + b"\0" if function else b""
    subject = f"{'kretprobe' if is_return else 'kprobe'} {function or hex(address)}"
    return perf_event_open(
        pmu_type("kprobe", subject),
        _return_bit("kprobe", subject) if is_return else 0,
        config1=address_of(name),
        config2=offset if function else address,
        cpu=_probe_cpu(-1, cpu),
        subject=subject,
    )


def attach_program(event_fd: int, prog_fd: int, cookie: int = 0, keep: Callable[[int], None] = os.close) -> int:
    """Attaches a program to an event and enables it; the fd to close to detach it.

    `event_fd` is given away: it comes back, or goes to `keep` because a link (Linux 5.15) now holds the event as well,
    or is closed on failure. Before links, `cookie` has no effect. Raises: KernelError.
    """
    held = event_fd
    try:
        try:
            held = create_perf_event_link(prog_fd, event_fd, cookie, f"program fd {prog_fd} and its perf event")
        except KernelError as error:
            if error.errno != errno.EINVAL:
                raise
            _ioctl(event_fd, PERF_EVENT_IOC_SET_BPF, prog_fd, "PERF_EVENT_IOC_SET_BPF")
        _ioctl(event_fd, PERF_EVENT_IOC_ENABLE, 0, "PERF_EVENT_IOC_ENABLE")
    except KernelError:
        os.close(event_fd)
        if held != event_fd:
            os.close(held)
        raise
    if held != event_fd:
        keep(event_fd)
    return held


def pmu_type(pmu: str, subject: str) -> int:
    """The perf type number of a PMU that the kernel numbers at boot. Raises KernelError (ENOENT: no such PMU)."""
    return int(_pmu_file(pmu, "type", subject))


def _open_sampling(type: int, config: int, period: int, frequency: int, pid: int, cpu: int, subject: str) -> int:
    return perf_event_open(
        type,
        config,
        period=period,
        frequency=frequency,
        attribute_flags=_sampling_flags(pid),
        pid=pid,
        cpu=cpu,
        subject=subject + _place(pid, cpu),
    )


def _sampling_flags(pid: int) -> int:
    return AttributeFlag.DISABLED if pid == -1 else AttributeFlag.DISABLED | AttributeFlag.INHERIT


def _place(pid: int, cpu: int) -> str:
    parts = [f"CPU {cpu}"] * (cpu >= 0) + [f"process {pid}"] * (pid >= 0)
    return f" ({', '.join(parts)})"


def _probe_cpu(pid: int, cpu: int | None) -> int:
    if cpu is not None:
        return cpu
    return 0 if pid == -1 else -1


def _return_bit(pmu: str, subject: str) -> int:
    return 1 << _format_bit(pmu, "retprobe", subject)


def _format_bit(pmu: str, field: str, subject: str) -> int:
    """Where a field begins in `config`: the file says 'config:0' or 'config:32-63'."""
    return int(_pmu_file(pmu, f"format/{field}", subject).partition(":")[2].partition("-")[0])


def _pmu_file(pmu: str, name: str, subject: str) -> str:
    try:
        with open(os.path.join(_PMU_DIRECTORY, pmu, name), encoding="ascii") as file:
            return file.read()
    except OSError as error:
        raise KernelError(error.errno or 0, f"reading perf PMU {pmu}/{name}", subject) from None


def _ioctl(event_fd: int, request: int, argument: int, name: str) -> None:
    try:
        fcntl.ioctl(event_fd, request, argument)
    except OSError as error:
        raise KernelError(error.errno or 0, f"ioctl({name})", f"perf event fd {event_fd}") from None
