"""Every example of docs/language.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tracing import run

pytestmark = pytest.mark.live

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
EXAMPLES = re.findall(r"^## (.+?)\n.*?^```bpftrace\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("title", "script"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs_without_a_complaint(title: str, script: str) -> None:
    mode = ["--test"] if "test:" in script else []
    done = run(*mode, "-q", "-e", script)
    assert (done.status, done.stderr) == (0, "")


def test_every_section_has_an_example() -> None:
    assert len(EXAMPLES) == 7
