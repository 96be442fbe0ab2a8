"""Names for addresses: read late, remembered for processes that end, absent without error where they are hidden."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest
from pybpftrace.core.binary import kernel_symbols
from pybpftrace.core.binary.kernel_symbols import KernelSymbols
from pybpftrace.passes.output.symbols import ProcessSymbols


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_an_address_of_this_process_has_its_function_and_file() -> None:
    address = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    assert address is not None
    symbol, offset, module = ProcessSymbols().user(os.getpid(), address + 1)
    assert symbol is not None and symbol.endswith("getpid")
    assert offset == 1 and module is not None and "libc" in module


def test_what_no_process_has_has_no_name() -> None:
    assert ProcessSymbols().user(os.getpid(), 8)[0] is None


def test_hidden_kernel_symbols_leave_addresses_without_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def refuse(self: KernelSymbols, address: int) -> None:
        tries.append(address)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kernel_symbols.KernelSymbols, "resolve", refuse)
    symbols = ProcessSymbols()
    assert symbols.kernel(1) is None and symbols.kernel(2) is None
    assert tries == [1]
