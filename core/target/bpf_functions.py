"""The functions of the BPF programs that run on this machine, by name: a probe can be on them as on the kernel's own.

Apart from `live.py` because few runs need it.
"""

from __future__ import annotations

from ..linux import bpf_objects
from .btf import Btf
from .btf_types import BtfError, Func


def bpf_functions() -> tuple[tuple[int, str], ...]:
    """(id of the program, function) of each function of each program with BTF, sorted. Raises: KernelError."""
    return tuple(
        sorted((program.id, name) for program in bpf_objects.running_programs() for name in function_ids(program))
    )


def function_ids(program: bpf_objects.RunningProgram) -> dict[str, int]:
    """The ids of a program's functions in its BTF, by name."""
    try:
        btf = Btf.parse(program.btf)
        found = ((btf.type(type_id), type_id) for type_id in program.functions)
        return {function.name: type_id for function, type_id in found if isinstance(function, Func)}
    except BtfError:  # of a newer kind than we know: nothing to find in there
        return {}
