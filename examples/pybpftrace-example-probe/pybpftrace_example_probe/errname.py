"""`errname(number)`: the name of an error of the kernel.

The program in the kernel only carries the number. The name is found when the value is shown, so what is 8 bytes in a
map or an event stays 8 bytes.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpftrace.core.function import CallSite, EmitSite, Function, Signature
from pybpftrace.core.json_text import json_string
from pybpftrace.core.types import INT64, OwnedType, Type

if TYPE_CHECKING:
    from pybpftrace.core.emitter import Emitter, Value
    from pybpftrace.core.output import Rendering

ERROR_NAME = OwnedType("errname", "errname_t", 8)


class ErrorName(Function):
    """`errname(-2)` and `errname(2)` are both `ENOENT`; a number without a name stays a number."""

    names = ("errname",)
    signature = Signature(1, 1, kinds={0: ("int",)})

    # In the compiler: which type the call has, and the code for it.

    def type_of(self, call: CallSite) -> Type:
        return ERROR_NAME

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        from pybpftrace.core.emitter import Value

        place = emitter.scratch(ERROR_NAME.size)
        emitter.store(place, emitter.cast(call.value(0), INT64))
        return Value(place.handle, ERROR_NAME)

    # In the output: from the bytes that the program stored to what is shown.

    def decode(self, type_: OwnedType, data: bytes) -> int:
        return int.from_bytes(data, "little", signed=True)

    def text(self, type_: OwnedType, value: int, rendering: Rendering) -> bytes:
        return errno.errorcode.get(abs(value), str(value)).encode()

    def json(self, type_: OwnedType, value: int, rendering: Rendering) -> str:
        return json_string(self.text(type_, value, rendering))
