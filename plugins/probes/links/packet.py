"""Attaches packet programs to network interfaces.

BPF links do it where the kernel has them (XDP: 5.9, tc: 6.6 with tcx): they end with this process. A filter of older
tc belongs to the interface and would outlive a tracer that is killed, so a small process of its own waits for the
tracer's end and removes it.
"""

from __future__ import annotations

import errno
import os
import signal
import struct
from contextlib import suppress
from typing import Any

from ....core.linux import bpf
from ....core.linux.bpf_constants import AttachType
from ....core.linux.errors import KernelError
from ....core.probe import AttachPointError, DescriptorLink, Link

#: link_create.tcx: relative_fd, padding, expected_revision
_TCX = struct.pack("=IIQ", 0, 0, 0)
_TCX_TYPES = {"ingress": AttachType.TCX_INGRESS, "egress": AttachType.TCX_EGRESS}
#: TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of include/uapi/linux/pkt_sched.h.
_CLSACT = 0xFFFF0000
_PARENTS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_BUSY = (
    "another XDP program is attached to {0}; 'ip link show {0}' tells its id, and 'ip link set {0} xdp off' removes it"
)


def attach_xdp(interface: str, program_fd: int) -> Link:
    """Raises: AttachPointError, KernelError."""
    try:
        link = bpf.create_link(program_fd, interface_index(interface), AttachType.XDP, subject=f"'{interface}'")
    except KernelError as error:
        if error.errno == errno.EBUSY:
            raise AttachPointError(_BUSY.format(interface)) from error
        raise
    return DescriptorLink([link])


def attach_tc(interface: str, direction: str, program_fd: int) -> Link:
    """Raises: AttachPointError, KernelError."""
    index = interface_index(interface)
    try:
        return DescriptorLink([bpf.create_link(program_fd, index, _TCX_TYPES[direction], _TCX, f"'{interface}'")])
    except KernelError as error:
        if error.errno != errno.EINVAL:
            raise
        return FilterLink(interface, index, direction, program_fd)  # before tcx


def interface_index(name: str) -> int:
    """Raises: AttachPointError."""
    from socket import if_nametoindex

    try:
        return if_nametoindex(name)
    except OSError as error:
        raise AttachPointError(f"there is no network interface '{name}'") from error


class FilterLink:
    """A classifier behind the queueing discipline `clsact`, with a process that removes it when this one ends.

    Raises: KernelError, with what netlink said.
    """

    def __init__(self, interface: str, index: int, direction: str, program_fd: int) -> None:
        from pyroute2 import IPRoute
        from pyroute2.netlink.exceptions import NetlinkError

        with IPRoute() as netlink:
            try:
                netlink.tc("add", "clsact", index)
                _disciplines.add(index)
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise KernelError(error.code, "adding tc qdisc clsact", f"'{interface}'") from error
            before = _filters(netlink, index, direction)
            try:
                netlink.tc(
                    "add-filter", "bpf", index, parent=_PARENTS[direction], fd=program_fd, name="pybpftrace",
                    classid=1, direct_action=True, protocol=_ALL_PROTOCOLS,
                )  # fmt: skip
            except NetlinkError as error:
                raise KernelError(error.code, "adding a tc filter", f"'{interface}' ({direction})") from error
            [added] = _filters(netlink, index, direction) - before
        self._remover, self._pipe = _start_remover(index, direction, added)

    def close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            os.waitpid(self._remover, 0)


#: ETH_P_ALL in network byte order.
_ALL_PROTOCOLS = 0x0300
#: The interfaces that this process gave a `clsact`: the last filter there takes it away again.
_disciplines: set[int] = set()


def _filters(netlink: Any, index: int, direction: str) -> set[tuple[int, int]]:
    """(info, handle) of the filters on one side of an interface; info has the priority and the protocol."""
    found = netlink.get_filters(index=index, parent=_PARENTS[direction])
    return {(message["info"], message["handle"]) for message in found if message["handle"]}


def _start_remover(index: int, direction: str, added: tuple[int, int]) -> tuple[int, int]:
    """(pid of the process, end of the pipe whose closing sets it to work)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reader)
        return pid, writer
    status = 1
    try:
        # Nothing of the tracer may stay open here: its links have to end with it, and so has this pipe.
        os.closerange(3, reader)
        os.closerange(reader + 1, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        while os.read(reader, 1):
            pass
        _remove(index, direction, added)
        status = 0
    finally:
        os._exit(status)


def _remove(index: int, direction: str, added: tuple[int, int]) -> None:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    info, handle = added
    with IPRoute() as netlink:
        netlink.tc("del-filter", "bpf", index, handle, info=info, parent=_PARENTS[direction])
        if index in _disciplines and not any(_filters(netlink, index, side) for side in _PARENTS):
            # The remover of another filter may be here at the same time.
            with suppress(NetlinkError):
                netlink.tc("del", "clsact", index)
