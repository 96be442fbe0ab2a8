"""What `delete` refuses, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybpftrace.core.diagnostics import CompileError, format_all
from pybpftrace.core.pipeline import Pipeline, plugin_manager
from pybpftrace.core.source import Source
from pybpftrace.core.target import Target
from pybpftrace.passes import builtin_plugins

TARGET = Path(__file__).parent.parent / "golden" / "target"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "begin { @c = count(); delete(@c); }",
            "test.bt:1:30-32: ERROR: delete() can not remove the parts that other CPUs have of @c; use clear()\n"
            "begin { @c = count(); delete(@c); }\n"
            "                             ~~\n",
        ),
        (
            "begin { @k[1] = 2; delete(@k); }",
            "test.bt:1:27-29: ERROR: call to delete() with a single argument expects a map without explicit keys "
            "(scalar map)\n"
            "begin { @k[1] = 2; delete(@k); }\n"
            "                          ~~\n",
        ),
        (
            "begin { delete(5); }",
            "test.bt:1:16-17: ERROR: delete() expects a map argument\nbegin { delete(5); }\n               ~\n",
        ),
    ],
)
def test_what_cannot_be_deleted_is_refused(script: str, message: str) -> None:
    source = Source("test.bt", script)
    with pytest.raises(CompileError) as refused:
        Pipeline(plugin_manager(builtin_plugins())).compile(source, Target.from_directory(TARGET))
    assert format_all(refused.value.diagnostics, source) == message
