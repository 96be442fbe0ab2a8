"""`Target.function_slots` of this machine, kept in the cache: to walk the BTF for it takes most of a second.

What it is follows from the kernel, its modules and where they are, so that is what the copy is known by. Apart from
`live_functions.py` because only lists need it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from ..linux import machine
from .cache_directory import cache_directory, read_private_file, write_private_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from . import Target

_COPY = "function-slots"


def function_slots(
    target: Target, read: Callable[[], Mapping[str, Mapping[str, int]]]
) -> Mapping[str, Mapping[str, int]]:
    """What `read` gives, or what it gave before in this boot of this kernel with the modules that it has now."""
    directory = cache_directory()
    if directory is None:
        return read()
    copy = os.path.join(directory, _COPY)
    # A copy holds for one boot, so none is read after a crash that has left half of it.
    state = f"{target.kernel_build_id} {machine.boot_id()} {machine.loaded_modules()[1]}\n".encode()
    known = read_private_file(copy)
    if known is not None and known.startswith(state):
        return cast("dict[str, dict[str, int]]", json.loads(known[len(state) :]))
    slots = read()
    with suppress(OSError):  # an unwritable cache only costs the next start the reading
        write_private_file(copy, state + json.dumps(slots, separators=(",", ":")).encode(), flush=False)
    return slots
