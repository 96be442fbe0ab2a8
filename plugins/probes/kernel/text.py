"""What -lv shows of a function of the kernel that a kprobe is on: its parameters by the builtins that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....core.target.btf_text import declaration
from ....core.target.btf_types import Float

if TYPE_CHECKING:
    from .btf_arguments import Prototype


def described_argument_registers(prototype: Prototype) -> list[str]:
    """`TYPE arg0` and so on; floating-point parameters are in registers of their own, and left out."""
    btf = prototype.btf
    held = [p for p in prototype.parameters if p.type_id and not isinstance(btf.type(btf.resolve(p.type_id)), Float)]
    return [declaration(btf, parameter.type_id, f"arg{index}") for index, parameter in enumerate(held)]


def described_return_register(prototype: Prototype) -> list[str]:
    return [declaration(prototype.btf, prototype.return_id, "retval") if prototype.return_id else "void"]
