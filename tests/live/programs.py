"""C programs to be traced, built by the tests that need them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def build(directory: Path, name: str, source: str, *flags: str) -> str:
    """The path of the program; the test is skipped where nothing can build it."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc to build the traced program")
    file = directory / f"{name}.c"
    file.write_text(source)
    program = directory / name
    subprocess.run(["gcc", "-O1", "-fno-omit-frame-pointer", *flags, "-o", program, file], check=True)
    return str(program)
