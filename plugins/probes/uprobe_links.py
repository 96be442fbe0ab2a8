"""Attaches programs to places in user space: one by a perf event, several places of a file by a uprobe_multi link.

Apart from the probe types because compiling does not need it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from ...core.linux import bpf
from ...core.linux.bpf_constants import AttachType
from ...core.linux.errors import ENOTSUPP, KernelError
from ...core.probe import AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings

#: What the kernel says of an instruction that it can put no breakpoint on, where a process has it mapped: those with a
#: lock prefix, and some of AVX. The whole link fails then (arch/x86/kernel/uprobes.c of Linux).
_REFUSALS = (ENOTSUPP, errno.EINVAL)
#: The search for such places takes few tries, but each waits for a grace period of RCU, as all closing of links does.
_PIECES = 16
_TRIES_AT_ONCE = 32


def load_settings(point: ConcretePoint) -> LoadSettings:
    """The kernel takes a program for several places only when it was loaded as one (Linux 6.6)."""
    return LoadSettings(AttachType.TRACE_UPROBE_MULTI) if "offsets" in point.settings else LoadSettings()


def attach(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Places that the kernel cannot probe are left out with a warning, as long as there are others.

    Raises: KernelError.
    """
    if "offsets" not in point.settings:
        from .perf_links import attach_uprobe

        return attach_uprobe(point, request, is_return=is_return)
    path, offsets = point.text("path"), point.numbers("offsets")

    def link(offsets: Sequence[int]) -> Link:
        pid = request.pid or 0
        return DescriptorLink(
            [bpf.create_uprobe_multi_link(request.program_fd, path, offsets, pid=pid, is_return=is_return)]
        )

    try:
        return link(offsets)
    except KernelError as error:
        if error.errno not in _REFUSALS:
            raise
        refused = _refused(offsets, link)
        if len(refused) == len(offsets):
            raise
    request.warn(
        f"{point.name}: {len(refused)} of {len(offsets)} functions begin with an instruction that the kernel "
        "cannot probe. Skipping those."
    )
    return link([offset for offset in offsets if offset not in refused])


def _refused(offsets: Sequence[int], link: Callable[[Sequence[int]], Link]) -> set[int]:
    """The places that a link cannot have, found by trying ever smaller parts; all of them when no part is any good."""
    from concurrent.futures import ThreadPoolExecutor

    def fails(part: Sequence[int]) -> bool:
        try:
            link(part).close()
        except KernelError as error:
            if error.errno not in _REFUSALS:
                raise
            return True
        return False

    refused: set[int] = set()
    suspects = [offsets]
    with ThreadPoolExecutor(_TRIES_AT_ONCE) as pool:
        while suspects:
            parts = [part for suspect in suspects for part in _pieces(suspect)]
            failed = [part for part, has_failed in zip(parts, pool.map(fails, parts), strict=True) if has_failed]
            if suspects == [offsets] and failed == parts:
                return set(offsets)  # it is not for single instructions
            refused.update(part[0] for part in failed if len(part) == 1)
            suspects = [part for part in failed if len(part) > 1]
    return refused


def _pieces(offsets: Sequence[int]) -> list[Sequence[int]]:
    size = -(-len(offsets) // _PIECES)
    return [offsets[at : at + size] for at in range(0, len(offsets), size)]
