"""Which BPF objects the kernel has, by id (bpf(2), BPF_*_GET_NEXT_ID): what a test needs to see that none is left over.

Only names and ids are looked at: other people's objects are none of a test's business.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from pybpftrace.core.linux import bpf
from pybpftrace.core.linux.bpf_call import pack
from pybpftrace.core.linux.syscalls import syscall

#: enum bpf_cmd: BPF_{PROG,MAP,LINK}_GET_NEXT_ID, and the command that gives an fd for an id.
_NEXT_AND_OPEN = {"program": (11, 13), "map": (12, 14), "link": (31, 30)}
#: Where struct bpf_{prog,map}_info has the name; a link's info has its program's id at byte 8 instead.
_NAME_AT = {"program": 64, "map": 24}


def _call(command: int, attributes: object) -> int:
    import ctypes

    assert isinstance(attributes, ctypes.Array)
    return syscall("bpf", command, ctypes.addressof(attributes), ctypes.sizeof(attributes))


def ids(kind: str) -> Iterator[int]:
    """The ids of all 'program', 'map' or 'link' objects."""
    last = 0
    while True:
        attributes = pack("=III", last, 0, 0)
        try:
            _call(_NEXT_AND_OPEN[kind][0], attributes)
        except FileNotFoundError:
            return
        (last,) = struct.unpack_from("=I", attributes, 4)
        yield last


def _info(kind: str, number: int) -> bytes | None:
    try:
        fd = _call(_NEXT_AND_OPEN[kind][1], pack("=III", number, 0, 0))
    except FileNotFoundError:
        return None  # it has gone meanwhile
    try:
        return bpf.object_info(fd)
    finally:
        os.close(fd)


def named(kind: str, name: str) -> set[int]:
    """The ids of the programs or maps with this name (at most 15 characters)."""
    found = set()
    for number in ids(kind):
        info = _info(kind, number)
        at = _NAME_AT[kind]
        if info is not None and info[at : at + 16].rstrip(b"\0").decode() == name:
            found.add(number)
    return found


def links_of(programs: set[int]) -> set[int]:
    """The ids of the links that hold one of these programs."""
    infos = {number: _info("link", number) for number in ids("link")}
    return {number for number, info in infos.items() if info and struct.unpack_from("=I", info, 8)[0] in programs}
