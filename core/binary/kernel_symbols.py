"""Kernel code by address and by name, from /proc/kallsyms.

The kernel formats some 120,000 lines at every reading, so the list is read when first needed, in one pass, and again
only when an address may belong to code that came since (BPF programs, trampolines, modules). This file must not know
how frames are printed. Facts: kernel/kallsyms.c, proc(5).
"""

from __future__ import annotations

import sys
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable

_TEXT_TYPES = frozenset((b"t", b"T", b"w", b"W"))
#: Mark where code ends: kallsyms gives no sizes, and what follows these is not the function before.
_END_MARKERS = frozenset((b"_etext", b"_einittext"))
#: The largest distance to a function's start that is believed where nothing marks its end.
_MAX_SIZE = 1 << 20
#: What the kernel gives as the module of code that comes and goes: its addresses are used again for other code.
_SHORT_LIVED = (b"\t[bpf]", b"\t[__builtin__ftrace]", b"\t[__builtin__kprobes]")
_RELOAD_AFTER = 1.0  # seconds
_NEVER = float("-inf")

#: Columns of a line: an address of 16 digits, a blank, the type, a blank, the name.
_ADDRESS_END, _TYPE_AT, _NAME_AT = 16, 17, 19


class KernelSymbols:
    """Functions of the kernel, its modules and its BPF programs.

    Every member may raise OSError, where `path` cannot be read, or ValueError, where it is not of the form of kallsyms.
    `clock` gives seconds.
    """

    def __init__(self, path: str = "/proc/kallsyms", clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._loaded_at = _NEVER
        self._addresses = array("Q")
        #: In step with the addresses: "ADDRESS TYPE NAME", then for modules a tab and the module in brackets.
        self._lines: list[bytes] = []
        self._by_name: dict[bytes, int] | None = None

    @property
    def restricted(self) -> bool:
        """True where the kernel hides addresses from this user (kernel.kptr_restrict): all read as zero."""
        if self._loaded_at == _NEVER:
            self._load()
        return bool(self._addresses) and self._addresses[-1] == 0

    def resolve(self, address: int) -> tuple[str, int] | None:
        """The function around `address` and how many bytes after its start that is; the first of several names."""
        if self.restricted:
            return None
        index = self._find(address)
        if (index is None or self._lines[index].endswith(_SHORT_LIVED)) and self._reload():
            index = self._find(address)
        if index is None:
            return None
        return _name(self._lines[index]).decode("ascii", "replace"), address - self._addresses[index]

    def address_of(self, name: str) -> int | None:
        """The address of a function; the first of several of that name, which is the kernel's own."""
        if self.restricted:
            return None
        found = self._look_up(name)
        if found is None and self._reload():
            found = self._look_up(name)
        return found

    def _look_up(self, name: str) -> int | None:
        if self._by_name is None:
            self._by_name = {}
            for line, address in zip(self._lines, self._addresses, strict=True):
                self._by_name.setdefault(_name(line), address)
        return self._by_name.get(name.encode("utf-8", "surrogateescape"))

    def _find(self, address: int) -> int | None:
        addresses = self._addresses
        index = bisect_right(addresses, address) - 1
        if index < 0 or address - addresses[index] >= _MAX_SIZE or _name(self._lines[index]) in _END_MARKERS:
            return None
        start = addresses[index]
        while index and addresses[index - 1] == start:
            index -= 1
        return index

    def _reload(self) -> bool:
        if self._clock() - self._loaded_at <= _RELOAD_AFTER:
            return False
        self._load()
        return True

    def _load(self) -> None:
        with open(self._path, "rb", buffering=0) as file:
            content = file.read()
        # Columns are cut out and all addresses decoded at once: splitting lines into words takes several times as long.
        lines = [line for line in content.split(b"\n") if line[_TYPE_AT : _TYPE_AT + 1] in _TEXT_TYPES]
        addresses = array("Q")
        try:
            addresses.frombytes(bytes.fromhex(b"".join([line[:_ADDRESS_END] for line in lines]).decode("ascii")))
        except ValueError as error:
            raise ValueError(f"{self._path}: not a list of kernel symbols: {error}") from error
        if len(addresses) != len(lines) or (content and not lines):
            raise ValueError(f"{self._path}: not a list of kernel symbols with 64-bit addresses")
        if sys.byteorder == "little":
            addresses.byteswap()
        in_order = sorted(addresses)
        if in_order != addresses.tolist():
            # The kernel's own symbols are in order, those of modules and BPF programs after them are not. The sort is
            # stable: of several names for an address the first stays the first.
            lines = [lines[index] for index in sorted(range(len(lines)), key=addresses.__getitem__)]
            addresses = array("Q", in_order)
        self._addresses = addresses
        self._lines = lines
        self._by_name = None
        self._loaded_at = self._clock()


def _name(line: bytes) -> bytes:
    return line[_NAME_AT:].partition(b"\t")[0]
