"""What functions that want an object of the kernel have in common: the verifier has to know what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.types import Pointer, Struct, Type

if TYPE_CHECKING:
    from ...core.function import CallSite


def check_tracing(call: CallSite) -> None:
    """Refuses a function that wants an object of which the verifier knows what it is where it knows of none."""
    provider = call.probe_type.names[0]
    if call.probe_type.program_type != "tracing":
        call.error(f'{call.name} can not be used with "{provider}" probes')


def is_pointer_to(type_: Type, struct: str) -> bool:
    return isinstance(type_, Pointer) and isinstance(type_.pointee, Struct) and type_.pointee.name == f"struct {struct}"
