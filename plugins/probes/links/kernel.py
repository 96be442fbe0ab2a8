"""Attaches programs to functions of the kernel: one by a perf event, several by a kprobe_multi link.

Apart from the probe types because compiling does not need it.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from ....core.linux import bpf, perf
from ....core.linux.bpf_constants import AttachType
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, AttachRequest, ConcretePoint, DescriptorLink, Link, LoadSettings
from .partial import link_what_can

#: What the kernel says of functions that it does not find, or that ftrace does not have, although it listed them.
_REFUSALS = (errno.EINVAL, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL)
_MISSING = "Probe does not exist: {}"
_TEXTS_OF_MANY = {errno.ENOENT: _MISSING, errno.ESRCH: _MISSING}
_TEXTS = {
    errno.EILSEQ: "Possible attachment attempt in the middle of an instruction, try a different offset.",
    errno.ENOENT: _MISSING,
    errno.EADDRNOTAVAIL: "Several functions of the kernel have the name of {}, and it hides their addresses",
    errno.EINVAL: "{} cannot be probed: no function, inlined, or needed by the kernel's own probes",
}


_NOT_OVERRIDDEN = (
    "{} cannot be overridden: the kernel permits it for functions in /sys/kernel/debug/error_injection/list only, at "
    "their beginning"
)


def load_settings(point: ConcretePoint) -> LoadSettings:
    """The kernel takes a program for several functions only when it was loaded as one (Linux 5.18; sessions 6.10)."""
    return LoadSettings(_attach_type(point) if "functions" in point.settings else 0)


def attach(point: ConcretePoint, request: AttachRequest, *, is_return: bool, instructions: bytes = b"") -> Link:
    """Of many functions those that the kernel turns out not to have are left out with a warning.

    The program's instructions tell whether it wants more than others of a function: to take its place.

    Raises: AttachPointError, KernelError.
    """
    are_many = "functions" in point.settings
    try:
        if are_many:
            return _attach_many(point, request, is_return=is_return)
        if "address" in point.settings:
            return _attach_at([point.number("address")], request, is_return=is_return)
        return _attach_one(point.text("symbol"), point.number("offset"), request, is_return=is_return)
    except KernelError as error:
        text = (_TEXTS_OF_MANY if are_many else _TEXTS).get(error.errno or 0)
        if error.errno == errno.EINVAL and _overrides(instructions):
            text = _NOT_OVERRIDDEN
        if text is None:
            raise
        raise AttachPointError(text.format(point.name)) from error


def _overrides(instructions: bytes) -> bool:
    from ....core.bpf_helpers import HELPER_IDS
    from ....core.bytecode import CALL, JMP, decode

    number = HELPER_IDS["override_return"]
    return any(slot.opcode == JMP | CALL and slot.src == 0 and slot.imm == number for slot in decode(instructions))


def _attach_type(point: ConcretePoint) -> int:
    return AttachType.TRACE_KPROBE_SESSION if "session" in point.settings else AttachType.TRACE_KPROBE_MULTI


def _attach_many(point: ConcretePoint, request: AttachRequest, *, is_return: bool) -> Link:
    """Raises: KernelError."""

    def link(functions: Sequence[str]) -> Link:
        fd = bpf.create_kprobe_multi_link(
            request.program_fd, functions, is_return=is_return, attach_type=_attach_type(point)
        )
        return DescriptorLink([fd])

    functions = point.texts("functions")
    attached, refused = link_what_can(functions, link, _REFUSALS)
    if refused:
        request.warn(f"{point.name}: {len(refused)} of {len(functions)} functions cannot be probed. Skipping those.")
    return attached


def _attach_one(symbol: str, offset: int, request: AttachRequest, *, is_return: bool) -> Link:
    """A name that several functions have stands for all of them, although the kernel does not take it then.

    Raises: KernelError.
    """
    try:
        event = perf.open_kprobe(symbol, offset, is_return=is_return)
    except KernelError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        addresses = _addresses(symbol)
        if not addresses:
            raise
        return _attach_at([address + offset for address in addresses], request, is_return=is_return)
    return DescriptorLink([perf.attach_program(event, request.program_fd, keep=request.keep)])


def _addresses(symbol: str) -> list[int]:
    """Raises: KernelError."""
    from ....core.target.kallsyms import PATH, find_code

    try:
        return find_code(symbol)
    except OSError as error:
        raise KernelError(error.errno or 0, f"reading {PATH}", symbol) from error


def _attach_at(addresses: Sequence[int], request: AttachRequest, *, is_return: bool) -> Link:
    """On those of the addresses that can be probed. Raises: KernelError: there is none."""
    link = DescriptorLink()
    refusal: KernelError | None = None
    try:
        for address in addresses:
            try:
                event = perf.open_kprobe("", address=address, is_return=is_return)
            except KernelError as error:
                if error.errno not in _REFUSALS:
                    raise
                refusal = error
            else:
                link.descriptors.append(perf.attach_program(event, request.program_fd, keep=request.keep))
        if refusal is not None and not link.descriptors:
            raise refusal
    except BaseException:
        link.close()
        raise
    return link
