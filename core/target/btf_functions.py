"""How many arguments the functions of a kernel have, as its trampolines count them: all of them in one walk.

A list of what programs can be attached to asks nothing else of a hundred thousand functions, so this decodes no more
than it needs of a prototype. It knows nothing of probes; what the arguments are is read with `btf.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .btf_types import BtfError, Composite, Enumeration, FuncProto, Int, Ptr

if TYPE_CHECKING:
    from .btf import Btf

#: Bytes of a slot: the context of a program at a function is an array of these.
SLOT = 8
#: The largest struct that is passed in registers, in bytes; the kernel hands programs no other (__get_type_size).
IN_REGISTERS = 16


def argument_slots(btf: Btf, type_id: int) -> int | None:
    """The slots that an argument of the type fills (btf_ctx_access in kernel/bpf/btf.c).

    None: programs are not given such arguments. Raises: BtfError.
    """
    match btf.type(btf.resolve(type_id)):
        case Ptr() | Enumeration():
            return 1
        case Int(size=size) if size <= SLOT:
            return 1
        case Composite(size=size) if size <= IN_REGISTERS:
            return (size + SLOT - 1) // SLOT
    return None


def function_slots(btf: Btf) -> dict[str, int]:
    """The slots of all arguments of each function of the blob, by name, sorted.

    Functions with an argument that programs are not given are left out. Of several functions of one name the first
    counts, as it does for `Btf.find`.
    """
    slots_of: dict[int, int | None] = {}
    found: dict[str, int | None] = {}
    for name, prototype_id in btf.function_prototypes():
        if name not in found:
            if prototype_id not in slots_of:
                slots_of[prototype_id] = _prototype_slots(btf, prototype_id)
            found[name] = slots_of[prototype_id]
    return {name: slots for name, slots in sorted(found.items()) if slots is not None}


def _prototype_slots(btf: Btf, type_id: int) -> int | None:
    try:
        prototype = btf.type(type_id)
        if not isinstance(prototype, FuncProto):
            return None
        # A parameter without a type stands for variable arguments.
        slots = [argument_slots(btf, p.type_id) if p.type_id else None for p in prototype.parameters]
    except BtfError:
        return None
    return None if None in slots else sum(n for n in slots if n is not None)
