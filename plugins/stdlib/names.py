"""Names for numbers of the system: `strerror`, `signal_name`, `syscall_name`. The tables are in `name_tables`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite, Function, Signature
from ...core.types import INT64, String, Type

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value

#: Bytes of each name with its NUL.
_WIDTH = 64


class _Name(Function):
    """A row of a table, in which the last one is for whatever has no name."""

    signature: ClassVar[Signature] = Signature(1, 1, kinds={0: ("int",)})

    def type_of(self, call: CallSite) -> Type:
        return String(_WIDTH)

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        rows = [row.encode() for row in self.rows(emitter.architecture)]
        return emitter.constant_row(self.names[0], rows, _WIDTH, self.index(emitter, call))

    def rows(self, architecture: str) -> Sequence[str]:
        raise NotImplementedError

    def index(self, emitter: Emitter, call: EmitSite) -> Value:
        return call.value(0)


class ErrorText(_Name):
    """`strerror(e)`: what an errno means; a negative one as well, which is how the kernel gives them."""

    names: ClassVar[tuple[str, ...]] = ("strerror",)

    def rows(self, architecture: str) -> Sequence[str]:
        from .name_tables.errors import ERRORS

        return ERRORS

    def index(self, emitter: Emitter, call: EmitSite) -> Value:
        # What a function returned is unsigned where nobody knows its type.
        error = emitter.cast(call.value(0), INT64)
        negative = emitter.compare("<", error, emitter.constant(0), signed=True)
        return emitter.choose(negative, lambda: emitter.binary("-", emitter.constant(0), error), lambda: error)


class SignalName(_Name):
    """`signal_name(s)`: what the C library calls a signal."""

    names: ClassVar[tuple[str, ...]] = ("signal_name",)

    def rows(self, architecture: str) -> Sequence[str]:
        from .name_tables.signals import SIGNALS

        return SIGNALS


class SyscallName(_Name):
    """`syscall_name(n)`: the name of a system call of the machine that the script is compiled for."""

    names: ClassVar[tuple[str, ...]] = ("syscall_name",)

    def rows(self, architecture: str) -> Sequence[str]:
        from .name_tables.syscalls import system_calls

        return system_calls(architecture)


FUNCTIONS = (ErrorText(), SignalName(), SyscallName())
