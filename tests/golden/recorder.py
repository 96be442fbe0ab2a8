"""Runs the command with a session that writes down what it gives to the output stage: `recorder.py FILE
ARGUMENTS...`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from pybpftrace.cli.main import execute
from pybpftrace.passes.load.session import KernelSession
from pybpftrace.passes.output.symbols import ProcessSymbols

RECORDING: dict[str, Any] = {"spans": [], "maps": {}, "attached": 0, "symbols": {}}


def after(owner: type, name: str, note: Callable[[Any, tuple[Any, ...], Any], None]) -> None:
    """Has `note(self, arguments, result)` called after a method."""
    original = getattr(owner, name)

    def noted(self: Any, *arguments: Any) -> Any:
        result = original(self, *arguments)
        note(self, arguments, result)
        return result

    setattr(owner, name, noted)


def note_span(session: KernelSession, _: tuple[Any, ...], span: bytes) -> None:
    if span:
        RECORDING["spans"].append(span.hex())
    RECORDING["attached"] = session.attached


def note_map(_: KernelSession, arguments: tuple[Any, ...], entries: list[tuple[bytes, Any]]) -> None:
    RECORDING["maps"][arguments[0].name] = [
        [key.hex(), value.hex() if isinstance(value, bytes) else [part.hex() for part in value]]
        for key, value in entries
    ]


def note_kernel(_: ProcessSymbols, arguments: tuple[Any, ...], found: Any) -> None:
    RECORDING["symbols"][f"kernel {arguments[0]:x}"] = found


def note_user(_: ProcessSymbols, arguments: tuple[Any, ...], found: Any) -> None:
    RECORDING["symbols"][f"user {arguments[1]:x}"] = found


if __name__ == "__main__":
    path = sys.argv.pop(1)
    after(KernelSession, "read_span", note_span)
    after(KernelSession, "read_map", note_map)
    after(ProcessSymbols, "kernel", note_kernel)
    after(ProcessSymbols, "user", note_user)
    try:
        status = execute(sys.argv[1:], os.environ)
    finally:
        with open(path, "w") as file:
            json.dump(RECORDING, file)
    sys.exit(status)
