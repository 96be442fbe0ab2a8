"""`args` and `retval` of programs that the kernel hands the arguments of a function: one eight-byte slot each.

The types come from the function's prototype in BTF. It knows the context of such programs (Documentation/bpf, struct
bpf_tramp_run_ctx's neighbour on the stack: u64 slots, structs by value in as many as they fill), not what they attach to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.frozen import dataclass
from ...core.probe import AttachPointError
from ...core.target import btf_types
from ...core.target.btf_types import BtfError, FuncProto
from ...core.types import Field, Struct, Type, Void, round_up
from .registers import registers

if TYPE_CHECKING:
    from ...core.target import Target
    from ...core.target.btf import Btf

SLOT = 8
#: The largest struct that is passed in registers, in bytes (MAX 2 registers: kernel/bpf/btf.c, __get_type_size).
_LARGEST_STRUCT = 16


@dataclass(frozen=True, slots=True)
class Function:
    """A function in the BTF of `module`. `parameters` are (name, type id); their number is that of the prototype."""

    name: str
    module: str
    btf: Btf
    prototype: FuncProto

    @property
    def sizes(self) -> list[int]:
        """Bytes that each argument takes in the context. Raises: AttachPointError: it cannot be passed to a program."""
        return [_size(self, p.type_id, p.name) for p in self.prototype.parameters]


def function(target: Target, module: str, name: str) -> Function | None:
    """The function of that name in a module's BTF, or the kernel's for 'vmlinux'. Raises: AttachPointError."""
    try:
        btf = target.btf_readers.get(module) if module != "vmlinux" else target.btf
        type_id = None if btf is None else btf.find(name, (btf_types.Func,))
        if btf is None or type_id is None:
            return None
        found = btf.type(type_id)
        assert isinstance(found, btf_types.Func)
        prototype = btf.type(found.type_id)
    except (BtfError, OSError) as error:
        raise AttachPointError(f"cannot read the BTF of {module}: {error}") from error
    return Function(name, module, btf, prototype) if isinstance(prototype, FuncProto) else None
