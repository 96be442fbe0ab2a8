"""Attaches programs to functions of the kernel: one by a perf event, several by a kprobe_multi link.

Apart from the probe types because compiling does not need it.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ...core.linux import bpf, perf
from ...core.linux.bpf_constants import AttachType
from ...core.linux.errors import KernelError
from ...core.probe import AttachPointError, AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings
from .partial_links import link_what_can

#: What the kernel says of functions that it does not find, or that ftrace does not have, although it listed them.
_REFUSALS = (errno.EINVAL, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL)
_TEXTS = {
    errno.EILSEQ: "Possible attachment attempt in the middle of an instruction, try a different offset.",
    errno.ENOENT: "Probe does not exist: {}",
    errno.EADDRNOTAVAIL: "Probe does not exist: {}",
    errno.EINVAL: "{} cannot be probed: no function, inlined, or needed by the kernel's own probes",
}


def load_settings(point: ConcretePoint) -> LoadSettings:
    """The kernel takes a program for several functions only when it was loaded as one (Linux 5.18; sessions 6.10)."""
    if "functions" not in point.settings:
        return LoadSettings()
    return LoadSettings(AttachType.TRACE_KPROBE_SESSION if _is_session(point) else AttachType.TRACE_KPROBE_MULTI)


def attach(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Functions that the kernel turns out not to have are left out of many with a warning.

    Raises: AttachPointError, KernelError.
    """
    if "functions" not in point.settings:
        return _attach_one(point, request, is_return=is_return)
    attach_type = AttachType.TRACE_KPROBE_SESSION if _is_session(point) else AttachType.TRACE_KPROBE_MULTI

    def link(functions: Sequence[str]) -> Link:
        fd = request.program_fd
        return DescriptorLink(
            [bpf.create_kprobe_multi_link(fd, functions, is_return=is_return, attach_type=attach_type)]
        )

    functions = point.texts("functions")
    attached, refused = link_what_can(functions, link, _REFUSALS)
    if refused:
        request.warn(f"{point.name}: {len(refused)} of {len(functions)} functions cannot be probed. Skipping those.")
    return attached


def _is_session(point: ConcretePoint) -> bool:
    return "session" in point.settings


def _attach_one(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    if "address" in point.settings:
        symbol, offset, address = "", 0, point.number("address")
    else:
        symbol, offset, address = point.text("symbol"), point.number("offset"), 0
    try:
        event = perf.open_kprobe(symbol, offset, address, is_return=is_return)
    except KernelError as error:
        text = _TEXTS.get(error.errno or 0)
        if text is None:
            raise
        raise AttachPointError(text.format(point.name)) from error
    return DescriptorLink([perf.attach_program(event, request.program_fd, keep=request.keep)])
