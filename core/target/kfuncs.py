"""Functions of the kernel that BPF programs may call (Documentation/bpf/kfuncs.rst): which they are, and for whom.

The kernel's BTF marks them with the declaration tag `bpf_kfunc` where it was made by pahole 1.26 or newer. Which types
of programs may call one stands in tables of the kernel that nobody can read, so a trial program asks the verifier.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from .btf_types import DeclTag, Func

if TYPE_CHECKING:
    from ..probe import LoadSettings
    from .btf import Btf

TAG = "bpf_kfunc"
#: What the verifier says of a function that programs of this type may not call (kernel/bpf/verifier.c).
REFUSED = "is not allowed"
#: struct bpf_insn: opcode, registers (destination in the low half), offset, immediate.
_INSTRUCTION = struct.Struct("<BBhi")
_CALL_OF_KERNEL_FUNCTION = 0x85, 2 << 4, 0
_RETURN_ZERO = _INSTRUCTION.pack(0xB7, 0, 0, 0) + _INSTRUCTION.pack(0x95, 0, 0, 0)


class NotCaptured(Exception):
    """A captured machine was never asked this."""


def is_marked(btf: Btf, name: str) -> bool | None:
    """Whether a function is marked as one that programs call; None when the BTF has no marks at all."""
    if not btf.find_string(TAG):
        return None
    functions = set(btf.find_all(name, (Func,)))
    if not functions:
        return False
    return any(
        isinstance(tag := btf.type(type_id), DeclTag) and tag.type_id in functions
        for type_id in btf.find_all(TAG, (DeclTag,))
    )


def try_call(btf: Btf, name: str, program_type: str, settings: Callable[[], LoadSettings]) -> bool:
    """Whether the verifier lets a program of that type begin with a call of the function.

    The program has no arguments for it and is refused anyway, which comes after the question that counts.

    Raises: KernelError: no programs can be loaded.
    """
    from ..linux import bpf

    function = btf.find(name, (Func,))
    if function is None:
        return False
    told = settings()
    try:
        trial = bpf.ProgramImage(
            bpf.ProgramType[program_type.upper()],
            _INSTRUCTION.pack(*_CALL_OF_KERNEL_FUNCTION, function) + _RETURN_ZERO,
            name="trial",
            expected_attach_type=told.attach_type,
            attach_btf_id=told.btf_id,
            attach_btf_obj_fd=told.target_fd,
        )
        descriptor = bpf.load_program(trial)
    except bpf.VerifierError as error:
        return REFUSED not in error.log
    finally:
        if told.target_fd:
            os.close(told.target_fd)
    os.close(descriptor)
    return True
