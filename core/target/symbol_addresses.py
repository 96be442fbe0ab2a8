"""Addresses of the running kernel's symbols by name, those of the kernel's own kept in the cache for one boot.

/proc/kallsyms takes about 50 ms to read, and the kernel's own symbols move only at boot (KASLR). Those of modules come
and go, so they are looked up each time. Nothing here may import the compiler: a cached start asks too.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ..linux import machine
from .cache_directory import cache_directory, read_private_file, write_private_file
from .kallsyms import find_symbol

_COPY = "symbols"
#: A copy with that many symbols is begun anew.
_LIMIT = 1000


def symbol_address(name: str) -> int | None:
    """The address of a kernel symbol, as `find_symbol` has it; None when there is none or it is hidden.

    The copy is the boot's id on a line, then lines `NAME ADDRESS` with the address as hexadecimal. Raises: OSError.
    """
    directory = cache_directory()
    copy = None if directory is None else os.path.join(directory, _COPY)
    boot = machine.boot_id()
    known = {} if copy is None else _read(copy, boot)
    if name in known:
        return known[name]
    address, is_core = find_symbol(name)
    if copy is not None and address is not None and is_core:
        if len(known) >= _LIMIT:
            known.clear()
        known[name] = address
        lines = [boot, *(f"{symbol} {place:x}" for symbol, place in known.items()), ""]
        with suppress(OSError):  # an unwritable cache only costs the next start the reading
            # A copy holds for one boot, so none is read after a crash that has left half of it.
            write_private_file(copy, "\n".join(lines).encode(), flush=False)
    return address


def _read(copy: str, boot: str) -> dict[str, int]:
    """What is known in this boot; nothing of a damaged copy."""
    first, *lines = (read_private_file(copy) or b"").decode(errors="replace").split("\n")
    if first != boot:
        return {}
    try:
        return {name: int(address, 16) for name, address in (line.split(" ") for line in lines[:-1])}
    except ValueError:
        return {}
