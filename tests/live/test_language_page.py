"""Every example of docs/language.md and of docs/stdlib.md runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tracing import run

pytestmark = pytest.mark.live

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES, LIBRARY = (
    re.findall(r"^## (.+?)\n.*?^```bpftrace\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE)
    for page in ("language.md", "stdlib.md")
)


@pytest.mark.parametrize(("title", "script"), EXAMPLES + LIBRARY, ids=[title for title, _ in EXAMPLES + LIBRARY])
def test_an_example_runs_without_a_complaint(title: str, script: str) -> None:
    mode = ["--test"] if "test:" in script else []
    done = run(*mode, "-q", "-e", script)
    assert (done.status, done.stderr) == (0, "")


def test_every_section_has_an_example() -> None:
    assert (len(EXAMPLES), len(LIBRARY)) == (7, 7)
