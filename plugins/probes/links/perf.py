"""Attaches programs through perf events, which is how all built-in probe types do it.

A whole probe is attached or nothing is: when one event fails, those already there are closed again. It is apart from
the probe types because compiling needs them but not this.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable

from ....core.linux import perf, tracefs
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, AttachRequest, ConcretePoint, DescriptorLink, Link

#: What perf_event_open says where a machine has no performance monitoring unit, or not this event.
_NO_PMU = (errno.ENOENT, errno.EOPNOTSUPP, errno.ENODEV)
_NO_PMU_TEXT = "no hardware PMU here counts {}; software:cpu-clock and profile:hz:99 work without one"
_RATE_ADVICE = "the kernel samples at most kernel.perf_event_max_sample_rate times a second"

_ALIGNMENT = "the address has to be a multiple of the length"
_NO_REGISTER = "No more HW registers left"

#: Opens one event for a process or thread (-1: all) on a CPU (-1: wherever that runs), giving its descriptor.
Opener = Callable[[int, int], int]


def attach_tracepoint(point: ConcretePoint, request: AttachRequest) -> Link:
    """One event serves all CPUs and all processes (see `perf.open_tracepoint`). Raises KernelError."""
    event_id = tracefs.event_id(point.text("category"), point.text("event"))
    event = perf.open_tracepoint(event_id)
    return DescriptorLink([perf.attach_program(event, request.program_fd, keep=request.keep)])


def attach_uprobe(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Raises: KernelError."""
    path, offset = point.text("path"), point.number("offset")
    pid = -1 if request.pid is None else request.pid
    event = perf.open_uprobe(path, offset, pid, is_return=is_return)
    return DescriptorLink([perf.attach_program(event, request.program_fd, keep=request.keep)])


def attach_timer(
    number: int, is_frequency: bool, request: AttachRequest, *, pid: int | None, cpus: tuple[int, ...]
) -> Link:
    """A clock on each CPU, or on a process wherever it runs; `number` is Hz for a frequency, else a period in ns.

    Raises: KernelError.
    """

    def open_event(pid: int, cpu: int) -> int:
        try:
            if is_frequency:
                return perf.open_clock(freq=number, pid=pid, cpu=cpu)
            return perf.open_clock(period_ns=number, pid=pid, cpu=cpu)
        except KernelError as error:
            advice = _RATE_ADVICE if is_frequency and error.errno == errno.EINVAL else ""
            raise KernelError(error.errno or 0, error.call, error.subject, advice) from error

    return _attach_all(open_event, request.program_fd, pid, cpus)


def attach_counter(perf_type: str, event: str, config: int, period: int, request: AttachRequest) -> Link:
    """A 'software' or 'hardware' event, on each CPU or on the traced process; `event` is what the user calls it.

    Raises: AttachPointError: this machine's hardware does not count it. KernelError.
    """

    def open_event(pid: int, cpu: int) -> int:
        if perf_type == "software":
            return perf.open_software(config, period, pid, cpu)
        try:
            return perf.open_hardware(config, period, pid, cpu)
        except KernelError as error:
            if error.errno not in _NO_PMU:
                raise
            raise AttachPointError(_NO_PMU_TEXT.format(event)) from error

    return _attach_all(open_event, request.program_fd, request.pid, request.cpus)


def _attach_all(open_event: Opener, program_fd: int, pid: int | None, cpus: tuple[int, ...]) -> Link:
    """Raises: KernelError."""
    link = DescriptorLink()
    ended: KernelError | None = None
    try:
        for place in _places(pid, cpus):
            try:
                event = open_event(*place)
            except KernelError as error:
                if pid is None or error.errno != errno.ESRCH:
                    raise
                ended = error  # this thread is gone; the others count
                continue
            link.descriptors.append(perf.attach_program(event, program_fd))
        if ended is not None and not link.descriptors:
            raise ended
    except BaseException:
        link.close()
        raise
    return link


def attach_breakpoint(address: int, length: int, access: int, request: AttachRequest) -> Link:
    """One event on each CPU, or on each thread of the traced process; where some cannot be had, there is a warning.

    Raises: AttachPointError: the processor has no register left. KernelError: no event can be had.
    """
    link = DescriptorLink()
    failed: list[tuple[int, int, KernelError]] = []
    try:
        for tid, cpu in _places(request.pid, request.cpus):
            try:
                event = perf.open_breakpoint(address, length, access, tid, cpu)
                link.descriptors.append(perf.attach_program(event, request.program_fd))
            except KernelError as error:
                failed.append((tid, cpu, error))
        if not link.descriptors:
            first = failed[0][2]
            if first.errno == errno.ENOSPC:
                raise AttachPointError(_NO_REGISTER) from first
            advice = _ALIGNMENT if first.errno == errno.EINVAL and address % length else ""
            raise KernelError(first.errno or 0, first.call, first.subject, advice) from first
        for tid, cpu, why in failed:
            reason = _NO_REGISTER if why.errno == errno.ENOSPC else why.strerror
            if why.errno != errno.ESRCH:  # a thread that has ended accesses nothing
                request.warn(f"Failed to create a perf event for cpu {cpu} tid {tid}: {reason}")
    except BaseException:
        link.close()
        raise
    return link


def _places(pid: int | None, cpus: tuple[int, ...]) -> Iterable[tuple[int, int]]:
    """(thread, CPU), -1 for any: one event per CPU, or per thread of a process. A thread that starts later inherits
    that of the one that starts it."""
    return ((-1, cpu) for cpu in cpus) if pid is None else ((tid, -1) for tid in _threads(pid))


def _threads(pid: int) -> list[int]:
    """The thread ids of a process; its own id when it is gone, which perf_event_open then says."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return [pid]
