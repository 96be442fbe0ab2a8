"""Names for addresses: read late, remembered for processes that end, absent without error where they are hidden."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest
from pybpftrace.core.binary import kernel_symbols
from pybpftrace.core.binary.kernel_symbols import KernelSymbols
from pybpftrace.core.config import Config
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


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made_of(symbols: ProcessSymbols, found: list[int], style: str = "s", *, misses: bool = False) -> bytes:
    """What is remembered of address 8 of process 7; `found` grows by each time that it is made."""

    def make(address: int) -> bytes:
        found.append(address)
        if misses:
            symbols.user(0, address)
        return b"made"

    return symbols.remembered(7, style, make)[8]


def test_what_was_made_of_an_address_is_remembered_for_a_second() -> None:
    clock, found = Clock(), list[int]()
    symbols = ProcessSymbols(clock=clock)
    for step in (0, 0.5, 0.4):
        clock.now += step
        assert made_of(symbols, found) == b"made"
    assert found == [8]
    clock.now += 0.2
    made_of(symbols, found)
    assert found == [8, 8]


def test_each_process_and_style_has_its_own_memory() -> None:
    symbols, found = ProcessSymbols(clock=Clock()), list[int]()
    for style in ("a", "b", "a"):
        made_of(symbols, found, style)
    assert found == [8, 8]


def test_an_address_without_a_name_is_looked_at_again_soon() -> None:
    clock, found = Clock(), list[int]()
    symbols = ProcessSymbols(clock=clock)
    made_of(symbols, found, misses=True)
    clock.now += 0.04
    made_of(symbols, found, misses=True)
    assert found == [8]
    clock.now += 0.02
    made_of(symbols, found, misses=True)
    assert found == [8, 8]


def test_without_a_cache_of_user_symbols_nothing_is_remembered() -> None:
    symbols, found = ProcessSymbols(Config(cache_user_symbols="NONE"), clock=Clock()), list[int]()
    made_of(symbols, found)
    made_of(symbols, found)
    assert found == [8, 8]


def test_no_more_processes_than_a_bound_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybpftrace.passes.output.symbols._MAX_REMEMBERED", 2)
    symbols, found = ProcessSymbols(clock=Clock()), list[int]()
    for style in ("a", "b", "c", "c", "a"):
        made_of(symbols, found, style)
    assert found == [8] * 4


def test_places_in_the_source_are_given_only_where_they_are_asked_for() -> None:
    address = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    assert address is not None
    assert ProcessSymbols(Config()).source(os.getpid(), address) == ()
