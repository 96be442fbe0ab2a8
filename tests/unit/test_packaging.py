"""The package as it is shipped: a wheel holds everything, and what was installed from it runs from anywhere."""

from __future__ import annotations

import os
import subprocess
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pybpftrace
import pytest

ROOT = Path(pybpftrace.__file__).resolve().parent
Install = Callable[[Path, Iterable[Path]], Path]
ROOMS = ("api", "cli", "core", "passes", "plugins", "tools")


def test_pyproject_lists_every_package_of_the_house() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    names = {"pybpftrace", *("pybpftrace." + ".".join(path.relative_to(ROOT).parts) for path in found)}
    assert set(settings["packages"]) == names


def test_the_wheel_holds_every_module_tool_and_grammar(wheel: Path, shipped: set[str]) -> None:
    inside = {name.removeprefix("pybpftrace/") for name in zipfile.ZipFile(wheel).namelist()}
    assert shipped <= inside


def test_the_wheel_holds_neither_tests_nor_benchmarks(wheel: Path) -> None:
    tops = {name.split("/")[1] for name in zipfile.ZipFile(wheel).namelist() if name.startswith("pybpftrace/")}
    assert tops == {"__init__.py", "__main__.py", "py.typed", *ROOMS}


def test_the_wheel_has_the_schema_of_the_output(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as inside:
        [name] = [name for name in inside.namelist() if name.endswith(".data/data/share/pybpftrace/output.schema.json")]
        assert inside.read(name) == (ROOT / "docs" / "output.schema.json").read_bytes()


@pytest.fixture(scope="module")
def command(wheel: Path, install: Install, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of a fresh environment in which the wheel was installed; other packages are those of this one."""
    return str(install(tmp_path_factory.mktemp("environment"), [wheel]) / "pybpftrace")


def run(*words: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(directory / "cache")}
    return subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_installed_command_runs_from_another_directory(command: str, tmp_path: Path) -> None:
    done = run(command, "-V", directory=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (f"pybpftrace v{pybpftrace.__version__}\n", "", 0)


def test_the_package_runs_as_a_module(command: str, tmp_path: Path) -> None:
    done = run(os.path.join(os.path.dirname(command), "python"), "-m", "pybpftrace", "-V", directory=tmp_path)
    assert done.stdout == f"pybpftrace v{pybpftrace.__version__}\n"


@pytest.mark.parametrize("name", ["opensnoop.bt", "opensnoop"])
def test_a_packaged_tool_is_found_by_name_from_anywhere(command: str, tmp_path: Path, name: str) -> None:
    done = run(command, "--stop-after", "parse", "--dump-ast", name, directory=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "sys_enter_openat" in done.stdout
    python = os.path.join(os.path.dirname(command), "python")
    place = run(python, "-c", "import pybpftrace; print(pybpftrace.__file__)", directory=tmp_path).stdout
    assert place.startswith(os.path.dirname(os.path.dirname(command)))
