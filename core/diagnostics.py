"""What the compiler says to its user, and how it looks.

A `Diagnostic` has a severity, a message and, where there is one, a span; `Diagnostics` collects them so that several
errors can be reported in one run. The layout is the one that editors and bpftrace's users know. Nothing here decides
where the text goes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from .frozen import dataclass
from .source import Source, Span, display
from .terminal_text import guarded_message


class Severity(Enum):
    """HINT is for help that was asked for, and nothing is wrong."""

    ERROR = "ERROR"
    WARNING = "WARNING"
    HINT = "HINT"


_COLOURS = {Severity.ERROR: "\x1b[31m", Severity.WARNING: "\x1b[33m"}


@dataclass(frozen=True, slots=True)
class Note:
    """A second place that belongs to a diagnostic, such as an earlier definition; or more to say of the first one."""

    message: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    severity: Severity
    message: str
    span: Span | None = None
    hints: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


class CompileError(Exception):
    """Raised by the pipeline after a pass that recorded errors; carries all that was recorded so far."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics


#: An address of which nothing says whether it is the kernel's or a process's.
_WITHOUT_SPACE = "Addrspace is not set"


class Diagnostics:
    """Collects diagnostics; an equal one (place and text) is kept once.

    `source` is the text that the spans point into once it has become more than the script's own, by imports.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.recorded: list[Diagnostic] = []
        self._known: set[Diagnostic] = set()

    def add(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self._known:
            self._known.add(diagnostic)
            self.recorded.append(diagnostic)

    def error(
        self, message: str, span: Span | None = None, *, hints: Iterable[str] = (), notes: Iterable[Note] = ()
    ) -> None:
        self.add(Diagnostic(Severity.ERROR, message, span, tuple(hints), tuple(notes)))

    def warning(
        self, message: str, span: Span | None = None, *, hints: Iterable[str] = (), notes: Iterable[Note] = ()
    ) -> None:
        self.add(Diagnostic(Severity.WARNING, message, span, tuple(hints), tuple(notes)))

    def warn_of_space(self, span: Span) -> None:
        """Records, once in a compilation, that nobody knows which memory is read."""
        if not any(d.message == _WITHOUT_SPACE for d in self.recorded):
            self.warning(_WITHOUT_SPACE, span)

    @property
    def failed(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.recorded)

    def raise_if_failed(self) -> None:
        """Raises: CompileError: when an error was recorded."""
        if self.failed:
            raise CompileError(tuple(self.recorded))


#: Comparing a name with so many takes longer than anybody waits for a hint, so then only likely ones are looked at.
_MANY = 5_000


def did_you_mean(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """A hint that names the closest candidate, or no hint."""
    import difflib

    known = list(candidates)
    if len(known) > _MANY:
        known = [c for c in known if abs(len(c) - len(name)) < 3 and c.lstrip("_")[:1] == name.lstrip("_")[:1]]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return (f"did you mean '{close[0]}'?",) if close else ()


def format_location(source: Source, span: Span) -> str:
    """`FILE:LINE:C1-C2` for a span in one line, `FILE:L1-L2` for several."""
    at = source.locate(span)
    name, line = source.file_line(at.line)
    if at.line == at.end_line:
        return f"{name}:{line}:{at.column}-{at.end_column}"
    return f"{name}:{line}-{line + at.end_line - at.line}"


def format_excerpt(source: Source, span: Span) -> list[str]:
    """The source line with `~` under the span, or the raw lines of a span over several lines."""
    at = source.locate(span)
    if at.line != at.end_line:
        return [source.line(number) for number in range(at.line, at.end_line + 1)]
    raw = source.raw_line(at.line)
    begin, end = at.column - 1, min(at.end_column - 1, max(len(raw), at.column))
    width = len(_untab(raw[:begin]))
    marks = len(_untab(raw[begin:end])) or 1
    return [_untab(raw), " " * width + "~" * marks]


def _untab(raw: str) -> str:
    return display(raw).replace("\t", "    ")


def format_diagnostic(
    diagnostic: Diagnostic, source: Source | None, *, colour: bool = False, of_script: bool = False
) -> str:
    """The text of one diagnostic: the main line, its excerpt, notes, hints, then the macro calls that the place came
    from, innermost first; ends with a newline. A message `of_script` is what the script itself says, which is shown as
    it is and without an excerpt."""
    label = diagnostic.severity.value
    # Other messages have names from files and processes in them.
    message = diagnostic.message if of_script else guarded_message(diagnostic.message)
    lines = _place(source, diagnostic.span, f"{label}: {message}", diagnostic.severity, colour)
    if of_script:
        del lines[1:]
    for note in diagnostic.notes:
        lines += _place(source, note.span, f"{label}: {guarded_message(note.message)}", diagnostic.severity, colour)
    lines += [guarded_message(f"HINT: {hint}") for hint in diagnostic.hints]
    call = diagnostic.span.expanded_from if diagnostic.span else None
    while call is not None:
        lines += _place(source, call, f"{label}: expanded from", diagnostic.severity, colour)
        call = call.expanded_from
    return "".join(f"{line}\n" for line in lines)


def _place(source: Source | None, span: Span | None, text: str, severity: Severity, colour: bool) -> list[str]:
    head, excerpt = text.removesuffix("\n"), []
    if source is not None and span is not None:
        head, excerpt = f"{format_location(source, span)}: {head}", format_excerpt(source, span)
    if colour and severity in _COLOURS:
        head = f"{_COLOURS[severity]}{head}\x1b[0m"
    return [head, *excerpt]


def format_all(diagnostics: Iterable[Diagnostic], source: Source | None, *, colour: bool = False) -> str:
    """All errors in the order recorded, then all warnings."""
    ordered = sorted(diagnostics, key=lambda d: d.severity is Severity.WARNING)
    return "".join(format_diagnostic(d, source, colour=colour) for d in ordered)
