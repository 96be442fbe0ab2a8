"""Stacks of programs without frame pointers: taken by their binaries' unwind tables, shown as other stacks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite
from ...core.types import INT64, UINT32, OwnedType, Struct, Type
from .process import process_id
from .stacks import UserStack

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.target import Target

_ARCHITECTURE = "x86_64"
_NO_DATA = "No DWARF unwind data available for this process. Use -p or --dwarf-pid to specify target PIDs."


_RETURNS = (
    ("task_struct", "utask"),
    ("uprobe_task", "return_instances"),
    ("return_instance", "stack"),
    ("return_instance", "orig_ret_vaddr"),
    ("return_instance", "next"),
)


class UnwoundStack(UserStack):
    """`dw_ustack([mode,] [limit])`: the user's frames, for which the program needs no frame pointers. Its values are
    those of `ustack`, so that they fit into the same variables."""

    names: ClassVar[tuple[str, ...]] = ("dw_ustack", "__builtin_dw_ustack")
    gives_build_ids: ClassVar[bool] = False

    def type_of(self, call: CallSite) -> Type:
        if call.target.architecture != _ARCHITECTURE:
            call.error(f"dw_ustack is only supported on {_ARCHITECTURE}, not on {call.target.architecture}")
        return super().type_of(call)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from ...core.emitter import Value

        type_ = call.type
        assert isinstance(type_, OwnedType), "type_of gives a stack"
        _, limit = type_.params
        assert isinstance(limit, int), "type_of gives a mode and a limit"
        process = process_id(emitter)
        stack, count = emitter.unwind_user(self.header + 8, limit, process, _returns(call.target))
        unknown = emitter.compare("<", count, emitter.constant(0), signed=True)
        with emitter.when(unknown):
            emitter.count_failure("", emitter.constant(0), _NO_DATA)
        emitter.store(stack, Value(process.handle, UINT32), 0)
        frames = emitter.choose(unknown, lambda: emitter.constant(0, INT64), lambda: count)
        emitter.store(stack, frames, self.header)
        return Value(stack.handle, type_)


def _returns(target: Target) -> tuple[int, ...]:
    """Where the kernel keeps the return addresses that uretprobes have put theirs in place of; () if not known."""
    from ...core.c_types import member

    found = []
    for name, field in _RETURNS:
        struct = target.c_types.named("struct", name)
        known = member(target.c_types, struct, field) if isinstance(struct, Struct) else None
        if known is None:
            return ()
        found.append(known.offset)
    return tuple(found)


FUNCTIONS = (UnwoundStack(),)
