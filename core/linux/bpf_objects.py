"""The BPF objects that the kernel has, whoever made them: its programs, and the BTF of programs and of its modules.

Each has an id; an object that goes away between the question for its id and the one for itself is left out. All here
needs CAP_SYS_ADMIN (before Linux 5.8 as later).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator

from ..frozen import dataclass
from .bpf_call import bpf, pack
from .bpf_constants import Command
from .errors import KernelError

#: bpf_attr.info: bpf_fd, info_len, info
_INFO = "=IIQ"
#: struct bpf_btf_info: btf, btf_size, id, name, name_len, kernel_btf (Linux 5.11)
_BTF_INFO = "=QIIQII"
_NAME_SIZE = 64
#: struct bpf_prog_info up to nr_func_info; of what the kernel would write elsewhere only func_info is asked for.
_PROGRAM_INFO_SIZE = 148
#: btf_id, func_info_rec_size, func_info, nr_func_info
_FUNCTION_INFO = "=IIQI"
_FUNCTION_INFO_AT = 128


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """`btf` is its own raw BTF, and `functions` are the ids there of its functions, the main one first."""

    id: int
    btf: bytes
    functions: tuple[int, ...]


def running_programs() -> Iterator[RunningProgram]:
    """The programs that have BTF, by id. Raises: KernelError."""
    for program_id in _ids(Command.PROG_GET_NEXT_ID):
        try:
            program_fd = open_program(program_id)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                continue
            raise
        try:
            found = _program(program_id, program_fd)
        finally:
            os.close(program_fd)
        if found is not None:
            yield found


def open_program(program_id: int) -> int:
    """The fd of a loaded program. Raises: KernelError."""
    return bpf(Command.PROG_GET_FD_BY_ID, pack("=III", program_id, 0, 0), f"program {program_id}")


def program_functions(program_fd: int) -> RunningProgram | None:
    """What is known of the program of an fd; None when it has no BTF. Raises: KernelError."""
    return _program(0, program_fd)


def open_module_btf(module: str) -> int | None:
    """The fd of the BTF of a kernel module; None when none of that name is loaded, or before Linux 5.11.

    Raises: KernelError.
    """
    for btf_id in _ids(Command.BTF_GET_NEXT_ID):
        try:
            fd = _open_btf(btf_id)
        except KernelError as error:
            if error.errno == errno.ENOENT:
                continue
            raise
        try:
            is_wanted = _module_of(fd) == module
        except BaseException:
            os.close(fd)
            raise
        if is_wanted:
            return fd
        os.close(fd)
    return None


def _ids(command: Command) -> Iterator[int]:
    last = 0
    while True:
        attributes = pack("=III", last, 0, 0)
        try:
            bpf(command, attributes, f"what follows {last}")
        except KernelError as error:
            if error.errno == errno.ENOENT:
                return
            raise
        _, last, _ = struct.unpack("=III", attributes.raw)
        yield last


def _open_btf(btf_id: int) -> int:
    return bpf(Command.BTF_GET_FD_BY_ID, pack("=III", btf_id, 0, 0), f"BTF {btf_id}")


def _module_of(btf_fd: int) -> str:
    """The module whose types they are, 'vmlinux' for the kernel's own, '' for a program's. Raises: KernelError."""
    name = ctypes.create_string_buffer(_NAME_SIZE)
    info = pack(_BTF_INFO, 0, 0, 0, ctypes.addressof(name), _NAME_SIZE, 0)
    _ask(btf_fd, info)
    is_of_kernel = struct.unpack_from(_BTF_INFO, info)[5]
    return name.value.decode(errors="replace") if is_of_kernel else ""


def _ask(fd: int, info: ctypes.Array[ctypes.c_char]) -> None:
    """Has the kernel fill in a struct of information. Raises: KernelError."""
    attributes = pack(_INFO, fd, ctypes.sizeof(info), ctypes.addressof(info))
    bpf(Command.OBJ_GET_INFO_BY_FD, attributes, f"fd {fd}")


def _program(program_id: int, fd: int) -> RunningProgram | None:
    info = ctypes.create_string_buffer(_PROGRAM_INFO_SIZE)
    _ask(fd, info)
    btf_id, size, _, count = struct.unpack_from(_FUNCTION_INFO, info, _FUNCTION_INFO_AT)
    if not btf_id or not count or size < 8:
        return None
    rows = ctypes.create_string_buffer(size * count)
    info = ctypes.create_string_buffer(_PROGRAM_INFO_SIZE)
    struct.pack_into(_FUNCTION_INFO, info, _FUNCTION_INFO_AT, 0, size, ctypes.addressof(rows), count)
    _ask(fd, info)
    # struct bpf_func_info: u32 insn_off, type_id
    functions = tuple(struct.unpack_from("=I", rows, at + 4)[0] for at in range(0, size * count, size))
    return RunningProgram(program_id or struct.unpack_from("=I", info, 4)[0], _btf_of(btf_id), functions)


def _btf_of(btf_id: int) -> bytes:
    fd = _open_btf(btf_id)
    try:
        info = pack(_BTF_INFO, 0, 0, 0, 0, 0, 0)
        _ask(fd, info)
        size = struct.unpack_from(_BTF_INFO, info)[1]
        blob = ctypes.create_string_buffer(size)
        _ask(fd, pack(_BTF_INFO, ctypes.addressof(blob), size, 0, 0, 0, 0))
        return blob.raw
    finally:
        os.close(fd)
