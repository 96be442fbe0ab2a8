"""Runs the command with a session that writes down what it gives to the output stage: `recorder.py FILE
ARGUMENTS...`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pybpftrace.cli.main import execute
from pybpftrace.core.artifacts import FailureSite, MapSpec
from pybpftrace.core.map_batches import MapBatch
from pybpftrace.passes.load.session import KernelSession
from pybpftrace.passes.output.symbols import ProcessSymbols

RECORDING: dict[str, Any] = {"spans": [], "maps": {}, "attached": 0, "symbols": {}, "failures": [], "runs": []}


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


def note_failures(_: KernelSession, __: tuple[Any, ...], found: list[tuple[FailureSite, int, int]]) -> None:
    RECORDING["failures"] += [[site.index, count, code] for site, count, code in found]


def note_run(_: KernelSession, arguments: tuple[Any, ...], result: tuple[int, int]) -> None:
    RECORDING["spans"].append(None)
    RECORDING["runs"].append(result)


def record_maps() -> None:
    """Writes down each map that is read."""
    original = KernelSession.read_map

    def read_map(self: KernelSession, spec: MapSpec) -> Iterator[MapBatch]:
        kept = RECORDING["maps"][spec.name] = []
        for batch in original(self, spec):
            kept += [
                [key.hex(), value.hex() if isinstance(value, bytes) else [part.hex() for part in value]]
                for key, value in batch.entries(spec)
            ]
            yield batch

    KernelSession.read_map = read_map  # type: ignore[method-assign]  # that is what a recorder does


def note_kernel(_: ProcessSymbols, arguments: tuple[Any, ...], found: Any) -> None:
    RECORDING["symbols"][f"kernel {arguments[0]:x}"] = found


def note_user(_: ProcessSymbols, arguments: tuple[Any, ...], found: Any) -> None:
    RECORDING["symbols"][f"user {arguments[1]:x}"] = found


if __name__ == "__main__":
    path = sys.argv.pop(1)
    after(KernelSession, "read_span", note_span)
    record_maps()
    after(KernelSession, "failures", note_failures)
    after(KernelSession, "run_program", note_run)
    after(ProcessSymbols, "kernel", note_kernel)
    after(ProcessSymbols, "user", note_user)
    try:
        status = execute(sys.argv[1:], os.environ)
    finally:
        with open(path, "w") as file:
            json.dump(RECORDING, file)
    sys.exit(status)
