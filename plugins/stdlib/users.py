"""`username`: the user that runs, shown by login name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from ...core.function import CallSite, EmitSite
from ...core.types import OwnedType, Type
from .shown_later import SIZE, ShownLater, store_number

if TYPE_CHECKING:
    from ...core.emitter import Emitter, Value
    from ...core.output import Rendering

USERNAME = OwnedType("username", "username_t", SIZE)
PASSWD = "/etc/passwd"


class UserName(ShownLater):
    """`username`; a user whom /etc/passwd does not know has an empty name."""

    names: ClassVar[tuple[str, ...]] = ("username",)
    bare: ClassVar[bool] = True
    named_types: ClassVar[Mapping[str, OwnedType]] = {"username_t": USERNAME}
    cast_from_integer: ClassVar[bool] = True

    def type_of(self, call: CallSite) -> Type:
        return USERNAME

    def emit(self, emitter: Emitter, call: EmitSite) -> Value:
        both = emitter.helper("get_current_uid_gid")
        return store_number(emitter, USERNAME, emitter.binary("&", both, emitter.constant(0xFFFF_FFFF)))

    def text(self, type_: OwnedType, value: int, rendering: Rendering) -> bytes:
        try:
            names = login_names(PASSWD, os.stat(PASSWD).st_mtime_ns)
        except OSError as error:
            rendering.error(f"failed to open file '{PASSWD}' ({error.strerror})")
            return b""
        return rendering.shown(names.get(value, b""))


@lru_cache(maxsize=1)
def login_names(path: str, changed: int) -> dict[int, bytes]:
    """Login names by user id, of a file as passwd(5) has it, which `changed` then (ns); of two the first counts.

    Raises: OSError.
    """
    names: dict[int, bytes] = {}
    with open(path, "rb") as file:
        for line in file:
            fields = line.split(b":")
            if len(fields) > 2 and fields[2].isdigit():
                names.setdefault(int(fields[2]), fields[0])
    return names


FUNCTIONS = (UserName(),)
