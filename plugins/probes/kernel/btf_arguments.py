"""`args` of programs that the kernel gives the arguments of a function, with the types of its prototype in BTF.

The context of such a program is an array of eight-byte slots: one for each argument, for a struct that is passed by
value as many as it fills, and behind them, at the function's return, one for what it returns (btf_ctx_access in
kernel/bpf/btf.c). It knows nothing of what programs attach to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.frozen import dataclass
from ....core.probe import AttachPointError
from ....core.target import VMLINUX
from ....core.target.btf_functions import SLOT, argument_slots
from ....core.target.btf_types import BtfError, Composite, Func, FuncProto, Parameter, Ptr
from ....core.types import Field, Type, Void
from ....core.types import Struct as StructType
from ..registers import registers

if TYPE_CHECKING:
    from ....core.target import Target
    from ....core.target.btf import Btf


@dataclass(frozen=True, slots=True)
class Prototype:
    """`parameters` have type ids of `btf`, as has `return_id`, which is 0 for void."""

    btf: Btf
    parameters: tuple[Parameter, ...]
    return_id: int

    @property
    def slots(self) -> int:
        """How many the arguments take. Raises: AttachPointError, BtfError: programs are not given one of them."""
        return sum(_slots(self.btf, parameter) for parameter in self.parameters)

    @property
    def has_known_slots(self) -> bool:
        try:
            return self.slots >= 0
        except (AttachPointError, BtfError):
            return False


def find_prototype(target: Target, module: str, name: str) -> Prototype | None:
    """That of a function of the kernel ('vmlinux') or of a module; None when its BTF has none.

    Raises: AttachPointError: the BTF cannot be read.
    """
    try:
        btf = target.btf if module == VMLINUX else target.btf_readers.get(module)
        type_id = None if btf is None else btf.find(name, (Func,))
        return None if btf is None or type_id is None else prototype_of(btf, type_id)
    except (BtfError, OSError) as error:
        raise AttachPointError(f"Could not read the BTF of {module}: {error}") from error


def prototype_of(btf: Btf, type_id: int) -> Prototype | None:
    """The prototype that a function, or a pointer to one, leads to. Raises: BtfError."""
    found = btf.type(btf.resolve(type_id))
    while isinstance(found, Func | Ptr):
        found = btf.type(btf.resolve(found.type_id))
    return Prototype(btf, found.parameters, found.return_id) if isinstance(found, FuncProto) else None


def arguments(name: str, target: Target, prototype: Prototype) -> StructType:
    """The struct that lies over the context. `name` is the function's. Raises: AttachPointError."""
    fields, at = [], 0
    try:
        for parameter in prototype.parameters:
            slots = _slots(prototype.btf, parameter)
            if parameter.name:
                type_ = target.c_types.with_id(parameter.type_id, prototype.btf)
                fields.append(Field(parameter.name, type_, at * SLOT))
            at += slots
    except (AttachPointError, BtfError) as error:
        raise AttachPointError(f'Could not parse arguments of "{name}": {error}') from error
    return StructType(name, at * SLOT, tuple(fields), alignment=SLOT)


def returned(name: str, target: Target, prototype: Prototype) -> Type:
    """The type of `retval`. Raises: AttachPointError: the function returns nothing, or more than a register holds."""
    try:
        type_ = target.c_types.with_id(prototype.return_id, prototype.btf)
    except BtfError as error:
        raise AttachPointError(f'Could not parse the return value of "{name}": {error}') from error
    if isinstance(type_, Void):
        raise AttachPointError(f"The retval builtin can not be used here: {name} returns nothing")
    if isinstance(type_, StructType):
        raise AttachPointError(f"The retval builtin can not be used here: {name} returns a {type_}")
    return type_


def described(prototype: Prototype) -> list[str]:
    """The parameters as in C, for -lv. Raises: AttachPointError."""
    from ....core.target.btf_text import declaration

    try:
        return [declaration(prototype.btf, p.type_id, p.name) for p in prototype.parameters]
    except BtfError as error:
        raise AttachPointError(str(error)) from error


def described_return(prototype: Prototype) -> list[str]:
    """What a function returns as in C, for -lv; nothing for void. Raises: AttachPointError."""
    from ....core.target.btf_text import declaration

    try:
        return [declaration(prototype.btf, prototype.return_id, "retval")] if prototype.return_id else []
    except BtfError as error:
        raise AttachPointError(str(error)) from error


def argument_registers(architecture: str) -> int:
    """How many slots of arguments the kernel's trampolines keep on every kernel. Raises: AttachPointError."""
    return len(registers(architecture).arguments)


def check_parameters(name: str, prototype: Prototype, architecture: str) -> None:
    """Raises: AttachPointError: not all arguments are passed in registers."""
    most = argument_registers(architecture)
    if len(prototype.parameters) > most:
        reason = f"functions with more than {most} parameters are not supported."
        raise AttachPointError(f'Could not parse arguments of "{name}": {reason}')


def _slots(btf: Btf, parameter: Parameter) -> int:
    """Raises: AttachPointError, BtfError."""
    if not parameter.type_id:
        raise AttachPointError("functions with variable arguments are not supported.")
    slots = argument_slots(btf, parameter.type_id)
    if slots is not None:
        return slots
    match btf.type(btf.resolve(parameter.type_id)):
        case Composite(size=size):
            raise AttachPointError(f"the parameter {parameter.name} of {size} bytes is not passed in registers.")
    raise AttachPointError(f"the type of the parameter {parameter.name} is not supported.")
