"""bpf(2) itself: one call, with its errno turned into a KernelError that names the command and the object.

`union bpf_attr` is packed by the callers with `struct`: each command uses a few fields at its beginning, the size that
is passed says how many, and the kernel takes the rest as zero (so short attributes work on old kernels, too).
"""

from __future__ import annotations

import ctypes
import struct

from .bpf_constants import OBJ_NAME_LEN, Command
from .errors import KernelError
from .syscalls import syscall

#: Attribute memory, which the kernel also writes to; `struct.unpack_from` reads it.
Attributes = ctypes.Array[ctypes.c_char]


def pack(layout: str, *values: int | bytes) -> Attributes:
    """`struct.pack` into memory that the kernel may write to."""
    packed = struct.pack(layout, *values)
    return ctypes.create_string_buffer(packed, len(packed))


def bpf(command: Command, attributes: Attributes, subject: str) -> int:
    """The result of bpf(2): an fd or 0. New fds are close-on-exec (the kernel makes them so). Raises KernelError."""
    try:
        return syscall("bpf", command, ctypes.addressof(attributes), ctypes.sizeof(attributes))
    except OSError as error:
        raise KernelError(error.errno or 0, call_name(command), subject) from None


def call_name(command: Command) -> str:
    return f"bpf(BPF_{command.name})"


def object_name(name: str) -> bytes:
    """A name as the kernel takes it: at most 15 letters, digits, '_' or '.'; other characters become '_'."""
    allowed = (c if c.isascii() and (c.isalnum() or c in "_.") else "_" for c in name[: OBJ_NAME_LEN - 1])
    return "".join(allowed).encode()
