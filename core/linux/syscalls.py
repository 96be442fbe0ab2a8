"""System calls that Python's `os` does not offer, through libc's syscall(2).

The one place that knows syscall numbers and errno. It interprets nothing: arguments are integers (addresses included),
and keeping the memory behind an address alive is the caller's business.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from . import machine
from .errors import KernelError

#: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h
SYSCALL_NUMBERS = {
    "x86_64": {"bpf": 321, "perf_event_open": 298, "name_to_handle_at": 303, "mount": 165},
    "aarch64": {"bpf": 280, "perf_event_open": 241, "name_to_handle_at": 264, "mount": 40},
}

_libc_syscall: Callable[..., int] | None = None


def syscall(name: str, *arguments: int) -> int:
    """The result of the system call `name`, 0 or more.

    Raises: OSError: with the errno of the call. NotImplementedError: no syscall numbers for this architecture.
    """
    numbers = SYSCALL_NUMBERS.get(machine.architecture())
    if numbers is None:
        raise NotImplementedError(f"no system call numbers for {machine.architecture()}")
    result = _libc()(numbers[name], *arguments, *(0,) * (6 - len(arguments)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _libc() -> Callable[..., int]:
    global _libc_syscall
    if _libc_syscall is None:
        function = ctypes.CDLL(None, use_errno=True).syscall
        # Every argument is a whole register: without argtypes ctypes would pass 32-bit ints and cut addresses.
        function.argtypes = [ctypes.c_long] * 7
        function.restype = ctypes.c_long
        _libc_syscall = function
    return _libc_syscall


def pidfd_open(pid: int) -> int:
    """A close-on-exec fd that becomes readable when process `pid` ends (pidfd_open(2)). Raises KernelError."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        raise KernelError(error.errno or 0, "pidfd_open", f"process {pid}") from None


def address_of(data: bytes) -> int:
    """Where the bytes are in memory, 0 for none. Good only for reading, and while the caller holds on to `data`."""
    return (ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0) if data else 0
