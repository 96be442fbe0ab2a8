"""Every program of docs/python-api.md runs and prints what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

PAGE = (Path(__file__).parents[2] / "docs" / "python-api.md").read_text()
#: (heading, program, what the page shows below it)
PROGRAMS = re.findall(
    r"^#+ ([^\n]+)\n(?:(?!^#).)*?^```python\n(.*?)^```\n((?:\n(?:    [^\n]*\n)+)?)", PAGE, re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize(("title", "program", "shown"), PROGRAMS, ids=[title for title, _, _ in PROGRAMS])
def test_a_program_of_the_page_runs(title: str, program: str, shown: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    expected = "".join(line.removeprefix("    ") + "\n" for line in shown.strip("\n").split("\n")) if shown else ""
    assert not expected or done.stdout == expected


def test_the_page_has_its_three_uses_and_an_introduction() -> None:
    assert [title for title, _, _ in PROGRAMS] == [
        "The Python API",
        "A latency histogram in a test",
        "A watchdog",
        "A pandas DataFrame",
    ]
