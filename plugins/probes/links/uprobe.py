"""Attaches programs to places in user space, by a perf event or by a uprobe_multi link, which can be to several places.

Apart from the probe types because compiling does not need it. Closing a perf event of a uprobe takes a tenth of a
second, one after the other, as each waits for a grace period of RCU under a lock of the kernel; links can be closed at
once.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ....core.linux import bpf
from ....core.linux.bpf_constants import AttachType
from ....core.linux.errors import ENOTSUPP
from ....core.probe import AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings
from .partial import link_what_can

#: What the kernel says of an instruction that it can put no breakpoint on, where a process has it mapped: those with a
#: lock prefix, and some of AVX. The whole link fails then (arch/x86/kernel/uprobes.c of Linux).
_REFUSALS = (ENOTSUPP, errno.EINVAL)


def load_settings(point: ConcretePoint) -> LoadSettings:
    """The kernel takes a program for a uprobe_multi link only when it was loaded for one (Linux 6.6)."""
    return LoadSettings(AttachType.TRACE_UPROBE_MULTI) if _offsets(point) else LoadSettings()


def _offsets(point: ConcretePoint) -> tuple[int, ...]:
    """The places of a uprobe_multi link; none where a perf event serves the only one."""
    return (point.number("offset"),) if "multi" in point.settings else point.numbers("offsets")


def attach(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Places that the kernel cannot probe are left out with a warning, as long as there are others.

    Raises: KernelError.
    """
    path, offsets = point.text("path"), _offsets(point)
    if not offsets:
        from .perf import attach_uprobe

        return attach_uprobe(point, request, is_return=is_return)

    def link(offsets: Sequence[int]) -> Link:
        pid = request.pid or 0
        return DescriptorLink(
            [bpf.create_uprobe_multi_link(request.program_fd, path, offsets, pid=pid, is_return=is_return)]
        )

    attached, refused = link_what_can(offsets, link, _REFUSALS)
    if refused:
        request.warn(
            f"{point.name}: {len(refused)} of {len(offsets)} functions begin with an instruction that the kernel "
            "cannot probe. Skipping those."
        )
    return attached
