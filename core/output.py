"""The contract between what arrives from the kernel and what is written.

`Rendering` turns typed values into text and JSON; `FormatType` is one output format (text, json) as a plugin, which
makes a `Format` for a run; `Output` is what an action sees of the running session. None of them knows the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .frozen import dataclass

if TYPE_CHECKING:
    from .artifacts import MapSpec
    from .config import Config
    from .function import Aggregation
    from .source import Source, Span
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

    def aggregation(self, type_: Type | None) -> Aggregation | None:
        """The function that owns the type of an aggregating map's values; None for any other type."""


@dataclass(frozen=True, slots=True)
class RuntimeFailure:
    """Something that went wrong in a probe: a failed BPF helper, or, with an empty `helper`, a mishap of the script.

    `code` is the helper's result, a negative errno (0 for a lookup that found nothing).
    """

    source: Source
    span: Span
    message: str
    helper: str = ""
    code: int = 0


@dataclass(frozen=True, slots=True)
class TestResult:
    """How a test ended: `duration` in ns, `output` what it printed, in the format of `RunOptions.capture_format`."""

    __test__: ClassVar[bool] = False  # it is no test class of pytest

    name: str
    passed: bool
    duration: int
    output: bytes


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """The time of one run of a benchmark in ns, the average over the last `iterations` runs."""

    name: str
    average: int
    iterations: int


class Format(Protocol):
    """One output format in one run. Each method gives the bytes to write; empty bytes write nothing.

    `verbatim`: `printed` gives its text unchanged. `notices_on_output`: what `attached`, `lost` and `failure` give
    belongs to the output; otherwise to standard error.
    """

    verbatim: ClassVar[bool]
    notices_on_output: ClassVar[bool]

    def attached(self, count: int) -> bytes: ...

    def printed(self, kind: str, text: bytes) -> bytes:
        """Text made by an action; `kind` names it ('printf', 'time', ...)."""

    def value(self, type_: Type, value: Any) -> bytes: ...

    def map(self, spec: MapSpec, entries: Sequence[tuple[Any, Any]], *, explicit: bool) -> bytes:
        """A whole map, its entries in print order; `explicit` is false for the print at the end of the run."""

    def lost(self, count: int) -> bytes: ...

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes: ...

    def tests_begin(self, count: int) -> bytes: ...

    def test_begins(self, name: str) -> bytes: ...

    def test_ended(self, result: TestResult) -> bytes: ...

    def tests_ended(self, results: Sequence[TestResult]) -> bytes:
        """Written once when all have run; there may be none."""

    def benchmarks(self, results: Sequence[BenchmarkResult]) -> bytes:
        """All results of a run, in the script's order."""

    def end(self) -> bytes:
        """Written once after the last event, before the maps."""


class FormatType(Protocol):
    """One output format as a plugin: an object in the `FORMATS` of a module in `plugins/formats`, or from the hook
    `register_formats`. `-f NAME` picks the one whose `names` hold NAME; it goes into `RunOptions.format`, and the
    output stage calls `create` once the program's values can be rendered.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def create(self) -> Callable[[Rendering], Format]: ...


class Output(Protocol):
    """What an action sees of the running session."""

    rendering: Rendering
    format: Format

    def write(self, data: bytes) -> None:
        """Queues bytes for the output; they are written once per batch of events."""

    def error(self, message: str) -> None:
        """Writes an `ERROR:` line to standard error, after what was queued for the output."""

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None: ...

    def clear_map(self, name: str) -> None:
        """Removes all keys."""

    def zero_map(self, name: str) -> None:
        """Sets every value to zero bytes; keys stay."""

    def exit(self, code: int) -> None:
        """Ends the run with an exit status; events that are still queued are dropped."""


def map_key_text(rendering: Rendering, type_: Type, key: Any) -> bytes:
    """A map's key as it stands between the brackets: without parentheses around the whole, whatever they are from."""
    text = rendering.text(type_, key)
    return text[1:-1] if text.startswith(b"(") and text.endswith(b")") else text
