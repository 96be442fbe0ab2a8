"""What docs/architecture.md says of the source files and no linter checks."""

from __future__ import annotations

import re
from pathlib import Path

HOUSE = Path(__file__).parents[2]
ROOMS = ("core", "passes", "plugins", "api", "cli")


def test_the_house_imports_its_own_modules_by_relative_names() -> None:
    own = re.compile(r"^ *(?:from|import) pybpftrace\b.*", re.MULTILINE)
    files = [file for room in ROOMS for file in (HOUSE / room).rglob("*.py")]
    assert len(files) > 300
    assert [f"{file.relative_to(HOUSE)}: {line}" for file in files for line in own.findall(file.read_text())] == []
