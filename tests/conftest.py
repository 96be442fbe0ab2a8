"""Packages built from their sources, and fresh environments that they are installed into.

An environment borrows the other packages of the one that the tests run in, so nothing is downloaded but what building
needs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from pathlib import Path

import pybpftrace
import pytest

#: What tests of several kinds share is imported from beside this file.
sys.path.insert(0, str(Path(__file__).parent))

ROOT = Path(pybpftrace.__file__).resolve().parent
ROOMS = ("api", "cli", "core", "passes", "plugins", "tools")

#: Makes an environment of the wheels in a directory, and gives the directory of its commands.
Install = Callable[[Path, Iterable[Path]], Path]
#: Builds a wheel of the sources in a directory.
Build = Callable[[Path], Path]


def shipped_files() -> set[str]:
    """Everything in the rooms that a wheel has to have, as paths inside the package."""
    files = {"__init__.py", "__main__.py", "py.typed"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.suffix in (".py", ".bt", ".txt", ".lark", ".h"):
                files.add(str(path.relative_to(ROOT)))
    return files


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What follows each other in one process of pytest-xdist: live tests, those in one guest, else those of a file."""
    for item in items:
        kind = item.path.relative_to(ROOT / "tests").parts[0]
        guest = getattr(item, "callspec", None) and item.callspec.params.get("guest")
        group = guest or ("live" if kind in ("live", "self") else str(item.path))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shipped() -> set[str]:
    return shipped_files()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    def build_wheel(source: Path) -> Path:
        out = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "No matching distribution" in done.stderr:
            pytest.skip("no package index in reach, which building in isolation needs for setuptools")
        assert done.returncode == 0, done.stderr
        return next(out.glob("*.whl"))

    return build_wheel


@pytest.fixture(scope="session")
def wheel(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pybpftrace, built from a copy of the repository, because setuptools writes beside the sources."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("installed without its sources, so there is nothing to build")
    copy = tmp_path_factory.mktemp("source") / "r"
    for name in ("pyproject.toml", "README.md", "docs/output.schema.json", *shipped_files()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    return build(copy)


@pytest.fixture(scope="session")
def install() -> Install:
    def install_wheels(home: Path, wheels: Iterable[Path]) -> Path:
        venv.create(home, with_pip=False)
        python = home / "bin" / "python"
        [site] = home.glob("lib/python*/site-packages")
        (site / "borrowed.pth").write_text(
            "\n".join(path for path in sys.path if path.endswith(("site-packages", "dist-packages"))) + "\n"
        )
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
        subprocess.run([*command, *map(str, wheels)], check=True)
        return home / "bin"

    return install_wheels
