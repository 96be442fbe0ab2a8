"""BPF links: what holds a program to what it traces, and ends with its fd (so with this process, however that ends).

Also the iterator that a link to one can open, and what the kernel tells about any of its BPF objects.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

from .bpf_call import bpf, pack
from .bpf_constants import MULTI_RETURN, AttachType, Command
from .syscalls import address_of

#: prog_fd, target_fd, attach_type, flags; then what is particular to the attach type
_LINK_CREATE = "=IIII"
#: cookie
_PERF_EVENT = "=Q"
#: flags, cnt, syms, addrs, cookies
_KPROBE_MULTI = "=IIQQQ"
#: path, offsets, ref_ctr_offsets, cookies, cnt, flags, pid
_UPROBE_MULTI = "=QQQQIII4x"
#: iter_info, iter_info_len
_ITERATOR = "=QI4x"
_OBJECT_INFO_SIZE = 256
#: Offset of struct bpf_prog_info.recursion_misses.
_RECURSION_MISSES = 208


def create_link(prog_fd: int, target_fd: int, attach_type: int, extra: bytes = b"", subject: str = "") -> int:
    """A link's fd. `extra` is the part of union bpf_attr's link_create from byte 16 on (iter_info, perf_event, ...).

    Raises: KernelError, about `subject`.
    """
    head = struct.pack(_LINK_CREATE, prog_fd, target_fd, attach_type, 0)
    return bpf(Command.LINK_CREATE, pack(f"{len(head) + len(extra)}s", head + extra), subject or _program(prog_fd))


def create_perf_event_link(prog_fd: int, event_fd: int, cookie: int = 0, subject: str = "") -> int:
    """Links a program to a perf event (Linux 5.15). `cookie` is for bpf_get_attach_cookie(). Raises KernelError."""
    return create_link(prog_fd, event_fd, AttachType.PERF_EVENT, struct.pack(_PERF_EVENT, cookie), subject)


def create_kprobe_multi_link(
    prog_fd: int,
    symbols: Sequence[str] = (),
    addresses: Sequence[int] = (),
    is_return: bool = False,
    cookies: Sequence[int] = (),
    attach_type: int = AttachType.TRACE_KPROBE_MULTI,
) -> int:
    """Links a program to many kernel functions, by name or else by address (Linux 5.18). Raises KernelError."""
    names = [name.encode() + b"\0" for name in symbols]
    name_pointers = _u64s([address_of(name) for name in names])
    address_list, cookie_list = _u64s(addresses), _u64s(cookies)
    extra = struct.pack(
        _KPROBE_MULTI,
        MULTI_RETURN if is_return else 0,
        len(symbols) or len(addresses),
        address_of(name_pointers),
        address_of(address_list),
        address_of(cookie_list),
    )
    return create_link(prog_fd, 0, attach_type, extra, f"{len(symbols) or len(addresses)} kernel functions")


def create_uprobe_multi_link(
    prog_fd: int,
    path: str,
    offsets: Sequence[int],
    pid: int = 0,
    is_return: bool = False,
    cookies: Sequence[int] = (),
    ref_ctr_offsets: Sequence[int] = (),
    attach_type: int = AttachType.TRACE_UPROBE_MULTI,
) -> int:
    """Links a program to many places of one file (Linux 6.6).

    Offsets count bytes of the file, not addresses. `pid` 0 means every process that has the file mapped.
    `ref_ctr_offsets` are the file offsets of USDT semaphores, one a place. Raises KernelError.
    """
    name = path.encode(errors="surrogateescape") + b"\0"
    offset_list, cookie_list, counter_list = _u64s(offsets), _u64s(cookies), _u64s(ref_ctr_offsets)
    extra = struct.pack(
        _UPROBE_MULTI,
        address_of(name),
        address_of(offset_list),
        address_of(counter_list),
        address_of(cookie_list),
        len(offsets),
        MULTI_RETURN if is_return else 0,
        pid,
    )
    return create_link(prog_fd, 0, attach_type, extra, f"{len(offsets)} places in '{path}'")


def create_iterator_link(prog_fd: int, settings: bytes = b"", subject: str = "") -> int:
    """Links an iterator program. `settings` say what it walks over, as a member of union bpf_iter_link_info: see
    `task_iterator` and `cgroup_iterator`. Raises KernelError, about `subject`.
    """
    extra = struct.pack(_ITERATOR, address_of(settings), len(settings))
    return create_link(prog_fd, 0, AttachType.TRACE_ITER, extra, subject)


def task_iterator(pid: int) -> bytes:
    """The settings that limit an iterator over tasks, or over what they have, to one process (Linux 6.1)."""
    # u32 tid, pid, pid_fd
    return struct.pack("=III", 0, pid, 0)


def cgroup_iterator() -> bytes:
    """The settings for a walk over all control groups, each before those below it (Linux 6.1)."""
    # u32 order (BPF_CGROUP_ITER_DESCENDANTS_PRE), u32 cgroup_fd, u64 cgroup_id: none is the root
    return struct.pack("=IIQ", 2, 0, 0)


def create_iterator(link_fd: int) -> int:
    """An fd from which the output of one walk of the iterator is read(2). Raises KernelError."""
    return bpf(Command.ITER_CREATE, pack("=II", link_fd, 0), f"link fd {link_fd}")


def raw_tracepoint_open(name: str, prog_fd: int) -> int:
    """The fd of a link from a program to a raw tracepoint.

    A program of type TRACING (fentry, fexit, typed raw tracepoint) was loaded for its target, and `name` is ''.
    Raises: KernelError.
    """
    text = name.encode() + b"\0" if name else b""
    subject = f"tracepoint '{name}'" if name else _program(prog_fd)
    return bpf(Command.RAW_TRACEPOINT_OPEN, pack("=QI4x", address_of(text), prog_fd), subject)


def pin(fd: int, path: str) -> None:
    """Names a map, program or link in a bpf file system, which keeps it after this process. Raises KernelError."""
    name = path.encode(errors="surrogateescape") + b"\0"
    bpf(Command.OBJ_PIN, pack("=QII", address_of(name), fd, 0), f"'{path}'")


def object_info(fd: int) -> bytes:
    """struct bpf_{map,prog,btf,link}_info of an fd, as long as this kernel's, at most 256 bytes.

    Map, program and link begin with u32 type, u32 id. Raises KernelError.
    """
    info = ctypes.create_string_buffer(_OBJECT_INFO_SIZE)
    attributes = pack("=IIQ", fd, _OBJECT_INFO_SIZE, ctypes.addressof(info))
    bpf(Command.OBJ_GET_INFO_BY_FD, attributes, f"fd {fd}")
    (length,) = struct.unpack_from("=I", attributes, 4)
    return info.raw[:length]


def recursion_misses(fd: int) -> int:
    """How often a program was not run because its CPU was running one already; 0 where the kernel does not count that
    (struct bpf_prog_info.recursion_misses, Linux 5.12; for tracepoints and kprobes 6.7). Raises KernelError."""
    info = object_info(fd)
    if len(info) < _RECURSION_MISSES + 8:
        return 0
    (count,) = struct.unpack_from("=Q", info, _RECURSION_MISSES)
    return int(count)


def _program(fd: int) -> str:
    return f"program fd {fd}"


def _u64s(values: Sequence[int]) -> bytes:
    return struct.pack(f"={len(values)}Q", *values)
