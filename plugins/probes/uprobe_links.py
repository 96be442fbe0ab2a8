"""Attaches programs to places in user space: one by a perf event, several places of a file by a uprobe_multi link.

Apart from the probe types because compiling does not need it.
"""

from __future__ import annotations

from ...core.linux import bpf
from ...core.linux.bpf_constants import AttachType
from ...core.probe import AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings


def load_settings(point: ConcretePoint) -> LoadSettings:
    """The kernel takes a program for several places only when it was loaded as one (Linux 6.6)."""
    return LoadSettings(AttachType.TRACE_UPROBE_MULTI) if "offsets" in point.settings else LoadSettings()


def attach(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Raises: KernelError."""
    if "offsets" not in point.settings:
        from .perf_links import attach_uprobe

        return attach_uprobe(point, request, is_return=is_return)
    link = bpf.create_uprobe_multi_link(
        request.program_fd,
        point.text("path"),
        point.numbers("offsets"),
        pid=request.pid or 0,
        is_return=is_return,
    )
    return DescriptorLink([link])
