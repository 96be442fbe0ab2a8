"""Which statements are warned about because nothing is done with their value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.diagnostics import Diagnostics, Severity
from pybpftrace.core.pipeline import STAGES, Pipeline, StageStopped, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins

TARGET = Path(__file__).parent.parent / "golden" / "target"


def discarded(body: str) -> list[str]:
    """The parts of the body that are warned about."""
    source = Source("t", f"BEGIN {{ $x = 1; @m[1] = 2; {body}; }}")
    diagnostics = Diagnostics()
    pipeline = Pipeline(plugin_manager(builtin_plugins()), stop_after=STAGES[1].name)
    with pytest.raises(StageStopped):
        pipeline.compile(source, Target.from_directory(TARGET), diagnostics=diagnostics)
    found = []
    for diagnostic in diagnostics.recorded:
        assert (diagnostic.severity, diagnostic.message) == (Severity.WARNING, "Return value discarded.")
        assert diagnostic.span is not None
        found.append(source.text[diagnostic.span.start : diagnostic.span.end])
    return found


@pytest.mark.parametrize(
    "text", ["pid", "$x", "@m[1]", "-pid", "$x + 1", "str(0)", "true", '"a"', "1 + 2", "delete(@m[1])"]
)
def test_a_value_that_goes_nowhere_is_a_warning(text: str) -> None:
    assert discarded(text) == [text]


@pytest.mark.parametrize(
    "text", ["$x++", "--@m[1]", "print(1)", "_ = delete(@m[1])", "$x == 1 ? print(1) : print(2)", "$x = pid"]
)
def test_what_has_an_effect_is_none(text: str) -> None:
    assert discarded(text) == []


def test_each_unused_result_is_told() -> None:
    assert discarded("pid; tid; if ($x) { nsecs; }") == ["pid", "tid", "nsecs"]
