"""Runs a child of ours until its program is about to begin: its libraries are mapped, none of its own code has run.

A program begins at AT_ENTRY (getauxval(3)), where the dynamic loader goes when it is done; a breakpoint is there for
that long. Only the thread that stopped the child can let it go, and when that thread ends before, the child is killed.
Facts: ptrace(2), struct user_regs_struct of sys/user.h (x86-64).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct

from .errors import KernelError

_CONT, _KILL_AT_EXIT, _TRACE_EXEC, _EVENT_EXEC = 7, 1 << 20, 1 << 4, 4
_GETREGS, _SETREGS, _DETACH, _SEIZE = 12, 13, 17, 0x4206
_REGISTERS_SIZE, _PLACE_AT = 27 * 8, 16 * 8
_AUXILIARY = struct.Struct("=QQ")
_AT_ENTRY = 9
_BREAKPOINT = b"\xcc"
_OPTIONS = _KILL_AT_EXIT | _TRACE_EXEC


def seize(pid: int) -> None:
    """Begins to watch a child that has yet to start its program. Raises: KernelError."""
    _ptrace(_SEIZE, pid, 0, _OPTIONS)


def run_to_entry(pid: int) -> int | None:
    """Waits until the child, which was `seize`d and let go, has got there; it stays there until `let_go`.

    Gives the status of wait(2) of a child that ended before. Raises: KernelError, OSError.
    """
    status = _run(pid, 0, until_exec=True)
    if not os.WIFSTOPPED(status):
        return status
    entry = _entry(pid)
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        original = os.pread(memory.fileno(), 1, entry)
        os.pwrite(memory.fileno(), _BREAKPOINT, entry)
        _ptrace(_CONT, pid, 0, 0)
        status = _run(pid, entry + 1)
        if not os.WIFSTOPPED(status):
            return status
        os.pwrite(memory.fileno(), original, entry)
    registers = _registers(pid)
    struct.pack_into("=Q", registers, _PLACE_AT, entry)
    _ptrace(_SETREGS, pid, 0, ctypes.addressof(registers))
    return None


def let_go(pid: int) -> None:
    """Lets the child run on by itself. Raises: KernelError: ESRCH when it was ended meanwhile."""
    _ptrace(_DETACH, pid, 0, 0)


def _run(pid: int, place: int, *, until_exec: bool = False) -> int:
    """The status when the child has started its program, stopped behind the instruction at `place` - 1, or ended.

    Signals that come meanwhile get to the child.
    """
    while True:
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return status
        number, event = os.WSTOPSIG(status), status >> 16
        if event == _EVENT_EXEC:
            if until_exec:
                return status
            number = 0
        elif event:
            number = 0
        elif number == signal.SIGTRAP and place and _place(pid) == place:
            return status
        _ptrace(_CONT, pid, 0, number)


def _entry(pid: int) -> int:
    with open(f"/proc/{pid}/auxv", "rb") as file:
        data = file.read()
    values: dict[int, int] = dict(_AUXILIARY.iter_unpack(data))
    return values[_AT_ENTRY]


def _registers(pid: int) -> ctypes.Array[ctypes.c_char]:
    registers = ctypes.create_string_buffer(_REGISTERS_SIZE)
    _ptrace(_GETREGS, pid, 0, ctypes.addressof(registers))
    return registers


def _place(pid: int) -> int:
    place: int = struct.unpack_from("=Q", _registers(pid), _PLACE_AT)[0]
    return place


def _ptrace(request: int, pid: int, address: int, data: int) -> None:
    function = ctypes.CDLL(None, use_errno=True).ptrace
    function.argtypes = [ctypes.c_long] * 4
    function.restype = ctypes.c_long
    if function(request, pid, address, data) < 0:
        raise KernelError(ctypes.get_errno(), "ptrace", f"process {pid}")
