"""The contract between what arrives from the kernel and what is written.

`Rendering` turns typed values into text and JSON; `FormatType` is one output format (text, json) as a plugin, which
makes a `Format` for a run; `Output` is what an action sees of the running session. None of them knows the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from .frozen import dataclass

if TYPE_CHECKING:
    from .artifacts import MapSpec
    from .config import Config
    from .function import Aggregation
    from .probe import ConcretePoint
    from .source import SavedSpan, Source, Span
    from .types import Type


@dataclass(frozen=True, slots=True)
class CodePlace:
    """What an instruction was compiled from: line `line` (0: unknown) of the file at `file` ('': unknown).

    `function` is that in whose source it stands; '' where debug information does not name it.
    """

    function: str
    file: str
    line: int


class UnprintableValue(Exception):
    """A value that has no text; the exception's own says why, and is shown as `!{why}` in the value's place.

    An owner of a type raises it from `Function.text` or `Function.json`.
    """


class Symbols(Protocol):
    """Names for addresses; None where there is none."""

    def kernel(self, address: int) -> tuple[str, int] | None:
        """(symbol, offset in bytes)."""

    def user(self, pid: int, address: int) -> tuple[str | None, int, str | None]:
        """(symbol, offset in bytes, module path)."""

    def source(self, pid: int, address: int) -> Sequence[CodePlace]:
        """The functions that were inlined at an address, innermost first, and last the one that they are in.

        Empty where there is no debug information, or `show_debug_info` does not ask for it.
        """

    def remembered(self, pid: int, style: str, make: Callable[[int], bytes]) -> Mapping[int, bytes]:
        """`make` of any address of a process (0: the kernel), remembered for as long as it means the same.

        `style` tells what `make` makes from what others make of the same addresses. To be asked for each use anew.
        """


class Rendering(Protocol):
    """Typed values as text or JSON. Values are as `core.records` decodes them.

    With `guards` what was traced is shown as text that is fit for a terminal (`core.terminal_text`); the script's own
    texts are not touched. JSON is always fit.
    """

    config: Config
    symbols: Symbols
    guards: bool

    def text(self, type_: Type, value: Any) -> bytes: ...

    def json(self, type_: Type, value: Any) -> str: ...

    def shown(self, data: bytes) -> bytes:
        """Traced bytes that are no value of the language, such as a file's, as text."""

    def error(self, message: str) -> None:
        """Says, as an `ERROR:` line, what is wrong with a value that is being shown."""

    def guarding(self, guards: bool) -> Rendering:
        """The same with another `guards`, for text that goes elsewhere than the output."""

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
class ScriptMessage:
    """What a script itself reports by `errorf` or `warnf`: `level` is 'error' or 'warning'; the text may end with a
    newline, and with more than one."""

    source: Source
    span: Span
    level: str
    text: bytes


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

    `verbatim`: `printed` gives its text unchanged. `notices_on_output`: what `attached`, `lost`, `failure`, `failures`
    and `script_message` give belongs to the output; otherwise to standard error.
    """

    verbatim: ClassVar[bool]
    notices_on_output: ClassVar[bool]

    def attached(self, count: int) -> bytes: ...

    def printed(self, kind: str, text: bytes) -> bytes:
        """Text made by an action; `kind` names it ('printf', 'time', ...)."""

    def value(self, type_: Type, value: Any) -> bytes: ...

    def map(self, spec: MapSpec, entries: Iterable[tuple[Any, Any]], *, explicit: bool) -> Iterator[bytes]:
        """A whole map in pieces, its entries in print order, of which there may be a great many; `explicit` is false
        for the print at the end of the run."""

    def lost(self, count: int) -> bytes: ...

    def failure(self, failure: RuntimeFailure, *, colour: bool = False) -> bytes: ...

    def message(self, level: str, text: str) -> bytes:
        """An `ERROR:` or `WARNING:` line of the tracer's own, which standard error gets anyway, as a part of the output
        if it has such parts; `level` is 'error' or 'warning'."""

    def script_message(self, message: ScriptMessage, *, colour: bool = False) -> bytes: ...

    def failures(self, counts: Mapping[str, Mapping[str, int]]) -> bytes:
        """What went wrong in a run, by probe: how often, by the name of the helper or the mishap's message.
        'lost_events' is among the names."""

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
    """What an action sees of the running session.

    `guards_notices` tells that text for standard error comes on a terminal; `Rendering.guarding` makes it fit for that.
    """

    rendering: Rendering
    format: Format
    guards_notices: bool

    def write(self, data: bytes) -> None:
        """Queues bytes for the output; they are written once per batch of events."""

    def error(self, message: str) -> None:
        """Writes an `ERROR:` line to standard error, after what was queued for the output, and as an object in JSON."""

    def report(self, level: str, place: Sequence[SavedSpan], text: bytes) -> None:
        """What the script reports as an 'error' or a 'warning' from a place in it; warnings only if the user wants
        any."""

    def print_map(self, name: str, *, top: int = 0, divisor: int = 1) -> None: ...

    def clear_map(self, name: str) -> None:
        """Removes all keys."""

    def zero_map(self, name: str) -> None:
        """Sets every value to zero bytes; keys stay."""

    def detach(self, is_meant: Callable[[ConcretePoint], bool]) -> int:
        """Detaches the probes at some points while the run goes on; gives their number."""

    def exit(self, code: int) -> None:
        """Ends the run with an exit status; events that are still queued are dropped."""


def map_key_text(rendering: Rendering, type_: Type, key: Any) -> bytes:
    """A map's key as it stands between the brackets: without parentheses around the whole, whatever they are from."""
    text = rendering.text(type_, key)
    return text[1:-1] if text.startswith(b"(") and text.endswith(b")") else text
