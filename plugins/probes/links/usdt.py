"""Attaches programs to static markers: all places by a uprobe_multi link, else each by a perf event.

The kernel counts a marker's semaphore up while it is attached, in every process that it is attached in. Apart from the
probe type because compiling does not need it.
"""

from __future__ import annotations

from ....core.linux import bpf, perf
from ....core.linux.bpf_constants import AttachType
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings


def load_settings(point: ConcretePoint) -> LoadSettings:
    return LoadSettings(AttachType.TRACE_UPROBE_MULTI) if point.number("multi") else LoadSettings()


def attach(point: ConcretePoint, request: AttachRequest) -> Link:
    """Raises: AttachPointError: the kernel refused one of the places; those before it are given back."""
    link = DescriptorLink()
    try:
        if point.number("multi"):
            _attach_multi(point, request, link)
        else:
            _attach_each(point, request, link)
    except KernelError as error:
        link.close()
        raise AttachPointError(f"Failed to attach usdt probe: {error}") from error
    except BaseException:
        link.close()
        raise
    return link


def _attach_multi(point: ConcretePoint, request: AttachRequest, link: DescriptorLink) -> None:
    """Raises KernelError."""
    semaphores = point.numbers("semaphores")
    fd = bpf.create_uprobe_multi_link(
        request.program_fd,
        point.text("path"),
        point.numbers("offsets"),
        pid=request.pid or 0,
        cookies=point.numbers("cookies"),
        ref_ctr_offsets=semaphores if any(semaphores) else (),
    )
    link.descriptors.append(fd)


def _attach_each(point: ConcretePoint, request: AttachRequest, link: DescriptorLink) -> None:
    """Raises KernelError."""
    pid = -1 if request.pid is None else request.pid
    places = zip(point.numbers("offsets"), point.numbers("semaphores"), point.numbers("cookies"), strict=True)
    for offset, semaphore, cookie in places:
        event = perf.open_uprobe(point.text("path"), offset, pid, ref_ctr_offset=semaphore)
        link.descriptors.append(perf.attach_program(event, request.program_fd, cookie, keep=request.keep))
