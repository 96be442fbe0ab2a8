"""Places in a script, and how a diagnostic about them looks."""

from __future__ import annotations

import pytest
from pybpftrace.core.diagnostics import (
    CompileError,
    Diagnostic,
    Diagnostics,
    Note,
    Severity,
    did_you_mean,
    format_all,
    format_diagnostic,
)
from pybpftrace.core.source import Source, Span


def report(text: str | bytes, start: int, end: int) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    return format_diagnostic(Diagnostic(Severity.ERROR, "no", Span(start, end)), Source.from_bytes("s", data))


def test_one_line_its_source_and_a_mark_under_it() -> None:
    source = Source("stdin", "begin { $x + 1; }\n")
    diagnostic = Diagnostic(Severity.ERROR, "Undefined or undeclared variable: $x", Span(8, 10))
    assert format_diagnostic(diagnostic, source) == (
        "stdin:1:9-11: ERROR: Undefined or undeclared variable: $x\n"
        "begin { $x + 1; }\n"
        "        ~~\n"
    )


def test_a_tab_is_one_column_and_four_blanks() -> None:
    assert report("\ta\tb", 1, 4) == "s:1:2-5: ERROR: no\n    a    b\n    ~~~~~~\n"
    assert report("\tx", 0, 1) == "s:1:1-2: ERROR: no\n    x\n~~~~\n"


def test_columns_are_bytes_and_marks_stand_under_characters() -> None:
    assert report("é = ü", 5, 7) == "s:1:6-8: ERROR: no\né = ü\n    ~\n"


def test_several_lines_are_shown_as_they_are_without_a_mark() -> None:
    assert report("a\n\tb\nc\nd", 0, 6) == "s:1-3: ERROR: no\na\n\tb\nc\n"


def test_the_mark_ends_at_the_end_of_the_line() -> None:
    assert report("abc\nd", 1, 4) == "s:1:2-5: ERROR: no\nabc\n ~~\n"


def test_what_is_missing_at_the_end_of_a_line_still_has_a_mark() -> None:
    assert report("abc\nd", 3, 4) == "s:1:4-5: ERROR: no\nabc\n   ~\n"
    assert report("abc", 3, 4) == "s:1:4-5: ERROR: no\nabc\n   ~\n"
    assert report("", 0, 1) == "s:1:1-2: ERROR: no\n\n~\n"


def test_a_carriage_return_is_not_shown() -> None:
    assert report("ab\r\ncd\r\n", 4, 6) == "s:2:1-3: ERROR: no\ncd\n~~\n"


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert report(b"\xff x", 2, 3) == "s:1:3-4: ERROR: no\n\ufffd x\n  ~\n"


def test_without_a_place_or_a_source_only_the_message_is_told() -> None:
    assert format_diagnostic(Diagnostic(Severity.WARNING, "odd"), Source("s", "x")) == "WARNING: odd\n"
    assert format_diagnostic(Diagnostic(Severity.WARNING, "odd", Span(0, 1)), None) == "WARNING: odd\n"


def test_one_newline_at_the_end_of_a_message_is_dropped_and_others_are_kept() -> None:
    assert format_diagnostic(Diagnostic(Severity.ERROR, "a\nb\n\n"), None) == "ERROR: a\nb\n\n"


def test_notes_come_behind_the_excerpt_and_hints_last() -> None:
    diagnostic = Diagnostic(
        Severity.ERROR, "twice", Span(2, 3), hints=("use b", "or c"), notes=(Note("first here", Span(0, 1)),)
    )
    assert format_diagnostic(diagnostic, Source("s", "a a")) == (
        "s:1:3-4: ERROR: twice\na a\n  ~\ns:1:1-2: ERROR: first here\na a\n~\nHINT: use b\nHINT: or c\n"
    )


@pytest.mark.parametrize(("severity", "code"), [(Severity.ERROR, "31"), (Severity.WARNING, "33")])
def test_colour_goes_around_the_first_line_only(severity: Severity, code: str) -> None:
    diagnostic = Diagnostic(severity, "no", Span(0, 1), hints=("h",))
    lines = format_diagnostic(diagnostic, Source("s", "x"), colour=True).split("\n")
    assert lines == [f"\x1b[{code}ms:1:1-2: {severity.value}: no\x1b[0m", "x", "~", "HINT: h", ""]


def test_errors_come_before_warnings_each_in_the_order_recorded() -> None:
    diagnostics = Diagnostics()
    diagnostics.warning("w1")
    diagnostics.error("e1")
    diagnostics.warning("w2")
    diagnostics.error("e2")
    assert format_all(diagnostics.recorded, None) == "ERROR: e1\nERROR: e2\nWARNING: w1\nWARNING: w2\n"


def test_the_same_diagnostic_is_kept_once() -> None:
    diagnostics = Diagnostics()
    for start in (0, 1, 0):
        diagnostics.error("no", Span(start, 2))
    assert [d.span for d in diagnostics.recorded] == [Span(0, 2), Span(1, 2)]


def test_only_errors_are_failures() -> None:
    diagnostics = Diagnostics()
    diagnostics.warning("odd")
    diagnostics.raise_if_failed()
    assert not diagnostics.failed
    diagnostics.error("no")
    with pytest.raises(CompileError, match="odd; no") as raised:
        diagnostics.raise_if_failed()
    assert [d.message for d in raised.value.diagnostics] == ["odd", "no"]


def test_a_hint_names_what_is_close_and_nothing_else() -> None:
    assert did_you_mean("filname", ["filename", "flags"]) == ("did you mean 'filename'?",)
    assert did_you_mean("x", ["filename", "flags"]) == ()
    functions = [f"function_{number}" for number in range(9_000)]
    assert did_you_mean("printk", [*functions, "_printk", "prb_init"]) == ("did you mean '_printk'?",)


def test_lines_and_columns_count_from_one() -> None:
    source = Source("s", "ab\ncd\n")
    at = source.locate(Span(3, 5))
    assert (at.line, at.column, at.end_line, at.end_column) == (2, 1, 2, 3)
    assert [source.locate(Span(offset, offset)).line for offset in (0, 2, 3, 6)] == [1, 1, 2, 3]
    assert [source.line(number) for number in (1, 2, 3)] == ["ab", "cd", ""]


def test_a_span_that_ends_with_a_newline_is_in_one_line() -> None:
    at = Source("s", "ab\ncd").locate(Span(0, 3))
    assert (at.line, at.end_line) == (1, 1)


def test_spans_join() -> None:
    assert Span(1, 2).to(Span(5, 7)) == Span(1, 7)
