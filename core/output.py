"""The contract between what arrives from the kernel and what is written.

`Rendering` turns typed values into text and JSON; `Format` is one output format (text, json) as a plugin; `Output` is what
an action sees of the running session. None of them knows the compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .artifacts import MapSpec
    from .config import Config
    from .types import Type


class Symbols(Protocol):
    """Names for addresses; None where there is none."""

    def kernel(self, address: int) -> tuple[str, int] | None:
        """(symbol, offset in bytes)."""

    def user(self, pid: int, address: int) -> tuple[str | None, int, str | None]:
        """(symbol, offset in bytes, module path)."""


class Rendering(Protocol):
    """Typed values as text or JSON. Values are as `core.records` decodes them."""

    config: Config
    symbols: Symbols

    def text(self, type_: Type, value: Any) -> bytes: ...

    def json(self, type_: Type, value: Any) -> str: ...


class Format(Protocol):
    """One output format. Each method gives the bytes to write; empty bytes write nothing."""

    def attached(self, count: int) -> bytes: ...

    def printed(self, kind: str, text: bytes) -> bytes:
        """Text made by an action; `kind` names it ('printf', 'time', ...)."""

    def value(self, type_: Type, value: Any) -> bytes: ...

    def map(self, spec: MapSpec, entries: Sequence[tuple[Any, Any]], *, explicit: bool) -> bytes:
        """A whole map, its entries in print order; `explicit` is false for the print at the end of the run."""

    def lost(self, count: int) -> bytes: ...

    def failure(self, message: str, helper: str, code: int, place: tuple[str, int, int]) -> bytes:
        """A run-time failure; `place` is (script, line, column)."""

    def end(self) -> bytes:
        """Written once after the last event, before the maps."""


class Output(Protocol):
    """What an action sees of the running session."""

    rendering: Rendering
    format: Format

    def write(self, data: bytes) -> None:
        """Queues bytes for the output; they are written once per batch of events."""

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None: ...

    def clear_map(self, name: str) -> None:
        """Removes all keys."""

    def zero_map(self, name: str) -> None:
        """Sets every value to zero bytes; keys stay."""

    def exit(self, code: int) -> None: ...
