"""The number by which BPF programs know a control group (bpf_get_current_cgroup_id).

It is the id of the directory's kernfs node, which user space gets as the file's handle.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .errors import KernelError
from .syscalls import address_of, syscall

_AT_FDCWD = -100
#: struct file_handle: u32 handle_bytes, s32 handle_type, then the handle: a u64 for kernfs.
_HANDLE = "=IiQ"
_HANDLE_BYTES = 8
#: FILEID_KERNFS of include/linux/exportfs.h (Linux 5.5).
_KERNFS_HANDLE = 0xFE
_AT_SYMLINK_FOLLOW = 0x400
_ADVICE = "name a directory of the cgroup file system, such as /sys/fs/cgroup/system.slice"


def cgroup_id(path: str) -> int:
    """The id of the control group whose directory `path` is; a symbolic link is followed.

    Raises: KernelError: ENOENT: no such directory; EINVAL: it is not in a cgroup file system.
    """
    name = os.fsencode(path) + b"\0"
    handle = ctypes.create_string_buffer(struct.pack(_HANDLE, _HANDLE_BYTES, 0, 0))
    mount_id = ctypes.c_int()
    subject = f"cgroup '{path}'"
    try:
        where = _AT_FDCWD, address_of(name)
        syscall("name_to_handle_at", *where, ctypes.addressof(handle), ctypes.addressof(mount_id), _AT_SYMLINK_FOLLOW)
    except OSError as error:
        number = error.errno or 0
        # EOVERFLOW and EOPNOTSUPP: this file system has longer handles, or none.
        wrong_kind = number in (errno.EOVERFLOW, errno.EOPNOTSUPP)
        raise KernelError(errno.EINVAL if wrong_kind else number, "name_to_handle_at", subject, _ADVICE) from None
    _, kind, node = struct.unpack_from(_HANDLE, handle)
    if kind != _KERNFS_HANDLE:
        raise KernelError(errno.EINVAL, "name_to_handle_at", subject, _ADVICE)
    return int(node)
