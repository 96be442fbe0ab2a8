"""The package as it is shipped: a wheel holds everything, and what was installed from it runs from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pybpftrace
import pytest

ROOT = Path(pybpftrace.__file__).resolve().parent
ROOMS = ("cli", "core", "passes", "plugins", "tools")


def shipped_files() -> set[str]:
    """Everything in the rooms that a wheel has to have, as paths inside the package."""
    files = {"__init__.py", "__main__.py", "py.typed"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            if path.suffix in (".py", ".bt", ".txt", ".lark"):
                files.add(str(path.relative_to(ROOT)))
    return files


def test_pyproject_lists_every_package_of_the_house() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = {path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    names = {"pybpftrace", *("pybpftrace." + ".".join(path.relative_to(ROOT).parts) for path in found)}
    assert set(settings["packages"]) == names


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the repository, because setuptools writes beside the sources."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("installed without its sources, so there is nothing to build")
    copy, out = tmp_path_factory.mktemp("source") / "r", tmp_path_factory.mktemp("wheel")
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", *shipped_files()):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("no package index in reach, which building in isolation needs for setuptools")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_the_wheel_holds_every_module_tool_and_grammar(wheel: Path) -> None:
    inside = {name.removeprefix("pybpftrace/") for name in zipfile.ZipFile(wheel).namelist()}
    assert shipped_files() <= inside


def test_the_wheel_holds_neither_tests_nor_benchmarks(wheel: Path) -> None:
    tops = {name.split("/")[1] for name in zipfile.ZipFile(wheel).namelist() if name.startswith("pybpftrace/")}
    assert tops == {"__init__.py", "__main__.py", "py.typed", *ROOMS}


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The command of a fresh environment in which the wheel was installed; other packages are those of this one."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    [site] = home.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith(("site-packages", "dist-packages"))) + "\n"
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)],
        check=True,
    )
    return str(home / "bin" / "pybpftrace")


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
